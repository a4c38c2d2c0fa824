"""The building site of a layout: free places, scattered things, rows, villages; used by the kinds of scene."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sceneswap.procedural.layout import Band, Building, Draw, Layout, Patch, Ridge, Thing, Water

LEFT, RIGHT = -1.0, 2.0  # the part of x that is filled

TREES = ("oak", "oak", "oak", "birch", "poplar", "fir")


def ridge(draw: Draw, kind: str, horizon: float, low: float, high: float, depth: float, snow: float = 2.0) -> Ridge:
    frequency = {"mountain": draw.between(1.2, 2.2), "hill": draw.between(0.6, 1.5), "mesa": draw.between(1.0, 2.0)}
    return Ridge(kind, horizon + 0.012, draw.between(low, high), frequency.get(kind, 1.0), depth, snow, draw.seed())


def patch(draw: Draw, material: str, metres: float, share: float, far: float = 0.0, near: float = 1.1) -> Patch:
    return Patch(material, metres, share, near, far, draw.seed())


class Site:
    """The ground under construction: which places are free, and what already stands there."""

    def __init__(self, draw: Draw, horizon: float, camera: float, water: Water | None, bands: tuple[Band, ...]) -> None:
        self.draw, self.horizon, self.camera, self.water, self.bands = draw, horizon, camera, water, bands
        self.things: list[Thing] = []

    def metres(self, x: float, y: float) -> tuple[float, float]:
        """(right, away) of the ground point."""
        away = self.camera / max(y - self.horizon, 1e-3)
        return (x - 0.5) * away, away

    def on_water(self, x: float, y: float) -> bool:
        if self.water is None:
            return False
        far, near = self.water.bounds(np.array([x]))
        return bool(far[0] < y < near[0] + 0.012)

    def on_band(self, x: float, y: float, margin: float) -> bool:
        right, away = self.metres(x, y)
        for band in self.bands:
            center = float(band.center(np.array([away]))[0])
            if abs(right - center) < band.half_width + band.pavement + margin:
                return True
        return False

    def scatter(
        self,
        kinds: tuple[str, ...],
        count: int,
        size: tuple[float, float],
        far: float,
        near: float,
        water: bool = False,
    ) -> None:
        """Put up to `count` things (per visible square, three times that in all) on free ground between two rows."""
        for _ in range(3 * count):
            t = self.draw.between(0, 1) ** 1.6  # more of them far away
            x, y = self.draw.between(LEFT, RIGHT), far + (near - far) * t
            kind, metres = self.draw.pick(kinds), self.draw.between(*size)
            variant, seed = self.draw.below(4), self.draw.seed()
            if self.on_water(x, y) == water and not self.on_band(x, y, 0.25 * metres):
                self.things.append(Thing(kind, x, y, metres, variant, seed))

    def groves(self, kinds: tuple[str, ...], count: int, size: tuple[float, float], far: float, near: float) -> None:
        """Clusters of trees of one kind."""
        for _ in range(count):
            kind = (self.draw.pick(kinds),)
            x, y = self.draw.between(LEFT, RIGHT), self.draw.between(far, near)
            before = len(self.things)
            for _ in range(self.draw.below(7) + 3):
                px, py = x + self.draw.between(-0.16, 0.16), y + self.draw.between(-0.015, 0.02)
                metres, variant, seed = self.draw.between(*size), self.draw.below(4), self.draw.seed()
                clear = not self.on_water(px, py) and not self.on_band(px, py, 0.3 * metres)
                if clear and py > self.horizon + 0.01 and len(self.things) < before + 9:
                    self.things.append(Thing(kind[0], px, py, metres, variant, seed))

    def row(self, kind: str, y: float, step: float, size: float, start: float, stop: float) -> None:
        """Things of one kind side by side at row y (posts of a fence, an avenue)."""
        variant, seed = self.draw.below(4), self.draw.seed()
        x = start
        while x < stop:
            if not self.on_water(x, y) and not self.on_band(x, y, 0.2):
                self.things.append(Thing(kind, x, y, size, variant, seed))
            x += step

    def along(self, kind: str, band: Band, gap: float, size: float, side: float, first: float, last: float) -> None:
        """Things of one kind beside a road, every `gap` metres."""
        away, variant = first, self.draw.below(4)
        while away < last:
            right = float(band.center(np.array([away]))[0]) + side * (band.half_width + band.pavement + 0.4 * size)
            x, y = 0.5 + right / away, self.horizon + self.camera / away
            if LEFT < x < RIGHT and not self.on_water(x, y):
                self.things.append(Thing(kind, x, y, size * self.draw.between(0.85, 1.15), variant, self.draw.seed()))
            away += gap

    def sorted(self) -> tuple[Thing, ...]:
        return tuple(sorted(self.things, key=lambda thing: thing.y))


def house_at(draw: Draw, right: float, away: float, kind: str = "house") -> Building:
    width, deep = draw.between(7, 12), draw.between(6, 10)
    height = draw.between(3.2, 6.5)
    if kind == "block":
        width, deep, height = draw.between(12, 26), draw.between(10, 16), draw.between(9, 22)
    if kind == "tower":
        width, deep, height = draw.between(16, 30), draw.between(16, 26), draw.between(40, 130)
    return Building(kind, right, right + width, away, deep, height, draw.below(4), draw.seed())


def village(draw: Draw, site: Site, count: int, far: float, near: float, kind: str = "house") -> tuple[Building, ...]:
    found: list[Building] = []
    for _ in range(count * 3):
        x, y = draw.between(LEFT, RIGHT), draw.between(far, near)
        right, away = site.metres(x, y)
        house = house_at(draw, right, away, kind)
        middle = 0.5 + (house.left + house.right) / 2 / away
        edge = 0.5 + house.right / away
        free = not any(site.on_water(px, y) or site.on_band(px, y, 1.5) for px in (x, middle, edge))
        if free and not any(abs(h.left - house.left) < 14 and abs(h.near - house.near) < 14 for h in found):
            found.append(house)
    return tuple(found)


def finish(seed: int, kind: str, draw: Draw, site: Site, *, ground: str, **parts: Iterable[Any]) -> Layout:
    """The layout of a kind; parts: its ridges, patches and buildings."""
    cover = draw.pick((0.0, 0.25, 0.4, 0.5, 0.6, 0.75))
    return Layout(
        seed, kind, site.horizon, site.camera, cover, draw.between(0.7, 1.6), ground, things=site.sorted(), water=site.water,
        bands=site.bands, **{name: tuple(part) for name, part in parts.items()},
    )  # fmt: skip
