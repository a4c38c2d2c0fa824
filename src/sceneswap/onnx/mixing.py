"""The arithmetic on looks that the graphs leave to whoever runs them, in NumPy; the formulas of `inference.mixing`."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

EXTRAPOLATION_LIMIT = 3.0
"""As `inference.mixing.EXTRAPOLATION_LIMIT`."""


def mixed(looks: Sequence[Mapping[str, Array]], weights: Array, scales: int) -> dict[str, Array]:
    """The inputs `values.i`, `summary.i` and `blend` of the graph for J looks mixed everywhere alike.

    looks: `values.i` (1, N, K), `mass.i` (1, K), `summary.i` (1, M2). weights: (J,), none of them 0, sum 1.
    The values become one set, V = Σ w_j Z_j V_j / Σ w_j Z_j (the α form).
    """
    inputs = {"blend": weights[None, None].astype(np.float32)}
    for i in range(scales):
        mass, values = (np.concatenate([look[f"{name}.{i}"] for look in looks]) for name in ("mass", "values"))
        shares = bounded_shares(
            mass + np.log(np.abs(weights))[:, None], np.broadcast_to(weights[:, None] < 0, mass.shape)
        )
        inputs[f"values.{i}"] = (shares[:, None] * values).sum(axis=0, dtype=np.float32)[None, None]
        inputs[f"summary.{i}"] = np.concatenate([look[f"summary.{i}"] for look in looks])[None]
    return inputs


def side_by_side(looks: Sequence[Mapping[str, Array]], scales: int) -> dict[str, Array]:
    """The same for J looks that weight maps choose among (the β form): one set of values each."""
    inputs = {"blend": np.eye(len(looks), dtype=np.float32)[None]}
    for i in range(scales):
        for name in ("values", "summary"):
            inputs[f"{name}.{i}"] = np.concatenate([look[f"{name}.{i}"] for look in looks])[None]
    return inputs


def bounded_shares(logs: Array, negative: NDArray[np.bool_]) -> Array:
    """See `inference.mixing.bounded_shares`: signed shares (J, …) that sum to 1."""
    positive_sum = _logsumexp(np.where(negative, -np.inf, logs))
    negative_sum = _logsumexp(np.where(negative, logs, -np.inf))
    ceiling = math.log(EXTRAPOLATION_LIMIT / (1 + EXTRAPOLATION_LIMIT))
    ratio = np.exp(np.minimum(negative_sum - positive_sum, ceiling))
    total = ratio / (1 - ratio)
    finite = np.maximum(negative_sum, np.finfo(np.float32).min)
    below, above = np.where(negative, logs - finite, -np.inf), np.where(negative, -np.inf, logs - positive_sum)
    return ((1 + total) * np.exp(above) - total * np.exp(below)).astype(np.float32)


def _logsumexp(logs: Array) -> Array:
    """Over the first axis; -inf where all are."""
    top = logs.max(axis=0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(logs - np.where(np.isneginf(top), 0, top)).sum(axis=0)) + top
