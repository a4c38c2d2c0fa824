"""From values of pairs to numbers of a table: means with bootstrap intervals, and curves over similarity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
BINS = 10
_PART = 100  # resamples made at once: bounds the memory


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and 95 % percentile-bootstrap interval of the mean: {"mean", "low", "high", "n"}.

    The same number of values is always resampled alike (2,000 resamples, seed 0), so that methods measured on the same
    pairs share their resamples.
    """
    data = np.asarray(values, dtype=np.float64)
    low, high = np.quantile(_resampled(data[None])[0], [0.025, 0.975])
    return {"mean": float(data.mean()), "low": float(low), "high": float(high), "n": len(data)}


def ratio(values: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    """Ratio of the means of two methods on the same pairs, with its interval, pairs resampled together.

    others: of means above 0. Returns {"ratio", "low", "high", "n"}.
    """
    data = np.stack([np.asarray(values, dtype=np.float64), np.asarray(others, dtype=np.float64)])
    means = _resampled(data)
    low, high = np.quantile(means[0] / means[1], [0.025, 0.975])
    one, other = data.mean(axis=1)
    return {"ratio": float(one / other), "low": float(low), "high": float(high), "n": data.shape[1]}


def _resampled(data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (R, N) → means of resamples of their columns, (R, RESAMPLES)."""
    rng, count = np.random.default_rng(0), data.shape[1]
    parts = [data[:, rng.integers(count, size=(_PART, count))].mean(axis=2) for _ in range(RESAMPLES // _PART)]
    return np.concatenate(parts, axis=1)


def binned(similarities: Sequence[float], values: Sequence[float]) -> list[dict[str, Any]]:
    """`interval` of the values in each of ten equal bins of similarity, 0 … 1; empty bins are left out.

    Each has also "from" and "to": similarities s with from ≤ s < to, the last bin with s = 1.
    """
    bins = np.minimum((np.asarray(similarities) * BINS).astype(int), BINS - 1)
    data = np.asarray(values, dtype=np.float64)
    return [
        {"from": b / BINS, "to": (b + 1) / BINS, **interval(data[bins == b].tolist())}
        for b in range(BINS)
        if np.any(bins == b)
    ]
