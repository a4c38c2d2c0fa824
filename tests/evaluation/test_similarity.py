"""Label histograms and their intersection."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sceneswap.evaluation.similarity import histogram, intersection
from sceneswap.scene import LabelMap

CLASSES = 4
maps = st.lists(st.integers(0, CLASSES), min_size=1, max_size=30).map(lambda v: np.array([v], np.int16))


def test_by_hand() -> None:
    a = np.array([[0, 0], [1, CLASSES]], np.int16)  # 2/3, 1/3, and a void pixel that does not count
    b = np.array([[1, 1], [1, 0]], np.int16)
    assert histogram(a, CLASSES).tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    assert intersection(histogram(a, CLASSES), histogram(b, CLASSES)) == pytest.approx(1 / 4 + 1 / 3)


@given(maps, maps)
def test_intersection_is_a_symmetric_share(a: LabelMap, b: LabelMap) -> None:
    x, y = histogram(a, CLASSES), histogram(b, CLASSES)
    assert 0 <= intersection(x, y) <= 1
    assert intersection(x, y) == intersection(y, x)
    assert intersection(x, x) == pytest.approx(1 if (a < CLASSES).any() else 0)


def test_no_common_class_is_zero() -> None:
    a, b = np.zeros((2, 2), np.int16), np.ones((3, 1), np.int16)
    assert intersection(histogram(a, CLASSES), histogram(b, CLASSES)) == 0
    assert histogram(np.full((2, 2), CLASSES, np.int16), CLASSES).tolist() == [0] * CLASSES
