"""What labels take from their like: by hand, and GAP takes what is there."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.outdoor.like import GROUPS, like_figure, like_to_like
from sceneswap.inference.transfer_matrix import TransferMatrix
from sceneswap.labels.presets import load_schema
from tests.tiny import random_scene, tiny_synthesizer


@pytest.mark.parametrize("schema", GROUPS)
def test_groups_hold_every_class_once(schema: str) -> None:
    names = [name for members in GROUPS[schema].values() for name in members]
    assert sorted(names) == sorted(load_schema(schema).names)


def test_by_hand() -> None:
    names = ("oak", "elm", "sea", "void")
    sums = np.array([[5.0, 1, 0, 0], [3, 0, 1, 0], [2, 1, 3, 0], [0, 0, 0, 0]])
    uniform = np.array([[2.5, 1, 1, 0], [2.5, 0, 1, 0], [5, 1, 2, 0], [0, 0, 0, 0]])
    positions = np.array([10.0, 2, 4, 0])
    matrix = TransferMatrix(names, sums, uniform, positions, positions, 3)
    oak, sea, elm = like_to_like(matrix, 10, {"trees": ("oak", "elm")})
    assert (oak.label, oak.group, oak.positions) == ("oak", "trees", 10)
    assert (oak.same, oak.same_uniform, oak.same_ratio) == (0.5, 0.25, 2)
    assert (oak.alike, oak.alike_uniform, oak.alike_ratio) == pytest.approx((0.8, 0.5, 1.6))
    assert (sea.group, sea.same_ratio, sea.alike_ratio) == ("sea", 1.5, 1.5)  # of no group
    assert (elm.same_ratio, elm.alike_ratio) == (None, 1)  # no exemplar has it, but its like
    assert oak.record()["alike_ratio"] == oak.alike_ratio
    assert [one.label for one in like_to_like(matrix, 1)] == ["oak"]
    assert oak.same_untrained is None
    start = replace(matrix, sums=np.array([[4.0, 1, 0, 0], [4, 1, 0, 0], [2, 0, 4, 0], [0, 0, 0, 0]]))
    (oak,) = like_to_like(matrix, 1, {"trees": ("oak", "elm")}, [matrix, start])
    assert (oak.same_untrained, oak.alike_untrained) == pytest.approx((0.45, 0.8))  # means of both


def test_global_average_pooling_takes_what_is_there() -> None:
    model = tiny_synthesizer("gap")
    matrix = TransferMatrix.empty((*model.schema.names, "void"))
    for seed in range(2):
        matrix = matrix.with_pair(model, random_scene(seed), random_scene(10 + seed))
    assert np.abs(matrix.sums - matrix.uniform).max() < 1e-4 * matrix.positions.max()
    found = like_to_like(matrix)
    assert len(found) == 4
    assert [one.same_ratio for one in found] == pytest.approx([1] * 4, rel=1e-5)


def test_the_chart_is_a_png_that_depends_on_its_values() -> None:
    series = ("ours", "GAP")
    one = like_figure(["sky", "sea"], {"same": ([0.5, 0.2], [0.1, 0.0])}, series)
    other = like_figure(["sky", "sea"], {"same": ([0.5, 0.3], [0.1, 0.0])}, series)
    assert one.png[:4] == b"\x89PNG"
    assert one != other
    assert one == like_figure(["sky", "sea"], {"same": ([0.5, 0.2], [0.1, 0.0])}, series)
