"""Transforms of a scene: photo and label map always together. Plain numpy and Pillow, no randomness but in `sample_*`.

Photos are resized with an antialiasing filter, label maps by nearest pixel only, so that no class is ever invented.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sceneswap.data.patches import Box
from sceneswap.images import resize_photo
from sceneswap.labels.io import resize_label_map
from sceneswap.scene import Photo, Scene


def resize(scene: Scene, size: tuple[int, int]) -> Scene:
    """Return the scene at `size` (H, W) pixels, both at least 1."""
    if scene.size == size:
        return scene
    return replace(scene, photo=resize_photo(scene.photo, size), label_map=resize_label_map(scene.label_map, size))


def resize_short_side(scene: Scene, length: int) -> Scene:
    """Return the scene with its shorter side `length` pixels and its aspect kept (to the nearest pixel)."""
    height, width = scene.size
    short = min(height, width)
    return resize(scene, (max(length, round(height * length / short)), max(length, round(width * length / short))))


def crop(scene: Scene, box: Box) -> Scene:
    """Return the part of the scene inside `box`. Raises `ValueError` when the box leaves the picture."""
    height, width = scene.size
    bottom, right = box.top + box.height, box.left + box.width
    if not (0 <= box.top < bottom <= height and 0 <= box.left < right <= width):
        raise ValueError(f"{box} leaves a picture of {height} x {width} pixels")
    rows, columns = slice(box.top, bottom), slice(box.left, right)
    return replace(scene, photo=scene.photo[rows, columns], label_map=scene.label_map[rows, columns])


def flip(scene: Scene) -> Scene:
    """Return the mirror image (left and right exchanged)."""
    return replace(scene, photo=scene.photo[:, ::-1], label_map=scene.label_map[:, ::-1])


def sample_jitter(
    rng: np.random.Generator, gain: float, shift: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a colour jitter: (3,) gains uniform in 1 ± `gain` and (3,) shifts uniform in ± `shift`, per channel."""
    return 1 + gain * rng.uniform(-1, 1, size=3), shift * rng.uniform(-1, 1, size=3)


def jitter_color(photo: Photo, gain: NDArray[np.float64], shift: NDArray[np.float64]) -> Photo:
    """Return `photo` with every channel multiplied by `gain` and moved by `shift`, (3,) each, on the [-1, 1] scale.

    Values that leave the range are clipped. Apply one draw to all entries of a scene: a jitter of its own for each
    patch would break the very look that the patches share and the model has to carry over.
    """
    levels = np.arange(256) / 127.5 - 1  # what each of the 256 byte values becomes, once per channel
    jittered = np.clip(gain[:, None] * levels + shift[:, None], -1, 1)
    table = np.rint((jittered + 1) * 127.5).astype(np.uint8)
    return table[np.arange(3), photo]
