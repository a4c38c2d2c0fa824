"""Parts of pictures: boxes, statistics gathered part by part, and activations too large to hold.

A convolution of a part of a picture is that of the whole picture, but for a rim as wide as the convolution reaches beyond
the part; where the part ends at the picture's own border even there. So a part is computed with a rim and the rim is cut off.
"""

import tempfile
import weakref
from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneswap.errors import UserError

_IN_MEMORY = 1 << 26  # bytes of a `Store` that are kept in memory
_EPSILON = 1e-5  # as `InstanceNorm` adds to the variance


class Box(NamedTuple):
    """The positions top ≤ row < bottom, left ≤ column < right of a picture."""

    top: int
    bottom: int
    left: int
    right: int

    @staticmethod
    def of(size: tuple[int, int]) -> "Box":
        """All of a picture of `size` (height, width)."""
        return Box(0, size[0], 0, size[1])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def grown(self, by: int, size: tuple[int, int]) -> "Box":
        """With a rim of `by` positions, as far as a picture of `size` (height, width) has them."""
        return Box(
            max(0, self.top - by), min(size[0], self.bottom + by), max(0, self.left - by), min(size[1], self.right + by)
        )

    def times(self, factor: int) -> "Box":
        """The same part of a picture `factor` times as large."""
        return Box(*(side * factor for side in self))

    def over(self, factor: int) -> "Box":
        """The same part of a picture whose size is divided by `factor`, which must divide the sides of this box."""
        return Box(*(side // factor for side in self))

    def halved(self) -> "Box":
        """The least box of a picture of half the size that covers this one."""
        return Box(self.top // 2, -(-self.bottom // 2), self.left // 2, -(-self.right // 2))

    def cut(self, tensor: Tensor, of: "Box") -> Tensor:
        """This part of a tensor (…, H, W) that holds the part `of`."""
        rows = slice(self.top - of.top, self.bottom - of.top)
        return tensor[..., rows, self.left - of.left : self.right - of.left]


def boxes(size: tuple[int, int], side: int) -> Iterator[Box]:
    """Boxes of at most side × side that cover a picture of `size` (height, width), each position once, row by row."""
    for top in range(0, size[0], side):
        for left in range(0, size[1], side):
            yield Box(top, min(size[0], top + side), left, min(size[1], left + side))


class Moments:
    """Mean and variance of every channel over a whole picture, gathered part by part in float64."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Tensor | None = None  # (1, C, 1, 1), like the sum of squared distances from it
        self._squares: Tensor | None = None

    def add(self, part: Tensor) -> None:
        """Take in a part (1, C, h, w); parts must not overlap. By the formula of Chan, Golub and LeVeque (1979)."""
        count = part.shape[2] * part.shape[3]
        values = part.double()
        mean = values.mean(dim=(2, 3), keepdim=True)
        squares = (values - mean).square_().sum(dim=(2, 3), keepdim=True)
        if self._mean is None or self._squares is None:
            self._count, self._mean, self._squares = count, mean, squares
            return
        total, apart = self._count + count, mean - self._mean
        self._squares += squares + apart.square() * (self._count * count / total)
        self._mean += apart * (count / total)
        self._count = total

    @property
    def mean(self) -> Tensor:
        """(1, C, 1, 1) float64."""
        assert self._mean is not None
        return self._mean

    def normalise(self, x: Tensor) -> Tensor:
        """What `InstanceNorm` makes of the whole picture, of a part of it (1, C, h, w)."""
        assert self._squares is not None
        inverse = (self._squares / self._count + _EPSILON).rsqrt()
        return ((x.float() - self.mean.float()) * inverse.float()).to(x.dtype)


class Store:
    """Activations (1, C, H, W) of a picture, written and read by boxes as float32; large ones lie in a temporary file.

    The file is in the folder for such (TMPDIR), has no name and goes when the store goes. Raises `UserError` when the disk is
    full.
    """

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        self.size = size
        self._shape = (*size, channels)
        self._row = channels * 4  # bytes of a position
        self._array: NDArray[np.float32] | None = None
        if store_bytes(channels, size) <= _IN_MEMORY:
            self._array = np.empty(self._shape, np.float32)
        else:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 it lives as long as the store
            weakref.finalize(self, self._file.close)

    def write(self, box: Box, part: Tensor) -> None:
        """Keep a part (1, C, h, w)."""
        rows = part[0].float().permute(1, 2, 0).contiguous().cpu().numpy()
        if self._array is not None:
            self._array[box.top : box.bottom, box.left : box.right] = rows
            return
        try:
            for number, row in enumerate(rows, box.top):
                self._file.seek((number * self.size[1] + box.left) * self._row)
                self._file.write(cast(memoryview, row.data))
        except OSError as error:
            gigabytes = store_bytes(self._shape[2], self.size) / 1e9
            raise UserError(
                f"the temporary folder {tempfile.gettempdir()} cannot hold {gigabytes:.1f} GB ({error.strerror}); free some "
                "space, or name another folder with the environment variable TMPDIR"
            ) from error

    def read(self, box: Box, device: torch.device | str = "cpu") -> Tensor:
        """A part (1, C, h, w), channels last in memory."""
        if self._array is not None:
            rows = np.ascontiguousarray(self._array[box.top : box.bottom, box.left : box.right])
        else:
            rows = np.empty((*box.size, self._shape[2]), np.float32)
            for number, row in enumerate(rows, box.top):
                self._file.seek((number * self.size[1] + box.left) * self._row)
                self._file.readinto(cast(bytearray, row.data.cast("B")))
        return torch.from_numpy(rows).to(device).permute(2, 0, 1)[None]


def store_bytes(channels: int, size: tuple[int, int]) -> int:
    """What a `Store` takes, in memory or on the disk."""
    return channels * size[0] * size[1] * 4
