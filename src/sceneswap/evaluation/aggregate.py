"""From values of pairs to numbers of a table: means with bootstrap intervals, and curves over similarity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

RESAMPLES = 2000
BINS = 10


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and 95 % percentile-bootstrap interval of the mean: {"mean", "low", "high", "n"}.

    The same number of values is always resampled alike (2,000 resamples, seed 0), so that methods measured on the same
    pairs share their resamples.
    """
    data = np.asarray(values, dtype=np.float64)
    low, high = _bounds([data], np.mean)
    return {"mean": float(data.mean()), "low": low, "high": high, "n": len(data)}


def ratio(values: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    """Ratio of the means of two methods on the same pairs, with its interval, pairs resampled together.

    others: of means above 0. Returns {"ratio", "low", "high", "n"}.
    """
    data = [np.asarray(values, dtype=np.float64), np.asarray(others, dtype=np.float64)]
    low, high = _bounds(data, _ratio)
    return {"ratio": float(_ratio(*data)), "low": low, "high": high, "n": len(data[0])}


def _ratio(a: Any, b: Any, axis: Any = -1) -> Any:
    return a.mean(axis=axis) / b.mean(axis=axis)


def _bounds(data: list[NDArray[np.float64]], statistic: Any) -> tuple[float, float]:
    if len(data[0]) == 1:  # nothing to resample, and SciPy refuses to
        return (float(statistic(*data)),) * 2
    made = bootstrap(
        data, statistic, paired=True, n_resamples=RESAMPLES, batch=100, method="percentile",
        random_state=np.random.default_rng(0),
    )  # fmt: skip
    return float(made.confidence_interval.low), float(made.confidence_interval.high)


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
