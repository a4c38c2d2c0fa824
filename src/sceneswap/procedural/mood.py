"""How a procedural scene looks: light, weather, season and palette, drawn from a seed, free of any geometry.

A mood is a point of a continuum. `Mood.light` turns sun and weather into colours of the light and the sky,
`Mood.palette` turns season and taste into one colour ramp per material and variant. Colours are linear RGB, 1 = white.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.procedural.canvas import INDEX
from sceneswap.procedural.colors import PALETTE, SEASONS, SKY
from sceneswap.procedural.layout import Draw

Colors = NDArray[np.floating[Any]]

SNOW_HOLD = {  # how readily snow stays on a material
    "grass": 1.0, "plant-other": 0.9, "flower": 0.75, "hill": 0.85, "dirt": 0.9, "sand": 0.8, "wet-sand": 0.3,
    "mountain": 0.7, "mesa": 0.45, "rock": 0.7, "road": 0.42, "marking": 0.42, "pavement": 0.65, "house-roof": 1.05,
    "oak": 0.6, "birch": 0.5, "fir": 0.78, "palm": 0.3, "wood": 0.62, "bush": 0.75, "bridge": 0.3, "fence": 0.45,
    "car": 0.35, "animal": 0.05, "house-wall": 0.05, "block-wall": 0.03,
}  # fmt: skip

WEATHER = {  # range of the cloud cover, range of the haze
    "clear": ((0.0, 0.15), (0.03, 0.14)), "fair": ((0.1, 0.45), (0.06, 0.22)), "overcast": ((0.65, 1.0), (0.08, 0.3)),
    "fog": ((0.3, 0.9), (0.8, 2.6)), "storm": ((0.6, 0.95), (0.1, 0.4)),
}  # fmt: skip


@dataclass(frozen=True)
class Light:
    """Colours of the light: sun and ambient (3,), sky from zenith to horizon, cloud lit and shaded, haze, the glow."""

    sun: Colors
    ambient: Colors
    zenith: Colors
    horizon: Colors
    cloud_lit: Colors
    cloud_dark: Colors
    haze: Colors
    glow: Colors
    direction: tuple[float, float, float]  # towards the sun: right, up, to the viewer


@dataclass(frozen=True)
class Mood:
    """The appearance of a scene; `Mood.sample(seed)` draws one."""

    seed: int
    elevation: float  # of the sun, degrees, -14 (night) … 65
    side: float  # where the sun stands, -1 left … 1 right
    season: float  # 0 spring, 0.25 summer, 0.5 autumn, 0.75 winter, around the year
    snow: float  # 0 none … 1 deep
    overcast: float  # 0 clear … 1 closed cover
    storm: float  # 0 … 1, dark clouds
    haze: float  # extinction per unit of distance (300 m)
    wetness: float  # 0 dry … 1 rain-wet
    wind: float  # 0 mirror-like water … 1 rough
    warmth: float  # -1 cool … 1 warm white balance
    pink: float  # 0 orange … 1 pink twilight
    saturation: float
    contrast: float
    exposure: float
    texture: float  # strength of textures
    grain: float  # share of small-scale texture
    lamps: float  # share of windows lit when it is dark

    @classmethod
    def sample(cls, seed: int) -> "Mood":
        """Draw a mood; the same seed gives the same mood on every machine."""
        draw = Draw(seed, 2)
        low, high = draw.pick(((28, 65), (28, 65), (10, 28), (5, 14), (1, 7), (-4, 3), (-4, 2), (-9, -4), (-14, -9)))
        weather = draw.pick(("clear", "clear", "clear", "fair", "fair", "overcast", "overcast", "fog", "storm"))
        season = draw.between(0, 1)
        winter = max(0.0, 1 - abs(season - 0.77) / 0.2)
        snow = draw.between(0.45, 1.0) if draw.chance(0.75 * min(1.0, 2 * winter)) else 0.0
        (least_cover, most_cover), (least_haze, most_haze) = WEATHER[weather]
        return cls(
            seed=seed,
            elevation=draw.between(low, high),
            side=draw.between(-1, 1),
            season=season,
            snow=snow,
            overcast=draw.between(least_cover, most_cover),
            storm=draw.between(0.5, 1) if weather == "storm" else 0.0,
            haze=draw.between(least_haze, most_haze),
            wetness=draw.between(0.3, 1) if weather == "storm" or draw.chance(0.3 * (weather == "overcast")) else 0.0,
            wind=draw.between(0.05, 0.75) if weather != "storm" else draw.between(0.7, 1),
            warmth=draw.between(-1, 1),
            pink=draw.between(0, 1),
            saturation=draw.between(0.75, 1.25),
            contrast=draw.between(0.85, 1.2),
            exposure=draw.between(0.88, 1.12),
            texture=draw.between(0.7, 1.3),
            grain=draw.between(0, 1),
            lamps=draw.between(0.25, 0.75),
        )

    @property
    def darkness(self) -> float:
        """0 by day … 1 at night; artificial light grows with it."""
        return float(np.clip((1.5 + 2.0 * self.storm - self.elevation) / 8, 0, 1))

    def light(self) -> Light:
        """The colours of light, sky, clouds and haze."""
        sun, ambient, zenith, horizon = (
            np.array([np.interp(self.elevation, SKY["elevation"], SKY[name][:, c]) for c in range(3)])
            for name in ("sun", "ambient", "zenith", "horizon")
        )
        zenith, horizon = linear(zenith), linear(horizon)
        twilight = np.exp(-(((self.elevation - 0.5) / 6.0) ** 2))
        rosy = horizon.mean() * np.array([1.25, 0.62, 0.95])
        horizon = horizon + (rosy - horizon) * self.pink * twilight * 0.85
        draw = Draw(self.seed, 3)
        tone = np.exp(np.array([draw.between(-0.14, 0.14) for _ in range(3)]))
        zenith, horizon = zenith * tone, horizon * (1 + 0.5 * (tone - 1))
        gray = 0.5 * (horizon.mean() + zenith.mean()) * np.array([0.97, 1.0, 1.06]) * (1.0 - 0.5 * self.storm)
        cover = self.overcast
        zenith = zenith + (gray * 0.85 - zenith) * cover * 0.92
        horizon = horizon + (gray * 1.08 - horizon) * cover * 0.75
        sun = sun * (1 - cover) ** 1.6
        ambient = ambient * (1 - 0.15 * cover) + cover * (
            ambient.mean() * (0.75 - 0.3 * self.storm) * np.array([0.98, 1.0, 1.04])
        )
        cast = np.array([1 + 0.07 * self.warmth, 1.0, 1 - 0.09 * self.warmth])
        cloud_lit = np.minimum(0.22 * sun + 0.85 * horizon + 0.35 * ambient, 1.05) * (1 - 0.35 * self.storm)
        cloud_dark = (0.45 * zenith + 0.4 * horizon) * (0.9 - 0.5 * self.storm)
        height = np.radians(max(self.elevation, 9.0))
        across = 0.85 * self.side
        direction = np.array([across, np.sin(height) * 1.1, 0.35 + 0.3 * (1 - abs(self.side))])
        direction /= np.linalg.norm(direction)
        glow = sun * (0.25 + 0.55 * twilight)
        haze = 0.82 * horizon + 0.18 * zenith
        right, up, near = (float(part) for part in direction)

        def cast_of(color: Colors) -> Colors:
            return np.asarray(color * cast, np.float32)

        return Light(
            sun=cast_of(sun), ambient=cast_of(ambient), zenith=cast_of(zenith), horizon=cast_of(horizon),
            cloud_lit=cast_of(cloud_lit), cloud_dark=cast_of(cloud_dark), haze=cast_of(haze), glow=cast_of(glow),
            direction=(right, up, near),
        )  # fmt: skip

    def palette(self) -> tuple[Colors, Colors]:
        """Dark and light end of the colour ramp of each material and variant: two (materials·4, 3) linear tables."""
        draw = Draw(self.seed, 4)
        drift = np.exp(np.array([draw.between(-0.12, 0.12) for _ in range(3)]))
        scheme = draw.below(64)
        dark, bright = np.zeros((len(INDEX) * 4, 3)), np.zeros((len(INDEX) * 4, 3))
        for name, index in INDEX.items():
            options = _of_season(SEASONS[name], self.season) if name in SEASONS else np.array(PALETTE[name], float)
            shift = draw.between(-0.1, 0.1)
            for variant in range(4):
                many = len(options)
                step = scheme if many > 4 else 0  # long palettes: each mood has its own four colours out of them
                ramp = linear(options[(variant * (1 + many // 4) + step) % many]) * drift
                ramp = ramp * np.exp([shift, 0.0, -shift])
                spread = 0.5 if name in SEASONS or name in ("mountain", "rock", "mesa") else 0.36
                dark[index * 4 + variant], bright[index * 4 + variant] = ramp * (1 - spread), ramp * (1 + spread)
        return dark.astype(np.float32), np.minimum(bright, 1.0).astype(np.float32)


def linear(color: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear value of an 8-bit display colour."""
    return (np.asarray(color, float) / 255) ** 2.2


def _of_season(keys: tuple[tuple[tuple[int, int, int], ...], ...], season: float) -> NDArray[np.float64]:
    """Colours between the four seasons' keys; each key holds one colour per variant."""
    position = season * 4
    first, t = int(position) % 4, position - int(position)
    t = t * t * (3 - 2 * t)
    a, b = np.array(keys[first], float), np.array(keys[(first + 1) % 4], float)
    return a + (b - a) * t
