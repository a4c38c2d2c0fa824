"""The canvas that a layout is drawn on: per pixel a material, a distance, a surface direction and a texture value.

Nothing here knows a colour. `ground` and `things` paint on it from back to front, and
`shade` turns it into a photograph under a mood.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.procedural.layout import Layout
from sceneswap.procedural.noise import Field, sample

Mask = NDArray[np.bool_]
Window = tuple[slice, slice]

MATERIALS: dict[str, str] = {  # material -> class of the outdoor list
    "sky": "sky-other", "cloud": "clouds",
    "oak": "tree", "birch": "tree", "fir": "tree", "palm": "tree", "trunk": "tree", "wood": "tree", "bush": "bush",
    "grass": "grass", "plant-other": "plant-other", "flower": "flower",
    "mountain": "mountain", "mesa": "mountain", "hill": "hill", "rock": "rock", "snow": "snow", "sand": "sand",
    "wet-sand": "sand", "dirt": "dirt", "road": "road", "marking": "road", "pavement": "pavement",
    "sea": "sea", "river": "river", "water-other": "water-other",
    "block-wall": "building-other", "block-window": "building-other", "block-roof": "building-other",
    "house-wall": "house", "house-window": "house", "house-roof": "house", "house-door": "house",
    "tower-wall": "skyscraper", "tower-window": "skyscraper",
    "bridge": "bridge", "fence": "fence", "cloth": "person", "trousers": "person", "skin": "person",
    "animal": "animal", "animal-dark": "animal",
    "car": "vehicle", "car-window": "vehicle", "tyre": "vehicle", "lamp": "vehicle",
    "hull": "boat", "sail": "boat", "cabin": "boat",
}  # fmt: skip

INDEX = {name: index for index, name in enumerate(MATERIALS)}


class Canvas:
    """Buffers of one layout at one size; rows are y, columns x, both in frame heights (see `layout`)."""

    def __init__(self, layout: Layout, size: tuple[int, int]) -> None:
        height, width = size
        self.layout, self.height, self.width = layout, height, width
        self.y: Field = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
        self.x: Field = (0.5 + (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / height)[None, :]
        self.material = np.zeros(size, np.uint8)
        self.variant = np.zeros(size, np.uint8)
        self.depth = np.full(size, 30.0, np.float32)
        self.nx, self.ny, self.tex = (np.zeros(size, np.float32) for _ in range(3))
        self.rise = np.maximum(self.y - np.float32(layout.horizon), np.float32(1.2e-3))
        self.away = np.float32(layout.camera) / self.rise  # (H, 1) metres to the ground point of each row
        self.shadows: list[tuple[float, float, float, float]] = []  # x, y, half width, height in frame heights
        self.offset = (layout.seed * 0.6180339887 % 1.0, layout.seed * 0.7548776662 % 1.0)

    def window(self, x0: float, x1: float, y0: float, y1: float) -> Window | None:
        """The slices of the pixels whose centres lie in [x0, x1]×[y0, y1]; None when there are none."""
        left = self.width / 2 - self.height / 2
        c0, c1 = int(np.ceil(x0 * self.height + left - 0.5)), int(np.floor(x1 * self.height + left - 0.5)) + 1
        r0, r1 = int(np.ceil(y0 * self.height - 0.5)), int(np.floor(y1 * self.height - 0.5)) + 1
        c0, c1, r0, r1 = max(c0, 0), min(c1, self.width), max(r0, 0), min(r1, self.height)
        return (slice(r0, r1), slice(c0, c1)) if c0 < c1 and r0 < r1 else None

    def paint(self, window: Window, mask: Mask, material: str, **values: Any) -> None:
        """Set `material` and the given buffers (depth, nx, ny, tex, variant: number or window array) under the mask."""
        np.copyto(self.material[window], INDEX[material], where=mask)
        for name in ("nx", "ny", "tex", "variant", "depth"):
            value = values.get(name, 0 if name != "depth" else None)
            if value is not None:
                np.copyto(getattr(self, name)[window], value, where=mask, casting="same_kind")

    def screen(
        self, kind: str, periods: float, window: Window | None = None, salt: float = 0.0, tall: float = 1.0
    ) -> Field:
        """Texture fixed to the picture plane, `periods` per frame height; tall > 1 stretches it upwards."""
        rows, columns = window or (slice(None), slice(None))
        u = (self.x[:, columns] + self.offset[0] + salt) * np.float32(periods)
        v = (self.y[rows] + self.offset[1] + salt * 1.7) * np.float32(periods / tall)
        return sample(kind, u, v, periods * 1024 / self.height)

    def ground(self, kind: str, metres: float, rows: slice, salt: float = 0.0, wide: float = 1.0) -> Field:
        """Texture lying on the ground plane, one period every `metres`; wide > 1 stretches it sideways."""
        away = self.away[rows]
        u = (self.x - 0.5) * away / np.float32(metres * wide) + np.float32(self.offset[0] + salt)
        v = away / np.float32(metres) + np.float32(self.offset[1] + salt * 1.7)
        across = away / (metres * wide * self.height)
        along = away * away / (self.layout.camera * metres * self.height)
        return sample(kind, u, v, 1024 * across**0.6 * along**0.4)
