"""Seamless noise textures with mip maps, and the lookup that every surface of the renderer uses.

A texture is one period of 1024×1024 values with mean 0, mostly in -1 … 1. It is made once per process from a fixed
seed; a layout only chooses *where* it looks, so that the same layout shows the same texture at every size.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]

SIZE = 1024
LEVELS = 9
_STEP = np.float32(1 / 1024)  # values are rounded to this, so that machines agree in spite of their FFT's last bits


def _shaped(seed: int, low: float, high: float, slope: float, stretch: float = 1.0) -> NDArray[np.float64]:
    """One period of noise whose amplitude falls as frequency^-slope between `low` and `high` cycles per period."""
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((SIZE, SIZE))
    fy = np.fft.fftfreq(SIZE, 1 / SIZE)[:, None]
    fx = np.fft.rfftfreq(SIZE, 1 / SIZE)[None, :] * stretch
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = 1.0
    gain = frequency**-slope / (1 + (low / frequency) ** 4) / (1 + (frequency / high) ** 4)
    gain[0, 0] = 0.0
    field = np.fft.irfft2(np.fft.rfft2(noise) * gain, s=(SIZE, SIZE))
    return field / field.std()


def _ridged() -> NDArray[np.float64]:
    """Sharp crests and rounded gullies: the sum over octaves of 1 - |noise|."""
    total = np.zeros((SIZE, SIZE))
    for octave in range(6):
        frequency = 5.0 * 2**octave
        band = _shaped(40 + octave, frequency * 0.7, frequency * 1.4, 0.0)
        total += 0.52**octave * (1 - np.abs(band) * 1.1)
    total -= total.mean()
    return total / total.std()


def _make(kind: str) -> NDArray[np.float64]:
    if kind == "fbm":
        return 0.5 * _shaped(11, 3, 400, 1.75)
    if kind == "detail":
        return 0.5 * _shaped(12, 24, 420, 0.95)
    if kind == "streak":  # long in x: ripples, strata
        return 0.5 * _shaped(13, 24, 300, 1.0, stretch=5.0)
    ridge = _ridged()
    if kind == "ridge":
        return 0.5 * ridge
    if kind == "slope":  # the crest's gradient along x, for shading
        gradient = np.roll(ridge, -2, axis=1) - np.roll(ridge, 2, axis=1)
        return 0.55 * gradient / gradient.std()
    raise ValueError(kind)


@cache
def _pyramid(kind: str) -> tuple[Field, NDArray[np.int32]]:
    """All mip levels of a texture one after the other, and where each level starts."""
    level = np.clip(_make(kind), -1.6, 1.6)
    flat, starts, start = [], [], 0
    for _ in range(LEVELS):
        flat.append((np.round(level / _STEP) * _STEP).astype(np.float32).ravel())
        starts.append(start)
        start += level.size
        half = level.shape[0] // 2
        level = level.reshape(half, 2, half, 2).mean(axis=(1, 3))
    return np.concatenate(flat), np.array(starts, np.int32)


def sample(kind: str, u: Any, v: Any, texels_per_pixel: Any = 1.0) -> Field:
    """Look up texture `kind` at `u` (across) and `v` (down), both in periods; arrays that broadcast together.

    texels_per_pixel: how many texels of the full texture one pixel covers, a number or one value per row (H, 1); it
    picks the mip level. Returns float32 values of the broadcast shape, bilinear.
    """
    flat, starts = _pyramid(kind)
    level = np.clip(np.round(np.log2(np.maximum(texels_per_pixel, 1e-6))), 0, LEVELS - 1).astype(np.int32)
    size = np.right_shift(np.int32(SIZE), level)
    scale = size.astype(np.float32)
    x = np.asarray(u, np.float32) * scale
    y = np.asarray(v, np.float32) * scale
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    x0 = left.astype(np.int32) & (size - 1)
    y0 = top.astype(np.int32) & (size - 1)
    x1 = (x0 + 1) & (size - 1)
    row0 = y0 * size + starts[level]
    row1 = ((y0 + 1) & (size - 1)) * size + starts[level]
    upper = flat[row0 + x0]
    upper += (flat[row0 + x1] - upper) * fx
    lower = flat[row1 + x0]
    lower += (flat[row1 + x1] - lower) * fx
    lower -= upper
    lower *= fy
    upper += lower
    return upper


def curve(seed: int, x: Any, frequency: float, octaves: int = 4, ridged: bool = False) -> Field:
    """One-dimensional fractal noise at positions `x`, about -1 … 1 (ridged: 0 … 1, sharp peaks)."""
    table = np.random.Generator(np.random.PCG64([seed, 77])).random((octaves, 256)) * 2 - 1
    x = np.asarray(x, np.float64)
    total, weight = np.zeros(x.shape), 0.0
    for octave in range(octaves):
        position = x * frequency * 2**octave + 91.7 + 13.3 * octave
        cell = np.floor(position)
        t = position - cell
        t = t * t * (3 - 2 * t)
        index = cell.astype(np.int64)
        value = table[octave, index % 256] * (1 - t) + table[octave, (index + 1) % 256] * t
        gain = 0.5**octave
        total += gain * ((1 - 2 * np.abs(value)) * 0.5 + 0.5 if ridged else value)
        weight += gain
    return (total / weight).astype(np.float32)
