"""Label maps that are almost right, made right on request, with an account of every pixel that was not plainly said.

| what happened to the file | how it is read |
| --- | --- |
| instance ids, class id · 1000 + number | the class id |
| red = green = blue = the class id | the class id |
| red and blue exchanged; another gamma | the colour that it was |
| colours a little off, as after JPEG | the nearest colour, where an area has it |
| blended borders, as after smoothing | of the classes nearby, the one whose colour is nearest |

What is not one of these is refused: nothing is guessed over an area.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sceneswap.errors import UserError
from sceneswap.images import LOSSY, MAX_PIXELS, PHOTO_FORMATS, open_checked, picture_kind
from sceneswap.labels.colors import exact_indices, pack, recognise, unpack
from sceneswap.labels.convention import classes_of_instances
from sceneswap.labels.io import read_label_map, read_values
from sceneswap.labels.polygons import read_polygons
from sceneswap.labels.schema import LabelSchema
from sceneswap.labels.values import OPAQUE
from sceneswap.scene import LabelMap

TOLERANCE = 24
"""How far off a colour may be, in levels of its worst channel, unless the caller says otherwise."""

_SUPPORT = 5  # of the 9 pixels around one a little off must be of its class; a blend passes other colours in lines
_AREA = 5  # pixels: the side of a square of one foreign colour that is an area, not a border
_EVEN = 8  # levels: what changes less within such a square is one colour
_ROUNDS = 8  # each two pixels further into a border
_MOST_COLORS = 65_536  # that are changed alike
_ROWS = 1 << 16  # colours and pixels that are compared at once


@dataclass(frozen=True)
class Mended:
    """A label map (H, W) of class indices.

    steps: what was done -> the pixels concerned; empty for a map that was right. guessed: (H, W) bool, the pixels whose
    class the file did not say by itself: those that a nearest colour decided.
    """

    label_map: LabelMap
    steps: dict[str, int] = field(default_factory=dict)
    guessed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))


def mend(path: Path, schema: LabelSchema, tolerance: int = TOLERANCE, max_pixels: int = MAX_PIXELS) -> Mended:
    """Return the label map in the file `path`, mended where it has to be and can be; one that is right comes as it is.

    A .json file of labelme is drawn. tolerance: how far off a colour may be, 0 … 255.
    Raises `UserError` for what cannot be mended, saying what it looks like.
    """
    if path.suffix.lower() == ".json":
        label_map, drawn = read_polygons(path, schema, max_pixels)
        return Mended(label_map, {f"drawn from {drawn} shapes": label_map.size}, np.zeros(label_map.shape, bool))
    try:
        label_map = read_label_map(path, schema, max_pixels)
        return Mended(label_map, {}, np.zeros(label_map.shape, bool))
    except UserError as error:
        refused = error
    if path.suffix.lower() == ".npy":
        return _mend_ids(read_values(path, schema, max_pixels), schema, refused)
    lossy = picture_kind(path, "label map")[0] in LOSSY
    with open_checked(path, PHOTO_FORMATS, "label map", max_pixels) as image:
        if image.mode in ("L", "I", "LA", "1") or image.mode.startswith("I;16"):
            if lossy or image.mode in ("LA", "1"):
                raise refused
            return _mend_ids(np.array(image), schema, refused)
        if image.mode not in ("RGB", "RGBA", "P"):
            raise refused
        if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < OPAQUE:
            raise refused
        return _mend_colors(np.asarray(image.convert("RGB")), schema, tolerance, path, refused)


def _mend_ids(values: NDArray[Any], schema: LabelSchema, refused: UserError) -> Mended:
    classes = classes_of_instances(values, schema)
    if classes is None:
        raise refused
    label_map, none = schema.indices_of(classes), values == 0
    steps = {"read from class id · 1000 + number": int(np.count_nonzero(classes != values))}
    if none.any() and label_map[none][0] < schema.void_index:
        unsure = f"of number 0 taken as {schema.names[label_map[none][0]]}, which may mean no object as well"
        steps[unsure] = int(np.count_nonzero(none))
    return Mended(label_map, steps, none)


def _mend_colors(
    colors: NDArray[np.uint8], schema: LabelSchema, tolerance: int, path: Path, refused: UserError
) -> Mended:
    packed, place = np.unique(pack(colors), return_inverse=True)
    place = place.reshape(colors.shape[:2])
    shared = np.unique(schema.colors, axis=0, return_counts=True)[1].max() > 1
    if shared:
        raise refused
    if len(packed) <= _MOST_COLORS and (found := recognise(unpack(packed), schema)):
        return Mended(found.indices[place], {f"read otherwise: {found.words}": place.size}, np.zeros(place.shape, bool))
    exact = exact_indices(packed, schema)
    nearest, distance = _nearest(unpack(packed), schema)
    close = np.where(distance <= tolerance, nearest, np.int16(-1))[place]
    _refuse_areas(close < 0, colors, schema, tolerance, path)
    right = (exact >= 0)[place]
    sure = right | ((close >= 0) & (_support(close) >= _SUPPORT))
    label_map = np.where(sure, close, np.int16(-1))
    for _ in range(_ROUNDS):
        if not _fill(label_map, colors, schema):
            break
    left = int(np.count_nonzero(label_map < 0))
    if left:
        raise UserError(f"{path}: {left:,} pixels are of no class, like their neighbours; {_after_semicolon(refused)}")
    steps = {
        "taken as the nearest colour": int(np.count_nonzero(sure & ~right)),
        "taken as the class nearby whose colour is nearest": int(np.count_nonzero(~sure)),
    }
    return Mended(label_map, {what: count for what, count in steps.items() if count}, ~right)


def _nearest(colors: NDArray[np.uint8], schema: LabelSchema) -> tuple[LabelMap, NDArray[np.int16]]:
    """The index of the nearest colour of `schema` for each colour (U, 3), and how far it is in the worst channel."""
    indices, distances = np.empty(len(colors), np.int16), np.empty(len(colors), np.int16)
    for start in range(0, len(colors), _ROWS // 16):
        part = slice(start, start + _ROWS // 16)
        far = np.abs(colors[part, None].astype(np.int16) - schema.colors[None].astype(np.int16)).max(axis=2)
        indices[part], distances[part] = far.argmin(axis=1), far.min(axis=1)
    return indices, distances


def _support(labels: LabelMap) -> NDArray[np.int8]:
    """(H, W) how many of the 9 pixels around each, itself among them, have its label."""
    padded = np.pad(labels, 1, constant_values=-2)
    height, width = labels.shape
    count = np.zeros(labels.shape, np.int8)
    for row in range(3):
        for column in range(3):
            count += padded[row : row + height, column : column + width] == labels
    return count


def _fill(label_map: LabelMap, colors: NDArray[np.uint8], schema: LabelSchema) -> bool:
    """Give pixels without a class (-1) the class within two pixels whose colour is nearest; of several the closest pixel's.

    Changes `label_map`; returns whether there was anything to do and it helped.
    """
    rows, columns = np.nonzero(label_map < 0)
    padded = np.pad(label_map, 2, constant_values=-1)
    steps = sorted(((r, c) for r in range(5) for c in range(5)), key=lambda at: (at[0] - 2) ** 2 + (at[1] - 2) ** 2)
    helped = False
    for start in range(0, len(rows), _ROWS):
        row, column = rows[start : start + _ROWS], columns[start : start + _ROWS]
        around = np.stack([padded[row + r, column + c] for r, c in steps[1:]], axis=1)
        off = np.abs(colors[row, column][:, None].astype(np.int16) - schema.colors[around]).max(axis=2)
        off[around < 0] = 256
        found = around[np.arange(len(row)), off.argmin(axis=1)]
        label_map[row, column] = found
        helped |= bool((found >= 0).any())
    return helped


def _refuse_areas(
    far: NDArray[np.bool_], colors: NDArray[np.uint8], schema: LabelSchema, tolerance: int, path: Path
) -> None:
    """Raise `UserError` where an area has one colour that is none of the schema's; blends change from pixel to pixel."""
    inner = ndimage.binary_erosion(far, np.ones((_AREA, _AREA), bool), border_value=1)
    if not inner.any():
        return
    size = (_AREA, _AREA, 1)
    change = ndimage.maximum_filter(colors, size) - ndimage.minimum_filter(colors, size)
    inner &= (change <= _EVEN).all(axis=2)
    if inner.any():
        row, column = (int(i) for i in np.argwhere(inner)[0])
        raise UserError(
            f"{path}: the area at row {row}, column {column} is of colour {tuple(colors[row, column].tolist())}, further than "
            f"{tolerance} levels from every colour of schema {schema.name}, as {far.sum():,} pixels are; correct the schema, "
            "or allow more with --tolerance"
        )


def _after_semicolon(error: UserError) -> str:
    return str(error).rpartition("; ")[2]
