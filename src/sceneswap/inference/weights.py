"""Where how much of a look goes: ready-made patterns, painted maps, and the choice by class."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.images import MAX_PIXELS, open_checked
from sceneswap.scene import LabelMap

Pattern = Literal["left-right", "top-bottom", "radial"]
"""Ready-made weight maps: from the first exemplar to the last across the picture, or from its centre to its corners."""

WeightMap = NDArray[np.float32]
"""(h, w) weights of one exemplar, of any size: stretched over the picture."""


_ALL = slice(None)
_BAND = 1_000_000  # pixels


def bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture in bands of at most a million pixels (or of one row), from top to bottom."""
    step = max(1, _BAND // width)
    yield from (slice(top, min(height, top + step)) for top in range(0, height, step))


def pattern(
    name: Pattern, count: int, size: tuple[int, int], overshoot: float = 0.0, rows: slice = _ALL
) -> NDArray[np.float32]:
    """The weight maps (J, H, W) of a pattern for pictures of `size` (height, width); the edges are pure, the sum is 1.

    overshoot: extrapolation, as a part of the way: 0.5 runs from -0.5 to 1.5. rows: these alone. Raises `UserError` for
    unknown patterns.
    """
    down, across = (np.linspace(0, 1, side) if side > 1 else np.full(1, 0.5) for side in size)
    down = down[rows]
    if name == "left-right":
        way = np.broadcast_to(across, (len(down), size[1]))
    elif name == "top-bottom":
        way = np.broadcast_to(down[:, None], (len(down), size[1]))
    elif name == "radial":
        way = np.hypot(down[:, None] - 0.5, across - 0.5) / math.sqrt(0.5)
    else:
        raise UserError(f"there is no pattern {name!r}; choose {', '.join(get_args(Pattern))}")
    return path_weights(way * (1 + 2 * overshoot) - overshoot, count)


def path_weights(t: Any, count: int) -> NDArray[np.float32]:
    """(J, …) weights on the way from the first exemplar (t = 0) through all others to the last (t = 1), sum 1.

    Below 0 and above 1 the first and last leg go on in a straight line (extrapolation). t: a number or an array (…).
    """
    position = np.asarray(t, np.float64) * (count - 1)
    leg = np.clip(np.floor(position), 0, max(count - 2, 0))
    part = position - leg
    numbers = np.arange(count).reshape(-1, *[1] * position.ndim)
    return np.where(numbers == leg, 1 - part, np.where(numbers == leg + 1, part, 0)).astype(np.float32)


def class_choice(
    label_map: LabelMap,
    classes: Mapping[int, int],
    rest: int | None,
    count: int,
    border: float = 0.0,
    rows: slice = _ALL,
) -> NDArray[np.float32]:
    """(J, H, W) weights by class that sum to 1: all for exemplar classes[c] where the label is c.

    Elsewhere all for `rest`, or equal ones if it is None. border: see `blend`. rows: these alone.
    """
    from scipy.ndimage import gaussian_filter

    table = np.full((count, max(int(label_map.max()), *classes) + 1), 1 / count, np.float32)
    for label, exemplar in {
        **dict.fromkeys(range(table.shape[1]) if rest is not None else (), rest),
        **classes,
    }.items():
        table[:, label] = np.eye(count, dtype=np.float32)[exemplar]
    top, bottom, _ = rows.indices(label_map.shape[0])
    reach = math.ceil(border) + 1  # the Gaussian is cut off at four times its standard deviation, border / 4
    first = max(0, top - reach)
    choice = table[:, label_map[first : bottom + reach]]
    if border:
        choice = np.stack([gaussian_filter(one, border / 4, mode="nearest") for one in choice])
    return choice[:, top - first : bottom - first]


def stretched(weights: WeightMap, size: tuple[int, int], rows: slice = _ALL) -> WeightMap:
    """A weight map at `size` (height, width), bilinear, averaged when it shrinks. rows: these alone."""
    if weights.shape == tuple(size):
        return weights[rows]
    top, bottom, _ = rows.indices(size[0])
    scale = weights.shape[0] / size[0]
    box = (0, top * scale, weights.shape[1], min(bottom * scale, weights.shape[0]))
    bilinear = Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(weights).resize((size[1], bottom - top), bilinear, box=box))


def read_weight_map(path: Path, max_pixels: int = MAX_PIXELS) -> WeightMap:
    """Read a grey PNG (8 or 16 bits; of a colour picture its lightness) as weights (h, w) 0 … 1. Raises `UserError`."""
    with open_checked(Path(path), ("PNG",), "weight map", max_pixels) as image:
        if image.mode.startswith("I"):
            return np.asarray(image, np.float32) / np.float32(65_535)
        if "A" in image.mode or "transparency" in image.info:
            raise UserError(f"the weight map {path} has transparency, which means no weight; save it without")
        return np.asarray(image.convert("L"), np.float32) / np.float32(255)
