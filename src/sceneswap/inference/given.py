"""What users hand over, as photographs and label maps: a path, a PIL picture, an array or a tensor.

| given | photograph | label map |
| --- | --- | --- |
| path | any that `images.read_photo` reads | any that `labels.io.read_label_map` reads |
| PIL picture | any mode but CMYK, opaque | grey or palette of ids, or the schema's colours |
| array | (H, W, 3) uint8, or floats in [0, 1] | (H, W) integers: ids |
| tensor | (3, H, W), (1, 3, H, W) or (H, W, 3) uint8, or floats in [0, 1] | (H, W) or (1, H, W) integers: ids |

Label maps hold the ids of their schema, as files do; indices exist only inside (see `scene`).
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.images import orientation_of, read_turned, to_photo
from sceneswap.labels.convention import encode
from sceneswap.labels.io import is_photo, read_label_map, shows_photo
from sceneswap.labels.schema import LabelSchema
from sceneswap.labels.values import values_of
from sceneswap.remote import is_remote
from sceneswap.scene import LabelMap, Photo

if TYPE_CHECKING:
    from torch import Tensor

Given: TypeAlias = Union[str, os.PathLike[str], Image.Image, NDArray[Any], "Tensor"]
"""A photograph or a label map in one of the forms of the table above."""

_PICTURE = "the picture"  # what has no name of its own


def as_list(given: Any) -> list[Any] | None:
    """The items of a list, a tuple, or a batch (B, 3, H, W) or (B, H, W, 3) with B ≠ 1; None: one item."""
    if isinstance(given, list | tuple):
        return list(given)
    return list(given) if getattr(given, "ndim", 0) == 4 and len(given) != 1 else None


def is_tensor(given: Any) -> bool:
    """Whether it is a `torch.Tensor`, without loading PyTorch to know."""
    return hasattr(given, "detach") and hasattr(given, "cpu")


def name_of(given: Any) -> str:
    """What messages call it: its path, or "the picture".

    >>> name_of("photos/dusk.jpg"), name_of(np.zeros((4, 4)))
    ('photos/dusk.jpg', 'the picture')
    """
    return os.fspath(given) if isinstance(given, str | os.PathLike) else _PICTURE


def shows_a_photo(given: Given, schema: LabelSchema) -> bool:
    """Whether it is a photograph, not a label map of `schema`: told by its shape, in colour by its content.

    >>> from sceneswap import load_schema
    >>> shows_a_photo(np.zeros((4, 6), np.uint8), load_schema("outdoor"))
    False

    Raises `UserError` for what is neither, and for colour pictures that could be both (`labels.io.is_photo`).
    """
    if isinstance(given, str | os.PathLike):
        return is_photo(Path(given), schema)
    if isinstance(given, Image.Image):
        return given.mode == "CMYK" or shows_photo(given, schema, _PICTURE)
    return _array(given).ndim == 3


def photo_of(given: Given, *, at_least: int | None = None) -> Photo:
    """The photograph (H, W, 3) uint8 RGB. at_least: pixels of the shorter side that are enough (of JPEG files).

    >>> photo_of(np.full((2, 3, 3), 0.5, np.float32))[0, 0]
    array([128, 128, 128], dtype=uint8)

    Raises `UserError` for what is no photograph.
    """
    return turned_photo_of(given, at_least=at_least)[0]


def turned_photo_of(given: Given, *, at_least: int | None = None) -> tuple[Photo, int]:
    """As `photo_of`, with the EXIF orientation, 1 … 8, that the photograph was turned upright from."""
    if isinstance(given, str | os.PathLike):
        return read_turned(Path(given), at_least=at_least)
    if isinstance(given, Image.Image):
        return to_photo(given, _PICTURE), orientation_of(given)
    return _photo_of_array(given), 1


def _photo_of_array(given: Any) -> Photo:
    pixels = _array(given)
    if pixels.ndim != 3:
        raise UserError(
            f"a photograph is (height, width, 3), but (height, width) was given: {pixels.shape} {pixels.dtype}; "
            "stack three channels if it is a grey photograph"
        )
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if pixels.dtype.kind != "f":
        raise UserError(f"a photograph holds uint8 from 0 to 255 or floats from 0 to 1, not {pixels.dtype}; convert it")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):
        raise UserError(f"a photograph of floats holds 0 to 1, this one {low:g} to {high:g}; scale it, or use uint8")
    return (pixels.astype(np.float32) * 255).round().astype(np.uint8)


def label_map_of(given: Given, schema: LabelSchema) -> LabelMap:
    """The label map as (H, W) int16 indices of `schema`, void = C, from the ids that it holds.

    >>> from sceneswap import load_schema
    >>> label_map_of(np.array([[0, 255]]), load_schema("outdoor"))
    array([[ 0, 36]], dtype=int16)

    Raises `UserError` for what is no label map, and for ids that the schema does not know.
    """
    if is_remote(given):
        return read_label_map(given, schema)
    if isinstance(given, str | os.PathLike):
        return read_label_map(Path(given), schema)
    values = values_of(given, schema, _PICTURE) if isinstance(given, Image.Image) else _array(given)
    if values.ndim != 2:
        raise UserError(f"a label map is (height, width) integers, not {values.shape} {values.dtype}")
    return encode(values, schema, "the label map")


def names_to_ids(names: NDArray[Any], schema: LabelSchema) -> NDArray[np.int64]:
    """Class names (H, W) as ids of `schema`; "" and "void" are void. Raises `UserError` for unknown names."""
    found, place = np.unique(names.astype(str), return_inverse=True)
    index = [schema.void_index if name in ("", "void") else schema.index_of(name) for name in found.tolist()]
    return schema.file_values[np.array(index)][place].reshape(names.shape)


def _array(given: Any) -> NDArray[Any]:
    """An array or tensor as (H, W, 3) or (H, W). Raises `UserError` for other shapes and kinds, and for empty ones."""
    if is_tensor(given):
        array = (given.float() if given.is_floating_point() else given).detach().cpu().numpy()
        if array.ndim == 4 and len(array) == 1:
            array = array[0]
        if array.ndim == 3 and array.shape[0] == 3:
            array = array.transpose(1, 2, 0)
        elif array.ndim == 3 and array.shape[0] == 1:
            array = array[0]
        expected = "(3, height, width) of a photograph or (height, width) of a label map"
    elif isinstance(given, np.ndarray):
        array = given[0] if given.ndim == 4 and len(given) == 1 else given
        expected = "(height, width, 3) of a photograph or (height, width) of a label map"
    else:
        raise UserError(f"a picture is a path, a PIL picture, an array or a tensor, not {type(given).__name__}")
    colour = array.ndim == 3 and array.shape[2] == 3
    if not array.size or not (colour or (array.ndim == 2 and array.dtype.kind in "iu")):
        shape = tuple(given.shape)
        raise UserError(f"{shape} {given.dtype} is no picture; give {expected}, the latter as integers")
    return array


def matched(
    layouts: Sequence[Any] | None, looks: Sequence[Any] | None, layout: Any, look: Any
) -> list[tuple[Any, Any]]:
    """Pairs of layout and look: lists in order, one of them for all where only the other is a list.

    Raises `UserError` for lists of different lengths.
    """
    if layouts is not None and looks is not None and len(layouts) != len(looks):
        raise UserError(f"there are {len(layouts)} layouts but {len(looks)} looks; give one for all, or one per layout")
    count = len(layouts if layouts is not None else looks or [])
    return [(layouts[i] if layouts else layout, looks[i] if looks else look) for i in range(count)]
