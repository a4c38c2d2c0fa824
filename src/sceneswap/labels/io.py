"""Exact reading and writing of label maps.

A file holds numbers (see `labels/schema.py`), as a PNG or a NumPy array:

| file | meaning |
| --- | --- |
| grey PNG, 8 or 16 bits | the value is the number |
| palette PNG | the palette index is the number; the palette's colours are ignored |
| RGB or opaque RGBA PNG | every colour is exactly a colour of the schema, black is void |
| .npy, integers (H, W) | the value is the number |

Nothing is ever rounded, interpolated or rotated: an EXIF orientation is for photographs, not for maps. Where a command
takes a photograph in place of a label map, `is_photo` tells them apart by what is in the file.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.files import check_regular, write_bytes
from sceneswap.images import MAX_PIXELS, PHOTO_FORMATS, check_pixels, open_checked, picture_kind, write_png
from sceneswap.labels.convention import encode
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap

SUFFIXES = (".png", ".npy")
"""The kinds of file a label map is read from and written to."""


_LOSSY = ("JPEG", "MPO", "WEBP")
_COLOR_MODES = ("RGB", "RGBA")
_MAP_COLORS = 256
_LOOKED_AT = 1_000_000  # pixels of a colour picture, at most, that decide what it is


def is_photo(path: Path, schema: LabelSchema, max_pixels: int = MAX_PIXELS) -> bool:
    """Whether the file `path` holds a photograph, not a label map.

    | file | it is |
    | --- | --- |
    | JPEG, WebP | a photograph: such files cannot hold exact numbers |
    | .npy, grey or palette picture | a label map |
    | colour picture of at most 256 colours, or of the schema's colours alone | a label map |
    | colour picture whose 256 commonest colours cover less than half of it | a photograph |
    | any other colour picture, such as a map painted with a soft brush | unclear: `UserError` |

    Only the kind is decided here, not whether the map is a good one. Raises `UserError` as reading would.
    """
    path = Path(path)
    if path.suffix.lower() == ".npy":
        return False
    kind, mode = picture_kind(path, "label map")
    if kind in _LOSSY:
        return True
    if mode not in _COLOR_MODES:
        return False
    with open_checked(path, PHOTO_FORMATS, "label map", max_pixels) as image:
        return shows_photo(image, schema, str(path))


def shows_photo(image: Image.Image, schema: LabelSchema, source: str) -> bool:
    """Whether an opened picture is a photograph, as `is_photo` tells of one in a lossless file; `source` for messages."""
    if image.mode not in _COLOR_MODES:
        return False
    step = int(np.ceil((image.width * image.height / _LOOKED_AT) ** 0.5))
    seen = _pack(np.asarray(image)[::step, ::step])
    colors, counts = np.unique(seen, return_counts=True)
    if len(colors) <= _MAP_COLORS or np.isin(colors, _pack(schema.colors)).all():
        return False
    if np.sort(counts)[-_MAP_COLORS:].sum() < seen.size / 2:
        return True
    raise UserError(
        f"{source} could be a photograph or a label map with blurred borders ({len(colors):,} colours, most of it in a few); "
        "save a photograph as JPEG, a label map as a grey PNG of class ids"
    )


def read_label_map(path: Path, schema: LabelSchema, max_pixels: int = MAX_PIXELS) -> LabelMap:
    """Return the label map in the file `path`, (H, W) int16 class indices of `schema`, void = C.

    Raises `UserError` when the file is missing, damaged, too large, of a kind that cannot hold exact numbers (JPEG and
    the like), or holds numbers or colours that `schema` does not know.
    """
    return encode(read_values(path, schema, max_pixels), schema, str(path))


def read_values(path: Path, schema: LabelSchema, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Return the numbers in the label map file `path`, (H, W) integers, not yet checked against `schema`.

    Of a colour picture they are the numbers that `schema` gives to its colours. Raises `UserError`; see
    `read_label_map`.
    """
    path = Path(path)
    if path.suffix.lower() == ".npy":
        return _read_array(path, max_pixels)
    with open_checked(path, ("PNG",), "label map", max_pixels) as image:
        return values_of(image, schema, str(path))


def values_of(image: Image.Image, schema: LabelSchema, source: str) -> NDArray[Any]:
    """Return the numbers in an opened label map, as `read_values` does; `source` for messages. Raises `UserError`."""
    if image.mode in ("L", "P", "I;16", "I"):
        return np.array(image)
    if image.mode in _COLOR_MODES:
        return schema.decode(_encode_colors(np.asarray(image), schema, source))
    kind = "1-bit black and white" if image.mode == "1" else f"a picture of Pillow's mode {image.mode}"
    raise UserError(f"{source} is {kind}, which cannot hold class ids; save it as an 8- or 16-bit grey PNG or as .npy")


def write_label_map(path: Path, label_map: LabelMap, schema: LabelSchema) -> None:
    """Write (H, W) class indices of `schema` as its file values, atomically; `read_label_map` returns the same map.

    An 8-bit grey PNG (16-bit when the schema has values over 255), or an array when `path` ends in .npy.
    Raises `UserError` when the suffix is another one or the file cannot be written.
    """
    values = schema.decode(label_map)
    suffix = Path(path).suffix.lower()
    if suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        write_bytes(Path(path), buffer.getvalue())
    elif suffix == ".png":
        write_png(Path(path), values)
    else:
        raise UserError(f"cannot write the label map {path}: name it .png or .npy, other formats do not keep exact ids")


def resize_label_map(label_map: LabelMap, size: tuple[int, int]) -> LabelMap:
    """Return `label_map` (H, W) at `size` = (height, width): each pixel takes the class under its own centre."""
    height, width = label_map.shape
    if min(height, width, *size) < 1:
        raise ValueError(f"cannot resize a label map of {height}×{width} to {size[0]}×{size[1]}")
    rows = (2 * np.arange(size[0]) + 1) * height // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * width // (2 * size[1])
    return label_map[rows[:, None], columns]


def colorize(label_map: LabelMap, schema: LabelSchema) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8: every pixel in the display colour of its class, void black."""
    return schema.colors[label_map]


def _read_array(path: Path, max_pixels: int) -> NDArray[Any]:
    check_regular(path, "the label map")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read_header[version](file)
    except Exception as error:  # NumPy parses the header as Python, and raises almost anything on a damaged one
        raise UserError(
            f"{path} cannot be read as a NumPy array ({_first_line(error)}); write it with numpy.save"
        ) from error
    if dtype.kind not in "iu":
        raise UserError(f"{path} holds {dtype} values, but a label map holds integers; save it as uint8 or uint16")
    if len(shape) != 2 or 0 in shape or any(type(side) is not int for side in shape):
        raise UserError(f"{path} has the shape {shape}, but a label map is (height, width); save one 2-D array")
    check_pixels(path, "label map", shape[1], shape[0], max_pixels)
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} is damaged ({_first_line(error)}); write it again with numpy.save") from error


def _encode_colors(colors: NDArray[np.uint8], schema: LabelSchema, source: str) -> LabelMap:
    if colors.shape[2] == 4 and colors[..., 3].min() < 255:
        raise UserError(f"{source} has transparent pixels, which mean no class; save it without transparency")
    packed = _pack(colors[..., :3])
    table = _pack(schema.colors)
    order = np.argsort(table, kind="stable")
    position = np.minimum(np.searchsorted(table[order], packed), len(order) - 1)
    indices = order[position]
    foreign = table[indices] != packed
    if foreign.any():
        number = len(np.unique(packed[foreign]))
        row, column = np.argwhere(foreign)[0]
        more = f" and {number - 1:,} more colour{'s' if number > 2 else ''}" if number > 1 else ""
        raise UserError(
            f"{source}: colour {tuple(colors[row, column, :3].tolist())}{more} ({foreign.sum():,} pixels, the first at "
            f"row {row}, column {column}) belongs to no class of schema {schema.name}; save the class ids as a grey "
            "PNG, or paint without smoothing in the colours of the schema"
        )
    used = np.unique(packed)
    for color in used[np.isin(used, table)]:
        owners = np.flatnonzero(table == color)
        if len(owners) > 1:
            names = [(*schema.names, "void")[i] for i in owners[:2]]
            shown = tuple(int(color) >> shift & 255 for shift in (16, 8, 0))
            raise UserError(
                f"{source}: colour {shown} is shared by {' and '.join(names)} "
                f"in schema {schema.name}; give them different colours, or save the class ids as a grey PNG"
            )
    return indices.astype(np.int16)


def _pack(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(…, 3) uint8 -> (…) int32, red highest."""
    wide = colors.astype(np.int32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
