"""What is where: the geometry of a procedural scene, drawn from a seed, free of any colour or resolution.

Positions are in frame heights: y = 0 top, 1 bottom; x = 0.5 the middle, 0 … 1 the visible part of a square picture and
-1 … 2 the part that is filled for wider ones. Sizes on the ground are in metres: a ground point at row y lies
`camera / (y - horizon)` metres away, and one metre there spans `(y - horizon) / camera` frame heights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sceneswap.procedural.noise import curve

T = TypeVar("T")


@dataclass(frozen=True)
class Ridge:
    """A skyline from side to side: kind "mountain", "hill", "mesa" or "wood"; base row, height, distance for haze."""

    kind: str
    base: float
    height: float
    frequency: float
    depth: float
    snowline: float  # fraction of the height above which the surface is snow; 2 = none
    seed: int


@dataclass(frozen=True)
class Patch:
    """Blotches of another ground: material, size in metres, share of the ground, range of rows."""

    material: str
    metres: float
    share: float
    near: float
    far: float
    seed: int


@dataclass(frozen=True)
class Band:
    """A road or a river on the ground plane: centre line x(z) and half width, metres."""

    kind: str  # "road", "dirt", "river"
    offset: float
    bend: float
    wavelength: float
    phase: float
    half_width: float
    pavement: float = 0.0  # width of the pavement on each side, metres
    slant: float = 0.0  # metres sideways per metre forward

    def center(self, z: np.ndarray) -> np.ndarray:
        """Metres to the right of the middle at distance z metres."""
        swing = np.sin(z / self.wavelength * 6.2832 + self.phase) - np.sin(self.phase)
        return self.offset + self.slant * z + self.bend * swing * np.minimum(z / self.wavelength, 1.5)


@dataclass(frozen=True)
class Water:
    """Still water from row `far` to row `near` (both bent by noise); material "sea" or "water-other"."""

    material: str
    far: float
    near: float
    slant: float
    roughness: float
    shore: float  # width of the wet sand or pebbles, rows
    seed: int

    def bounds(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and last row of the water at positions x."""
        wave = curve(self.seed, x, 1.3, 4)
        far = self.far + (0.0 if self.material == "sea" else 1.0) * 0.012 * curve(self.seed + 1, x, 2.5, 3)
        return far + np.zeros_like(x), self.near + self.slant * (x - 0.5) + self.roughness * wave


@dataclass(frozen=True)
class Thing:
    """An object standing on the ground at (x, y); kind names its drawing, size in metres, variant 0 … 3."""

    kind: str
    x: float
    y: float
    size: float
    variant: int
    seed: int


@dataclass(frozen=True)
class Building:
    """A box on the ground plane: kind "house", "block" or "tower"; metres right of the middle, away, up."""

    kind: str
    left: float
    right: float
    near: float
    deep: float
    height: float
    variant: int
    seed: int


@dataclass(frozen=True)
class Layout:
    """The whole geometry of a scene; `kinds.sample_layout(seed)` draws one of ten kinds."""

    seed: int
    kind: str
    horizon: float
    camera: float
    cloud_cover: float
    cloud_size: float
    ground: str
    ridges: tuple[Ridge, ...] = ()
    patches: tuple[Patch, ...] = ()
    water: Water | None = None
    bands: tuple[Band, ...] = ()
    things: tuple[Thing, ...] = ()
    buildings: tuple[Building, ...] = ()


class Draw:
    """Random choices from one seed and stream number, through `Generator.random` only (stable over numpy versions)."""

    def __init__(self, seed: int, stream: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream])))

    def between(self, low: float, high: float) -> float:
        """A number from low to high."""
        return low + (high - low) * float(self._generator.random())

    def below(self, count: int) -> int:
        """0 … count - 1."""
        return int(self._generator.random() * count)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return float(self._generator.random()) < probability

    def seed(self) -> int:
        """A seed for a part."""
        return self.below(1 << 30)
