"""Exact reading and writing of label maps.

A file holds numbers (see `labels/schema.py`), as a lossless picture or a NumPy array:

| file | meaning |
| --- | --- |
| grey PNG, TIFF or BMP, 8 or 16 bits | the value is the number |
| palette picture | the palette index is the number, unless every colour used is one of the schema or a grey that is an id |
| RGB or opaque RGBA picture | every colour is exactly a colour of the schema, void's (black) among them |
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

from sceneswap.errors import UserError, first_line
from sceneswap.files import write_bytes
from sceneswap.images import LOSSY, MAX_PIXELS, PHOTO_FORMATS, check_pixels, open_checked, picture_kind, write_png
from sceneswap.labels.colors import MEND, pack
from sceneswap.labels.convention import encode, note_mask
from sceneswap.labels.schema import LabelSchema
from sceneswap.labels.values import values_of
from sceneswap.member import File, as_file, check_file, openable
from sceneswap.remote import place
from sceneswap.scene import LabelMap

SUFFIXES = (".png", ".npy", ".tif", ".tiff", ".bmp")
"""The kinds of file a label map is read from; it is written as the first two."""

_FORMATS = ("PNG", "TIFF", "BMP")
_COLOR_MODES = ("RGB", "RGBA")
_MAP_COLORS = 256
_LOOKED_AT = 1_000_000  # pixels of a colour picture, at most, that decide what it is


def is_photo(path: Path, schema: LabelSchema, max_pixels: int = MAX_PIXELS) -> bool:
    """Whether the file `path` holds a photograph, not a label map.

    | file | it is |
    | --- | --- |
    | JPEG, WebP, AVIF, HEIC | a photograph: such files cannot hold exact numbers |
    | .npy, grey or palette picture | a label map |
    | colour picture of at most 256 colours, or of the schema's colours alone | a label map |
    | colour picture whose 256 commonest colours cover less than half of it | a photograph |
    | any other colour picture, such as a map painted with a soft brush | unclear: `UserError` |

    Only the kind is decided here, not whether the map is a good one. Raises `UserError` as reading would.
    """
    path = place(path)
    if path.suffix.lower() == ".npy":
        return False
    if is_lossy(path):
        return True
    _, mode = picture_kind(path, "label map")
    if mode not in _COLOR_MODES:
        return False
    with open_checked(path, PHOTO_FORMATS, "label map", max_pixels) as image:
        return shows_photo(image, schema, str(path))


def is_lossy(path: Path) -> bool:
    """Whether the picture `path` is of a format that cannot hold exact numbers. Raises `UserError`."""
    return picture_kind(path, "label map")[0] in LOSSY


def shows_photo(image: Image.Image, schema: LabelSchema, source: str) -> bool:
    """Whether an opened picture is a photograph, as `is_photo` tells of one in a lossless file; `source` for messages."""
    if image.mode not in _COLOR_MODES:
        return False
    step = int(np.ceil((image.width * image.height / _LOOKED_AT) ** 0.5))
    seen = pack(np.asarray(image)[::step, ::step])
    colors, counts = np.unique(seen, return_counts=True)
    if len(colors) <= _MAP_COLORS or np.isin(colors, pack(schema.colors)).all():
        return False
    if np.sort(counts)[-_MAP_COLORS:].sum() < seen.size / 2:
        return True
    raise UserError(
        f"{source} could be a photograph or a label map with blurred borders ({len(colors):,} colours, most of it in a few); "
        f"save a photograph as JPEG; of a label map, {MEND}"
    )


def read_label_map(path: File, schema: LabelSchema, max_pixels: int = MAX_PIXELS) -> LabelMap:
    """Return the label map in the file `path`, (H, W) int16 class indices of `schema`, void = C.

    Raises `UserError` when the file is missing, damaged, too large, of a kind that cannot hold exact numbers (JPEG and
    the like), or holds numbers or colours that `schema` does not know.
    """
    return encode(read_values(path, schema, max_pixels), schema, str(path))


def read_values(path: File, schema: LabelSchema, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Return the numbers in the label map file `path`, (H, W) integers, not yet checked against `schema`.

    Of a colour picture they are the numbers that `schema` gives to its colours. Raises `UserError`; see
    `read_label_map`.
    """
    path = as_file(path)
    if path.suffix.lower() == ".npy":
        values = _read_array(path, max_pixels)
        note_mask(values, schema, str(path))
        return values
    with open_checked(path, _FORMATS, "label map", max_pixels) as image:
        return values_of(image, schema, str(path))


def write_label_map(path: Path, label_map: LabelMap, schema: LabelSchema) -> None:
    """Write (H, W) class indices of `schema` as its file values, atomically; `read_label_map` returns the same map.

    An 8-bit grey PNG (16-bit when the schema has values over 255), or an array when `path` ends in .npy.
    Raises `UserError` when the suffix is another one or the file cannot be written.
    """
    values = schema.decode(label_map)
    suffix = place(path).suffix.lower()
    if suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        write_bytes(place(path), buffer.getvalue())
    elif suffix == ".png":
        write_png(place(path), values)
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


def _read_array(path: File, max_pixels: int) -> NDArray[Any]:
    check_file(path, "the label map")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read_header[version](file)
    except Exception as error:  # NumPy parses the header as Python, and raises almost anything on a damaged one
        raise UserError(f"{path} is no readable NumPy array ({first_line(error)}); write it with numpy.save") from error
    if dtype.kind not in "iu":
        raise UserError(f"{path} holds {dtype} values, but a label map holds integers; save it as uint8 or uint16")
    if len(shape) != 2 or 0 in shape or any(type(side) is not int for side in shape):
        raise UserError(f"{path} has the shape {shape}, but a label map is (height, width); save one 2-D array")
    check_pixels(path, "label map", shape[1], shape[0], max_pixels)
    try:
        return np.load(openable(path), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} is damaged ({first_line(error)}); write it again with numpy.save") from error
