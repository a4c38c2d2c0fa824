"""Patches: disjoint, inside, uniform over all placements, scaling with the image size."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sceneswap.data.patches import Box, disjoint_pair, free_crop, large_crop_size, patch_size

DRAWS = 4000


def inside(box: Box, size: tuple[int, int]) -> bool:
    return 0 <= box.top <= size[0] - box.height and 0 <= box.left <= size[1] - box.width


def assert_uniform(counts: Counter, outcomes: list) -> None:
    """All outcomes occur, nothing else does, and Pearson's statistic lies within 5 standard deviations of its mean."""
    assert set(counts) == set(outcomes)
    expected = counts.total() / len(outcomes)
    statistic = sum((counts[outcome] - expected) ** 2 / expected for outcome in outcomes)
    freedom = len(outcomes) - 1
    assert statistic < freedom + 5 * np.sqrt(2 * freedom)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32))
def test_a_pair_is_disjoint_and_inside_or_refused(height: int, width: int, h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    possible = h <= height and w <= width and (2 * h <= height or 2 * w <= width)
    if not possible:
        with pytest.raises(ValueError, match="do not fit"):
            disjoint_pair(rng, (height, width), (h, w))
        return
    pair = disjoint_pair(rng, (height, width), (h, w))
    covered = np.zeros((height, width), int)
    for box in pair:
        assert (box.height, box.width) == (h, w)
        assert inside(box, (height, width))
        covered[box.top : box.top + h, box.left : box.left + w] += 1
    assert covered.max() == 1


def test_half_size_patches_split_the_axis_in_random_order_and_slide_on_the_other() -> None:
    rng = np.random.default_rng(0)
    pairs = [disjoint_pair(rng, (8, 8), (4, 4)) for _ in range(DRAWS)]
    vertical = [(p, q) for p, q in pairs if {p.top, q.top} == {0, 4} and {p.left, q.left} != {0, 4}]
    horizontal = [(p, q) for p, q in pairs if {p.left, q.left} == {0, 4} and {p.top, q.top} != {0, 4}]
    both = DRAWS - len(vertical) - len(horizontal)  # corner to corner: either axis may have been the one drawn
    assert both == pytest.approx(DRAWS * 2 / 25, rel=0.3)
    assert len(vertical) == pytest.approx(len(horizontal), rel=0.1)
    free = [offsets for offsets in product(range(5), repeat=2) if set(offsets) != {0, 4}]
    assert_uniform(
        Counter((p.top, p.left, q.left) for p, q in vertical), [(top, *offsets) for top in (0, 4) for offsets in free]
    )


def test_all_disjoint_placements_of_the_only_possible_axis_are_equally_likely() -> None:
    rng = np.random.default_rng(1)
    counts = Counter((p.left, q.left) for p, q in (disjoint_pair(rng, (3, 11), (3, 3)) for _ in range(DRAWS)))
    assert_uniform(counts, [(a, b) for a, b in product(range(9), repeat=2) if abs(a - b) >= 3])


def test_the_axis_is_drawn_evenly() -> None:
    rng = np.random.default_rng(2)
    pairs = [disjoint_pair(rng, (512, 512), (256, 256)) for _ in range(DRAWS)]
    vertical = sum({p.top, q.top} == {0, 256} for p, q in pairs)
    assert vertical == pytest.approx(DRAWS / 2, rel=0.08)


def test_a_free_crop_is_uniform() -> None:
    rng = np.random.default_rng(3)
    counts = Counter((box.top, box.left) for box in (free_crop(rng, (6, 9), (3, 4)) for _ in range(DRAWS)))
    assert_uniform(counts, list(product(range(4), range(6))))


def test_a_crop_of_the_whole_picture_is_the_picture() -> None:
    assert free_crop(np.random.default_rng(0), (5, 7), (5, 7)) == Box(0, 0, 5, 7)


@pytest.mark.parametrize("crop", [(6, 3), (3, 6), (0, 3)])
def test_a_crop_that_does_not_fit_is_refused(crop: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        free_crop(np.random.default_rng(0), (5, 5), crop)


def test_sizes_of_the_paper_and_their_scaling() -> None:
    assert (patch_size(512), large_crop_size(512)) == (256, 384)
    for size in range(32, 1025, 32):
        assert 512 * patch_size(size) == 256 * size
        assert 512 * large_crop_size(size) == 384 * size


@given(st.integers(1, 16), st.integers(0, 2**32))
def test_large_crops_share_44_percent(units: int, seed: int) -> None:
    size = 32 * units
    side = large_crop_size(size)
    rng = np.random.default_rng(seed)
    a, b = (free_crop(rng, (size, size), (side, side)) for _ in range(2))
    shared = (side - abs(a.top - b.top)) * (side - abs(a.left - b.left))
    assert shared >= 4 / 9 * side**2
