"""A scene: an image and its label map. And the legend of shape letters used in every docstring.

    B   pictures in a batch                 H, W     height, width in pixels
    C   classes of the label schema         P        positions of a scale, P = H·W (P1 target, P2 exemplar)
    K   attention maps                      N        image-feature channels
    M   label-feature channels (M1 of the target, M2 of the exemplar)

Suffix 1 is the target scene, suffix 2 the exemplar; `(i)` counts scales, 0 the finest. A *label map* in memory always
holds class indices 0 … C-1 of one schema, and C for void; the ids of files exist only in files (`labels/io.py`).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Photo = NDArray[np.uint8]
"""(H, W, 3) RGB, 0 … 255."""

LabelMap = NDArray[np.int16]
"""(H, W) class indices 0 … C-1, void = C."""


@dataclass(frozen=True)
class Scene:
    """A photograph with the label map of the same size.

    photo: (H, W, 3) uint8 RGB. label_map: (H, W) class indices, void = C, of any integer type; held as int16. name: for
    messages and file names. Raises `ValueError` for other shapes and types.
    """

    photo: Photo
    label_map: LabelMap
    name: str = ""

    def __post_init__(self) -> None:
        if self.photo.ndim != 3 or self.photo.shape[2] != 3 or self.photo.dtype != np.uint8:
            raise ValueError(f"photo must be (H, W, 3) uint8, got {self.photo.shape} {self.photo.dtype}")
        if self.label_map.shape != self.photo.shape[:2] or self.label_map.dtype.kind not in "iu":
            raise ValueError(
                f"label_map must be {self.photo.shape[:2]} integers, got {self.label_map.shape} {self.label_map.dtype}"
            )
        if self.label_map.dtype != np.int16:
            if self.label_map.size and (self.label_map.min() < 0 or self.label_map.max() > np.iinfo(np.int16).max):
                raise ValueError("label_map must hold class indices from 0 to 32767")
            object.__setattr__(self, "label_map", self.label_map.astype(np.int16))

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.label_map.shape[0], self.label_map.shape[1]


class SceneSource(Protocol):
    """Anything that hands out scenes by number: folders of photographs, shards, a renderer, or your own class."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Scene: ...
