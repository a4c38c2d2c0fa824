"""Captioned sheets of pictures."""

import numpy as np

from sceneswap.pictures import captioned_grid, grid, stacked

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
