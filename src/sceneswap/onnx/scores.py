"""Between photographs and the scores of a reading network: the same resizing as PyTorch's, in NumPy and Pillow."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneswap.scene import LabelMap

_CLASSES_AT_ONCE = 16


def segmented_size(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """As `inference.segmentation.working_size`: the sides 8k + 1 nearest to `size` scaled to the long side."""
    scale = (long_side - 1) / max(size)
    height, width = (8 * max(1, round(side * scale / 8)) + 1 for side in size)
    return height, width


def resize_smoothly(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """(1, 3, H, W) → (1, 3, *size), bilinear, antialiased when it shrinks."""
    planes = [Image.fromarray(plane).resize((size[1], size[0]), Image.Resampling.BILINEAR) for plane in image[0]]
    return np.stack([np.asarray(plane, np.float32) for plane in planes])[None]


def classes_at(scores: NDArray[np.float32], size: tuple[int, int]) -> LabelMap:
    """Scores (S, h, w), resized bilinearly to `size` → the strongest of the S, (H, W) int16."""
    best = np.full(size, -np.inf, np.float32)
    strongest = np.zeros(size, np.int16)
    (top, bottom, low), (left, right, across) = (_between(a, b) for a, b in zip(scores.shape[1:], size, strict=True))
    for start in range(0, len(scores), _CLASSES_AT_ONCE):
        some = scores[start : start + _CLASSES_AT_ONCE]
        rows = some[:, top] * (1 - low)[:, None] + some[:, bottom] * low[:, None]
        values = rows[:, :, left] * (1 - across) + rows[:, :, right] * across
        index = values.argmax(axis=0)
        value = np.take_along_axis(values, index[None], axis=0)[0]
        strongest = np.where(value > best, (index + start).astype(np.int16), strongest)
        best = np.maximum(best, value)
    return strongest


def _between(known: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """For `wanted` places along a side of `known` numbers: the two neighbours, and how far it is to the second."""
    place = np.clip((np.arange(wanted) + 0.5) * known / wanted - 0.5, 0, None)
    first = np.minimum(place.astype(np.int64), known - 1)
    return first, np.minimum(first + 1, known - 1), (place - first).astype(np.float32)
