"""From a canvas and a mood to a photograph: colours, snow, light, shadows, haze, water, lamps, grading."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sceneswap.procedural.canvas import INDEX, MATERIALS, Canvas
from sceneswap.procedural.mood import SNOW_HOLD, Colors, Light, Mood
from sceneswap.procedural.noise import Field, sample
from sceneswap.scene import Photo

_HOLD = np.array([SNOW_HOLD.get(name, 0.0) for name in MATERIALS], np.float32)
_WATER = np.array([name in ("sea", "river", "water-other") for name in MATERIALS])
_GLASS = np.array([name.endswith("window") for name in MATERIALS])
_LIT = np.array([name in ("house-window", "block-window", "tower-window") for name in MATERIALS])
_LAMP = np.array([name == "lamp" for name in MATERIALS])
_ABOVE = np.array([name in ("sky", "cloud") for name in MATERIALS])
_FLAT = np.array([name in ("grass", "plant-other", "flower", "sand", "wet-sand", "snow", "dirt", "road", "marking",
                           "pavement", "rock") for name in MATERIALS])  # fmt: skip
_SNOW = np.array([0.80, 0.85, 0.93], np.float32)
_LUMA = np.array([0.25, 0.63, 0.12], np.float32)


def shade(canvas: Canvas, mood: Mood) -> Photo:
    """The photograph (H, W, 3) uint8 of a painted canvas under a mood."""
    light = mood.light()
    color = _surfaces(canvas, mood, light)
    sky = _ABOVE[canvas.material]
    air = _sky(canvas, mood, light)
    fade = np.exp(-mood.haze * canvas.depth)[..., None]
    color = np.where(sky[..., None], air, light.haze + (color - light.haze) * fade)
    _reflect(canvas, mood, light, color)
    _lamps(canvas, mood, color)
    return _develop(mood, color)


def _surfaces(canvas: Canvas, mood: Mood, light: Light) -> Colors:
    """Lit surfaces without haze, (H, W, 3) linear."""
    material, tex = canvas.material, canvas.tex
    fine = canvas.screen("detail", 3.2)
    mix = 0.5 + 0.5 * mood.texture * (
        (1.05 - 0.3 * mood.grain) * tex + (0.1 + 0.3 * mood.grain) * fine * _texture_of(material)
    )
    np.clip(mix, 0, 1, out=mix)
    dark, bright = mood.palette()
    index = material.astype(np.intp) * 4 + canvas.variant
    color = np.take(dark, index, axis=0)
    color += (np.take(bright, index, axis=0) - color) * mix[..., None]
    if mood.snow > 0:
        hold = _HOLD[material]
        cover = np.clip((mood.snow * hold * (0.55 + 0.75 * canvas.ny) + 0.22 * tex + 0.1 * fine - 0.22) * 3.2, 0, 1)
        cover *= (hold > 0) * np.minimum(1.0, 0.55 + hold * 0.5)
        color += (_SNOW * (0.88 + 0.12 * mix[..., None]) - color) * cover[..., None]
    if mood.wetness > 0:
        color *= (1 - 0.45 * mood.wetness * _FLAT[material])[..., None]
    sx, sy, sz = light.direction
    nz = np.sqrt(np.maximum(1 - canvas.nx**2 - canvas.ny**2, 0.02))
    lambert = np.clip((canvas.nx * sx + canvas.ny * sy + nz * sz) * 1.15 - 0.04, 0, 1)
    lambert *= _shadow(canvas, mood)
    sun = light.sun * 0.55
    lit = light.ambient * (0.72 + 0.3 * canvas.ny)[..., None] + sun * lambert[..., None]
    if mood.wetness > 0:
        gloss = mood.wetness * 0.3 * _FLAT[material] * (0.6 + 0.4 * tex)
        color = color * lit + light.horizon * np.clip(gloss, 0, 1)[..., None]
    else:
        color *= lit
    glass = _GLASS[material]
    if glass.any():  # panes mirror the sky
        mirror = 0.3 * light.zenith + 0.35 * light.horizon
        color[glass] = color[glass] * 0.6 + mirror * (0.5 + 0.25 * tex[glass, None])
    return color


def _texture_of(material: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.where(_LIT[material] | _ABOVE[material], np.float32(0), np.float32(1))


def _shadow(canvas: Canvas, mood: Mood) -> Field:
    """1 in the sun … 0.3 in the cast shadow of a thing; shadows fall away from the sun, longer when it is low."""
    shadow = np.ones((canvas.height, canvas.width), np.float32)
    reach = float(np.clip(1.1 / np.tan(np.radians(max(mood.elevation, 12.0))), 0.2, 2.2))
    flat = _FLAT[canvas.material]
    for x, y, half, tall in canvas.shadows:
        dx = -mood.side * reach * 0.55 * tall
        x0, x1 = min(x, x + dx) - half, max(x, x + dx) + half
        thick = 0.16 * half + 0.05 * tall * reach * (1 - 0.5 * abs(mood.side))
        window = canvas.window(x0, x1, y - thick, y + thick)
        if window is None:
            continue
        rows, columns = window
        t = np.clip((canvas.x[:, columns] - x) / dx, 0, 1) if abs(dx) > 1e-4 else np.zeros_like(canvas.x[:, columns])
        along = (canvas.x[:, columns] - (x + t * dx)) / half
        down = (canvas.y[rows] - y - 0.05 * half) / thick
        depth = np.clip(1.6 * (1 - along**2 - down**2), 0, 1) * (1 - 0.45 * t)
        np.minimum(shadow[window], 1 - 0.72 * depth * flat[window], out=shadow[window])
    return shadow


def _sky(canvas: Canvas, mood: Mood, light: Light) -> Colors:
    """Gradient, glow of the sun, stars and clouds; for rows below the horizon the colour of the horizon."""
    horizon = np.float32(canvas.layout.horizon)
    last = int(np.clip((horizon + 0.03) * canvas.height + 1, 1, canvas.height))
    y, x = canvas.y[:last], canvas.x
    up = np.clip((horizon - y) / horizon, 0, 1)
    blend = (1 - (1 - up) ** (1.7 + 0.9 * (1 - mood.overcast)))[..., None]
    sky = light.horizon + (light.zenith - light.horizon) * blend
    sky = np.broadcast_to(sky, (last, canvas.width, 3)).astype(np.float32)
    place = 0.5 + 0.55 * mood.side, horizon - 0.011 * mood.elevation
    far = (x - np.float32(place[0])) ** 2 + (1.5 * (y - np.float32(place[1]))) ** 2
    visible = (1 - mood.overcast) ** 1.5
    glow = (0.35 * np.exp(-far * 9) + 0.5 * np.exp(-far * 60)) * visible
    sky += light.glow * glow[..., None]
    if mood.elevation > -2:
        disc = np.clip((0.026 - np.sqrt(far) / 1.2) * canvas.height * 0.5, 0, 1) * visible
        sky += (2.2 * light.sun) * disc[..., None]
    if mood.darkness > 0.75 and mood.overcast < 0.7:
        stars = canvas.screen("detail", 3.0, (slice(0, last), slice(None)), 0.37)
        sky += (np.clip(stars - 0.98, 0, 1) * 2.5 * (mood.darkness - 0.75) * 4 * (1 - mood.overcast) * up)[..., None]
    if canvas.layout.cloud_cover > 0 or mood.overcast > 0.2:
        veil = sample(
            "fbm", x * np.float32(0.35) + canvas.offset[0], y * np.float32(0.9) + 0.3, 0.6 * 1024 / canvas.height
        )
        sky *= (1 + 0.28 * mood.overcast * (1 + mood.storm) * veil)[..., None]
        cloud = canvas.material[:last] == INDEX["cloud"]
        thick = canvas.tex[:last] * cloud
        towards = np.exp(-far * 5)
        bright = np.clip(0.62 + 0.75 * canvas.ny[:last] - 0.42 * thick + 0.2 * towards, 0, 1) ** mood.contrast
        body = light.cloud_dark + (light.cloud_lit - light.cloud_dark) * bright[..., None]
        body = body + light.glow * (0.5 * towards * (1 - 0.6 * thick))[..., None] * visible
        body = body + (light.horizon - body) * (0.55 * np.clip(1 - 3 * up, 0, 1))[..., None]
        cover = np.clip(thick * 1.5 - 0.1, 0, 0.97)[..., None]
        sky += (body - sky) * cover
    if last == canvas.height:
        return sky
    return np.concatenate([sky, np.broadcast_to(light.horizon, (canvas.height - last, canvas.width, 3))])


def _reflect(canvas: Canvas, mood: Mood, light: Light, color: Colors) -> None:
    """Water: its own colour, and the picture above it mirrored at the water's edge and broken by waves."""
    water = _WATER[canvas.material]
    if not water.any():
        return
    height = canvas.height
    row = np.arange(height, dtype=np.float32)[:, None]
    edge = water.copy()
    edge[1:] &= ~water[:-1] & (canvas.depth[:-1] >= 0.8 * canvas.depth[1:])
    shore = np.maximum.accumulate(np.where(edge, row, 0), axis=0)
    r, c = np.nonzero(water)
    top, tex, depth = shore[r, c], canvas.tex[r, c], canvas.depth[r, c]
    below = (r - top) / height
    wave = tex * mood.wind * (0.25 + 1.0 * np.minimum(below * 4, 1))
    source = np.clip(top - (r - top) * (1 + 0.35 * mood.wind) - 1 + wave * 0.11 * height, 0, height - 1)
    side = np.clip(c + wave * 0.025 * height, 0, canvas.width - 1).astype(np.intp)
    mirrored = color[source.astype(np.intp), side]
    mirrored = mirrored + (light.haze - mirrored) * (0.1 + 0.25 * mood.wind)
    grazing = np.clip(0.86 - 1.1 * canvas.rise[r, 0] - 0.34 * tex * (0.3 + mood.wind), 0.1, 0.95)
    grazing *= 1 - 0.2 * mood.wind
    own = color[r, c]
    foam = np.clip((tex - 1.35) * 8, 0, 1) + np.clip((tex - 0.62) * 3, 0, 0.8) * np.clip(mood.wind - 0.55, 0, 1) * 2
    result = own + (mirrored - own) * grazing[:, None].astype(np.float32)
    white = light.ambient * 0.8 + light.sun * 0.3
    result += (white - result) * np.clip(foam, 0, 0.85)[:, None]
    fade = np.exp(-mood.haze * depth * 0.7)[:, None]
    color[r, c] = light.haze + (result - light.haze) * fade


def _lamps(canvas: Canvas, mood: Mood, color: Colors) -> None:
    """Lit windows and car lights with their halos when it is dark."""
    if mood.darkness <= 0.05:
        return
    material = canvas.material
    on = (_LIT[material] & (canvas.tex < 2 * mood.lamps - 1)) | _LAMP[material]
    if not on.any():
        return
    warm = np.array([1.0, 0.68, 0.32], np.float32)
    strength = mood.darkness * (0.75 + 0.25 * np.cos(canvas.tex * 9)) * on
    step = max(1, canvas.height // 96)
    small = np.add.reduceat(np.add.reduceat(strength, np.arange(0, canvas.height, step), 0),
                            np.arange(0, canvas.width, step), 1) / step**2  # fmt: skip
    halo = ndimage.gaussian_filter(small, 96 * 0.028) * 1.1 + ndimage.gaussian_filter(small, 96 * 0.008) * 0.35
    halo = np.repeat(np.repeat(halo, step, 0), step, 1)[: canvas.height, : canvas.width]
    if step > 1:
        halo = ndimage.uniform_filter(halo, step)
    color += (0.55 * halo * mood.darkness)[..., None] * warm
    color += (strength[..., None] * (warm * 0.95 - color)) * on[..., None]


def _develop(mood: Mood, color: Colors) -> Photo:
    """Saturation, exposure, contrast, tone curve and display gamma; (H, W, 3) uint8."""
    gray = color @ _LUMA
    color = gray[..., None] + (color - gray[..., None]) * np.float32(mood.saturation)
    code = np.sqrt(np.clip(color, 0, 3.99)) * np.float32(2048)
    value = (np.arange(4096) / 2048) ** 2 * mood.exposure
    value = value / (1 + value**3) ** (1 / 3)  # soft shoulder towards white
    display = value ** (1 / 2.2)
    pivot = 0.45
    display = pivot + (display - pivot) * (0.85 + 0.2 * mood.contrast)
    table = np.clip(np.round(display * 255), 0, 255).astype(np.uint8)
    return table[code.astype(np.uint16)]
