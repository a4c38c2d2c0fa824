"""Composing pictures for people: grids of photographs with a header row and column."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from sceneswap.scene import Photo

_GAP = 4
_WHITE = 255


def fit(photo: Photo, size: tuple[int, int]) -> Photo:
    """Shrink or enlarge a photo (H, W, 3) to lie inside `size` (height, width), aspect kept, on white."""
    height, width = size
    scale = min(height / photo.shape[0], width / photo.shape[1])
    inner = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    if inner == (photo.shape[1], photo.shape[0]) == (width, height):
        return photo
    resized = np.asarray(Image.fromarray(photo).resize(inner, Image.Resampling.LANCZOS))
    canvas = np.full((height, width, 3), _WHITE, np.uint8)
    top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = resized
    return canvas


def grid(rows: Sequence[Sequence[Photo | None]], cell: tuple[int, int]) -> Photo:
    """Lay photos out as rows of cells of `cell` (height, width) pixels with thin white gaps; None stays empty."""
    columns = max(len(row) for row in rows)
    height, width = cell
    sheet = np.full((len(rows) * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), _WHITE, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j, photo in enumerate(row):
            if photo is not None:
                top, left = _GAP + i * (height + _GAP), _GAP + j * (width + _GAP)
                sheet[top : top + height, left : left + width] = fit(photo, cell)
    return sheet


def swap_grid(
    layouts: Sequence[Photo], exemplars: Sequence[Photo], drawn: Sequence[Sequence[Photo]], cell: tuple[int, int]
) -> Photo:
    """The paper's style-structure grid: first row exemplars, first column layouts (label maps), drawn[row][column]."""
    header: list[Photo | None] = [None, *exemplars]
    return grid([header, *([layout, *row] for layout, row in zip(layouts, drawn, strict=True))], cell)


def shrink(photo: Photo, side: int, *, exact: bool = False) -> Photo:
    """Bring the longer side of a photo (H, W, 3) down to `side` pixels, aspect kept; smaller ones stay as they are.

    exact: take the nearest pixels, so that no new colours appear (coloured label maps).
    """
    scale = side / max(photo.shape[:2])
    if scale >= 1:
        return photo
    inner = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(
        Image.fromarray(photo).resize(inner, Image.Resampling.NEAREST if exact else Image.Resampling.LANCZOS)
    )
