"""Composing pictures for people: grids of photographs with a header row and column."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sceneswap.images import resize_photo
from sceneswap.scene import Photo

T = TypeVar("T", covariant=True)

_GAP = 4
_WHITE = 255
_INK = (40, 43, 48)
_FONT_SIZE, _LINE = 13, 17  # pixels
_NAME_WIDTH = 120  # pixels that a row's name may take, if not as many as a cell
_PAGE_PIXELS, _LARGEST_ON_PAGE = 12_000_000, 512  # of all pictures of a page together; the longer side of one


def fit(photo: Photo, size: tuple[int, int]) -> Photo:
    """Shrink or enlarge a photo (H, W, 3) to lie inside `size` (height, width), aspect kept, on white."""
    height, width = size
    scale = min(height / photo.shape[0], width / photo.shape[1])
    inner = (max(1, round(photo.shape[0] * scale)), max(1, round(photo.shape[1] * scale)))
    canvas = np.full((height, width, 3), _WHITE, np.uint8)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    canvas[top : top + inner[0], left : left + inner[1]] = resize_photo(photo, inner)
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


def captioned_grid(
    rows: Sequence[Sequence[Photo | None]],
    cell: tuple[int, int],
    columns: Sequence[str] = (),
    names: Sequence[str] = (),
) -> Photo:
    """A `grid` with captions above its columns and names left of its rows, in at most two lines, cut where they are longer."""
    sheet, font = grid(rows, cell), ImageFont.load_default(_FONT_SIZE)
    above = [_wrapped(name, font, cell[1]) for name in columns]
    beside = [_wrapped(name, font, max(_NAME_WIDTH, cell[1])) for name in names]
    top = max((len(lines) for lines in above), default=0) * _LINE + (6 if above else 0)
    left = 12 + max((round(font.getlength(line)) for lines in beside for line in lines), default=-12)
    canvas = np.full((sheet.shape[0] + top, sheet.shape[1] + left, 3), _WHITE, np.uint8)
    canvas[top:, left:] = sheet
    image = Image.fromarray(canvas)
    write = partial(ImageDraw.Draw(image).text, fill=_INK, font=font, spacing=_LINE - _FONT_SIZE)
    for j, lines in enumerate(above):
        middle = left + _GAP + j * (cell[1] + _GAP) + cell[1] / 2
        write((middle, top - 1), "\n".join(lines), anchor="md", align="center")
    for i, lines in enumerate(beside):
        middle = top + _GAP + i * (cell[0] + _GAP) + cell[0] / 2
        write((left - 4, middle), "\n".join(lines), anchor="rm", align="right")
    return np.asarray(image)


def _wrapped(words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float, most: int = 2) -> list[str]:
    """`words` in at most `most` lines of `width` pixels, broken after spaces and hyphens if they can, and cut with dots."""
    rest = "".join(c if c.isprintable() else "?" for c in words).strip()
    lines: list[str] = []
    while rest and len(lines) < most:
        fits = next((n for n in range(len(rest), 1, -1) if font.getlength(rest[:n]) <= width), 1)
        if fits < len(rest) and len(lines) == most - 1:
            cut = next((n for n in range(fits, 0, -1) if font.getlength(rest[:n] + "…") <= width), 0)
            return [*lines, rest[:cut].rstrip() + "…"]
        soft = max((n for n in range(fits // 2, fits + 1) if rest[n - 1] in " -_.,/"), default=fits)
        end = fits if fits == len(rest) else soft
        lines.append(rest[:end].strip())
        rest = rest[end:].strip()
    return lines or [""]


def stacked(*sheets: Photo) -> Photo:
    """Sheets below one another, flush right on white."""
    width = max(sheet.shape[1] for sheet in sheets)
    return np.concatenate(
        [np.pad(sheet, ((0, 0), (width - sheet.shape[1], 0), (0, 0)), constant_values=_WHITE) for sheet in sheets]
    )


def placeholder(words: str, side: int = 128) -> Photo:
    """A grey square with `words`, for what has no picture of its own."""
    image = Image.new("RGB", (side, side), (200, 200, 200))
    pen = ImageDraw.Draw(image)
    pen.text((side / 2, side / 2), words, _INK, ImageFont.load_default(_FONT_SIZE), anchor="mm", align="center")
    return np.asarray(image)


def swap_grid(
    layouts: Sequence[Photo],
    exemplars: Sequence[Photo],
    drawn: Sequence[Sequence[Photo]],
    cell: tuple[int, int],
    names: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Photo:
    """The paper's style-structure grid: first row exemplars, first column layouts (label maps), drawn[row][column].

    names: of layouts and of exemplars, left of the rows and above the columns.
    """
    rows: list[list[Photo | None]] = [[None, *exemplars]]
    rows += [[layout, *row] for layout, row in zip(layouts, drawn, strict=True)]
    left, above = (["", *some] if some else [] for some in names)
    return captioned_grid(rows, cell, above, left)


def page_side(count: int) -> int:
    """The longer side in pixels of each of `count` pictures on one page: a page stays below some three megabytes."""
    return int(min(_LARGEST_ON_PAGE, max(64, (_PAGE_PIXELS / max(1, count)) ** 0.5)))


def inside(size: Sequence[int], side: int, *, enlarge: bool = False) -> tuple[int, int]:
    """(height, width) of `size` with the longer side brought down to `side` pixels, aspect kept; smaller ones stay.

    enlarge: bring smaller ones up to it too.
    """
    scale = side / max(size[:2]) if enlarge else min(1.0, side / max(size[:2]))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shrink(photo: Photo, side: int, *, exact: bool = False) -> Photo:
    """Bring the longer side of a photo (H, W, 3) down to `side` pixels, aspect kept; smaller ones stay as they are.

    exact: take the nearest pixels, so that no new colours appear (coloured label maps).
    """
    size = inside(photo.shape, side)
    if size == photo.shape[:2]:
        return photo
    if exact:
        return np.asarray(Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.NEAREST))
    return resize_photo(photo, size)


class Items(Protocol[T]):
    """Anything with a length whose items are read by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> T: ...


def evenly_spread(items: Items[T], most: int | None) -> list[T]:
    """At most `most` of the items (None: all), evenly spread, the first among them."""
    count = len(items) if most is None else min(most, len(items))
    return [items[i * len(items) // count] for i in range(count)]
