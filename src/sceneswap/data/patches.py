"""Where training patches lie in a photograph (supplement §7). Plain numpy, no pixels touched.

All lengths follow from one image size S, so that small data trains the same way as the paper's 512 pixels: patches of
S/2 that never overlap (`patch_size`, `disjoint_pair`), and large crops of 3S/4 that may (`large_crop_size`,
`free_crop`): two free crops of 3S/4 always share at least 44 % of their area.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows top … top+height-1, columns left … left+width-1."""

    top: int
    left: int
    height: int
    width: int


def patch_size(image_size: int) -> int:
    """Return the side of a patch of the patch task, S/2 (256 of 512 in supplement §7)."""
    return image_size // 2


def large_crop_size(image_size: int) -> int:
    """Return the side of a crop of the global task, 3S/4 (384 of 512 in supplement §7)."""
    return image_size * 3 // 4


def disjoint_pair(rng: np.random.Generator, size: tuple[int, int], patch: tuple[int, int]) -> tuple[Box, Box]:
    """Draw two patches (height, width) of a picture `size` (H, W) that share no pixel (supplement §7).

    Random collision avoidance: an axis is drawn among those on which two patches fit side by side. On it the two
    offsets are uniform over all ordered disjoint placements (patch S/2 of S: {0, S/2} in random order); on the other
    axis each patch draws its own offset. Raises `ValueError` when two patches fit on neither axis.
    """
    axes = [axis for axis in (0, 1) if 0 < 2 * patch[axis] <= size[axis] and 0 < patch[1 - axis] <= size[1 - axis]]
    if not axes:
        raise ValueError(f"two disjoint patches of {patch} do not fit into {size} (height, width)")
    axis = axes[rng.integers(len(axes))]
    first, second = [0, 0], [0, 0]
    first[axis], second[axis] = _disjoint_offsets(rng, size[axis], patch[axis])
    for offsets in (first, second):
        offsets[1 - axis] = int(rng.integers(size[1 - axis] - patch[1 - axis] + 1))
    return Box(first[0], first[1], *patch), Box(second[0], second[1], *patch)


def free_crop(rng: np.random.Generator, size: tuple[int, int], crop: tuple[int, int]) -> Box:
    """Draw one box of `crop` (height, width) uniformly over all its places in a picture `size` (H, W).

    Raises `ValueError` when it does not fit.
    """
    if not (0 < crop[0] <= size[0] and 0 < crop[1] <= size[1]):
        raise ValueError(f"a crop of {crop} does not fit into {size} (height, width)")
    top, left = (int(rng.integers(size[axis] - crop[axis] + 1)) for axis in (0, 1))
    return Box(top, left, *crop)


def _disjoint_offsets(rng: np.random.Generator, length: int, interval: int) -> tuple[int, int]:
    """Draw offsets of two disjoint intervals in `length`, uniform over all ordered placements.

    Two intervals with m = length - 2·interval free places correspond one to one to two *distinct* numbers of
    0 … m+1: the smaller is the lower offset, the larger less one, plus `interval`, is the upper.
    """
    slots = length - 2 * interval + 2
    a = int(rng.integers(slots))
    b = int(rng.integers(slots - 1))
    b += b >= a
    return (a, b - 1 + interval) if a < b else (a - 1 + interval, b)
