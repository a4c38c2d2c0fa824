"""Captioned sheets of pictures."""

import numpy as np
import pytest

from sceneswap.pictures import captioned_grid, grid, page_side, stacked, swap_grid

CELL = (40, 60)


def test_captions_stand_outside_the_pictures() -> None:
    rows = [[np.full((*CELL, 3), 90, np.uint8), None], [None, np.full((*CELL, 3), 200, np.uint8)]]
    plain, captioned = (
        grid(rows, CELL),
        captioned_grid(rows, CELL, ["one", "a caption far too long for it"], ["row", "r2"]),
    )
    height, width = plain.shape[:2]
    assert (captioned[-height:, -width:] == plain).all()
    assert (captioned[:-height] < 100).any()  # ink above
    assert (captioned[-height:, :-width] < 100).any()  # ink on the left
    assert (captioned_grid(rows, CELL) == plain).all()


def test_sheets_are_stacked_flush_right() -> None:
    narrow, wide = np.zeros((2, 3, 3), np.uint8), np.zeros((1, 5, 3), np.uint8)
    sheet = stacked(narrow, wide)
    assert sheet.shape == (3, 5, 3)
    assert (sheet[:2, :2] == 255).all()
    assert (sheet[:2, 2:] == 0).all()


@pytest.mark.parametrize("name", ["", "a name of several words", "n" * 255, "\udcff\n\t漢", "-" * 90])
def test_any_name_is_written_in_at_most_two_lines(name: str) -> None:
    photo = np.full((*CELL, 3), 90, np.uint8)
    plain = swap_grid([photo], [photo], [[photo]], CELL)
    named = swap_grid([photo], [photo], [[photo]], CELL, ([name], [name]))
    assert (named[-plain.shape[0] :, -plain.shape[1] :] == plain).all()
    assert named.shape[0] <= plain.shape[0] + 2 * 17 + 6
    assert named.shape[1] <= plain.shape[1] + 12 + 120


def test_pages_stay_small() -> None:
    assert page_side(1) == 512
    assert 64 <= page_side(10_000) < page_side(100) <= 512
