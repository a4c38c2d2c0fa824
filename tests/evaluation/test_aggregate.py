"""Means with bootstrap intervals, and curves over similarity."""

import numpy as np
import pytest

from sceneswap.evaluation.aggregate import binned, interval, ratio


def test_interval() -> None:
    assert interval([2.0] * 5) == {"mean": 2, "low": 2, "high": 2, "n": 5}
    values = np.random.default_rng(1).normal(size=400)
    found = interval(values.tolist())
    half = 1.96 * values.std() / 20
    assert found["mean"] - found["low"] == pytest.approx(half, rel=0.2)
    assert found["high"] - found["mean"] == pytest.approx(half, rel=0.2)


def test_ratio_resamples_pairs_together() -> None:
    values = np.random.default_rng(2).uniform(1, 9, 50)
    assert ratio((values / 2).tolist(), values.tolist()) == pytest.approx(
        {"ratio": 0.5, "low": 0.5, "high": 0.5, "n": 50}
    )
    other = np.random.default_rng(3).uniform(1, 9, 50)
    found = ratio(values.tolist(), other.tolist())
    assert found["ratio"] == pytest.approx(values.mean() / other.mean())
    assert found["low"] < found["ratio"] < found["high"]


def test_binned() -> None:
    bins = binned([0.0, 0.09, 0.95, 1.0], [1.0, 3.0, 5.0, 7.0])
    assert [(b["from"], b["to"], b["mean"], b["n"]) for b in bins] == [(0, 0.1, 2, 2), (0.9, 1, 6, 2)]
    assert binned([0.7], [1.0])[0]["from"] == 0.7  # 0.7 * 10 is not below 7 in floating point


def test_one_value_has_no_spread() -> None:
    assert interval([3.0]) == {"mean": 3, "low": 3, "high": 3, "n": 1}
