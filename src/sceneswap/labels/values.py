"""Which numbers a picture holds: of a grey one its values, of a colour one those of the schema's colours, of a palette one
whichever of the two its palette tells."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.labels.colors import MEND, exact_indices, likely_colors, pack, unpack
from sceneswap.labels.convention import note_mask
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.scene import LabelMap

OPAQUE = 250
"""The alpha from which a pixel counts as opaque: editors leave 254 behind."""

_OFF = 8  # levels by which the colours of a palette may miss those of a schema and still be meant
_LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")


def values_of(image: Image.Image, schema: LabelSchema, source: str) -> NDArray[Any]:
    """Return the numbers of a decoded picture, (H, W) integers, not yet checked against `schema`.

    Raises `UserError` naming the `source` for pictures that cannot hold exact numbers, and for those that mean two things.
    """
    if image.info.get("compression") in _LOSSY_TIFF:
        raise UserError(f"{source} is a TIFF compressed as {image.info['compression']}, which loses exact ids")
    if image.mode == "P":
        return _palette_values(image, schema, source)
    if image.mode in ("L", "I") or image.mode.startswith("I;16"):
        values = np.array(image)
        note_mask(values, schema, source)
        return values
    if image.mode == "LA":
        return _flattened(np.asarray(image), source)[..., 0]
    if image.mode in ("RGB", "RGBA"):
        return schema.decode(indices_of_colors(_flattened(np.asarray(image), source), schema, source))
    kind = (
        "1-bit black and white: it looks like a yes/no mask"
        if image.mode == "1"
        else f"a picture of Pillow's mode {image.mode}"
    )
    raise UserError(f"{source} is {kind}, which cannot hold class ids; save it as an 8- or 16-bit grey PNG or as .npy")


def indices_of_colors(colors: NDArray[np.uint8], schema: LabelSchema, source: str) -> LabelMap:
    """Turn (H, W, 3) colours of `schema` into its indices. Raises `UserError` for foreign colours and shared ones."""
    packed = pack(colors)
    indices = exact_indices(packed, schema)
    if (indices < 0).any():
        raise _foreign(packed, indices < 0, schema, source)
    for color in np.unique(packed):
        owners = _owners(int(color), schema)
        if len(owners) > 1:
            shown = tuple(int(color) >> shift & 255 for shift in (16, 8, 0))
            raise UserError(
                f"{source}: colour {shown} is shared by {' and '.join(owners[:2])} in schema {schema.name}; give them "
                "different colours, or save the class ids as a grey PNG"
            )
    return indices


def _foreign(packed: NDArray[np.int32], foreign: NDArray[np.bool_], schema: LabelSchema, source: str) -> UserError:
    found, counts = np.unique(packed, return_counts=True)
    number = np.count_nonzero(exact_indices(found, schema) < 0)
    row, column = (int(i) for i in np.argwhere(foreign)[0])
    more = f" and {number - 1:,} more colour{'s' if number > 2 else ''}" if number > 1 else ""
    hint = likely_colors(unpack(found), counts, schema)
    return UserError(
        f"{source}: colour {tuple(unpack(packed[row, column]).tolist())}{more} ({foreign.sum():,} pixels, the first at "
        f"row {row}, column {column}) belongs to no class of schema {schema.name}; "
        + (hint or "save the class ids as a grey PNG, or paint without smoothing in the colours of the schema")
    )


def _owners(color: int, schema: LabelSchema) -> list[str]:
    """The classes, void among them, whose colour is the packed `color`."""
    return [(*schema.names, "void")[i] for i in np.flatnonzero(pack(schema.colors) == color)]


def _palette_values(image: Image.Image, schema: LabelSchema, source: str) -> NDArray[Any]:
    """The numbers of a palette picture: its indices, unless its palette says otherwise.

    Editors and lossless optimisers keep the picture and number the palette anew. So where every colour that is used is
    exactly a colour of the schema, or a grey that is an id, the palette tells the class; but where that may as well be an
    accident (all black, one colour for two indices, greys spread evenly from black to white), and the indices are legal and
    differ, nobody can tell.
    """
    indices = np.array(image)
    counts = np.bincount(indices.ravel(), minlength=256)
    used, colors = np.flatnonzero(counts), _palette(image)
    if not used.size or used.max() >= len(colors):  # what has no entry has no colour: the number is all there is
        return indices
    colors = colors[used]
    by_index = schema.indices_of(used)
    readings = [reading for reading in (_by_color(colors, schema), _by_grey(colors, schema)) if reading is not None]
    if any(np.array_equal(found, by_index) for found, _ in readings):
        return indices
    if not readings:
        _refuse_nearly(colors[:, :3], counts[used], by_index, schema, source)
        return indices
    by_palette, telling = readings[0]
    if not telling and (by_index >= 0).all():
        raise UserError(
            f"{source} means two things: by its palette's numbers it holds {_classes(by_index, schema)}; by its palette's "
            f"colours {_classes(by_palette, schema)}; save the class ids as a grey PNG"
        )
    if colors[:, 3].min() < OPAQUE:
        raise _transparent(source)
    table = np.zeros(256, schema.file_values.dtype)
    table[used] = schema.file_values[by_palette]
    return table[indices]


def _refuse_nearly(
    colors: NDArray[np.uint8], counts: NDArray[np.int64], by_index: LabelMap, schema: LabelSchema, source: str
) -> None:
    """Raise `UserError` where the colours (U, 3) of so many pixels are nearly those of the schema and contradict the numbers.

    Nearly: all a little off, as after colour management, or more than half of the pixels exact, as after smoothing.
    """
    off = np.abs(colors[:, None].astype(np.int16) - schema.colors[None].astype(np.int16)).max(axis=2)
    nearest, distance = off.argmin(axis=1).astype(np.int16), off.min(axis=1)
    blended = counts[distance == 0].sum() > counts.sum() / 2
    told = distance == 0 if blended else distance <= _OFF
    classes = set(nearest[told].tolist()) - {schema.void_index}
    if (blended or told.all()) and len(classes) > 1 and (nearest != by_index)[told].any():
        raise UserError(
            f"{source} has a palette in nearly the colours of schema {schema.name} ({_classes(nearest[told], schema)}), whose "
            f"numbers say otherwise: {MEND}"
        )


def _palette(image: Image.Image) -> NDArray[np.uint8]:
    """(entries, 4) uint8 RGBA of a palette picture."""
    copy = image.copy()
    copy.apply_transparency()
    return np.array(copy.getpalette("RGBA") or [], dtype=np.uint8).reshape(-1, 4)


def _by_color(colors: NDArray[np.uint8], schema: LabelSchema) -> tuple[LabelMap, bool] | None:
    """The index of each colour (U, 4), and whether that can be no accident; None unless all are of one class or void."""
    packed = pack(colors[:, :3])
    if any(len(_owners(int(color), schema)) != 1 for color in packed):
        return None
    found = exact_indices(packed, schema)
    return found, len(np.unique(packed)) == len(packed) and bool((found < schema.void_index).any())


def _by_grey(colors: NDArray[np.uint8], schema: LabelSchema) -> tuple[LabelMap, bool] | None:
    """As `_by_color` for greys that are ids."""
    greys = colors[:, 0].astype(np.int64)
    found = schema.indices_of(greys)
    if (colors[:, :3] != colors[:, :1]).any() or (found < 0).any():
        return None
    levels = np.unique(greys)
    shown = bool(np.isin(levels, (0, 255)).all()) or (
        levels[0] == 0 and levels[-1] == 255 and bool(np.ptp(np.diff(levels)) <= 1)
    )
    return found, len(levels) == len(greys) and not shown


def _classes(indices: LabelMap, schema: LabelSchema) -> str:
    names = [(*schema.names, "void")[i] for i in dict.fromkeys(indices.tolist())]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _flattened(array: NDArray[np.uint8], source: str) -> NDArray[np.uint8]:
    """(H, W, 2 or 4) with alpha, or (H, W, 3) -> without alpha; nearly opaque pixels are noted."""
    if array.shape[2] == 3:
        return array
    lowest = int(array[..., -1].min())
    if lowest < OPAQUE:
        raise _transparent(source)
    if lowest < 255:
        LOG.warning("%s has pixels that are not quite opaque; they are taken as opaque", source)
    return array[..., :-1]


def _transparent(source: str) -> UserError:
    return UserError(f"{source} has transparent pixels, which mean no class; save it without transparency")
