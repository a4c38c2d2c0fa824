"""The frames of an interpolation: a plan says for every label map which blends are drawn, and what each is called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.inference.blend import Blend, blend
from sceneswap.inference.look import Look
from sceneswap.inference.weights import path_weights, pattern
from sceneswap.labels.io import resize_label_map
from sceneswap.pictures import evenly_spread, inside
from sceneswap.scene import LabelMap, Photo

_MEASURED_SIDE, _MEASURED_LAYOUTS = 128, 3  # on what visible change is measured: pixels of the longer side; how many


@dataclass(frozen=True)
class Frame:
    """A picture to draw. weights: the blend's (J, H, W) weight maps to show on the page, None when they are numbers."""

    caption: str
    blend: Blend
    weights: NDArray[np.float32] | None = None


Looks = Sequence[Look]
Draw = Callable[[LabelMap, Blend], Photo]
Plan = Callable[[Sequence[LabelMap], Looks, Draw], list[dict[str, list[Frame]]]]
"""Label maps, encoded exemplars and what draws → per label map: name of the row → its frames."""


def globally(mixtures: Sequence[tuple[str, Sequence[float]]], extrapolate: bool = False) -> Plan:
    """Global interpolation: a frame for each caption and weights of the exemplars."""

    def plan(label_maps: Sequence[LabelMap], looks: Looks, draw: Draw) -> list[dict[str, list[Frame]]]:
        frames = [Frame(caption, blend(looks, w, extrapolate=extrapolate)) for caption, w in mixtures]
        return [{"": frames}] * len(label_maps)

    return plan


def along_path(frames: int, exemplars: int, overshoot: float = 0.0, *, even: bool = False) -> Plan:
    """Global interpolation from the first exemplar through all others to the last.

    Frames lie where the picture changes by equal amounts (`by_change`); even: at equal steps of the weights instead.
    overshoot: how far to go beyond either end, as a part of the way (extrapolation).
    """

    def plan(label_maps: Sequence[LabelMap], looks: Looks, draw: Draw) -> list[dict[str, list[Frame]]]:
        def at(t: float) -> list[float]:
            return path_weights(t, exemplars).tolist()

        steps = np.linspace(-overshoot, 1 + overshoot, frames) if frames > 1 else np.array([0.5])
        if not even and frames > 2:

            def small(label_map: LabelMap, t: float) -> Photo:
                return draw(label_map, blend(looks, at(t), extrapolate=overshoot > 0))

            chosen = evenly_spread(label_maps, _MEASURED_LAYOUTS)
            shrunk = [resize_label_map(one, inside(one.shape, _MEASURED_SIDE)) for one in chosen]
            steps = by_change(lambda t: [small(one, t) for one in shrunk], steps, exemplars)
        return globally([(f"{t:.2f}", at(t)) for t in steps], overshoot > 0)(label_maps, looks, draw)

    return plan


def by_change(
    draw: Callable[[float], Sequence[Photo]], steps: NDArray[np.float64], exemplars: int
) -> NDArray[np.float64]:
    """As many positions as `steps`, from its first to its last, between which what `draw` answers changes by equal amounts.

    Change is the mean difference of grey levels along twice as many positions. The inner frame that is nearest to where
    an exemplar stands alone moves there.
    """
    tried = np.linspace(steps[0], steps[-1], 2 * len(steps) - 1)
    seen = [np.concatenate([photo.ravel() for photo in draw(float(t))]).astype(np.float32) for t in tried]
    change = np.array([float(np.abs(after - before).mean()) for before, after in pairwise(seen)])
    least = 1e-3 * max(change.max(), 1e-3)  # where nothing changes the way goes on, slowly
    way = np.cumsum([0.0, *np.maximum(change, least)])
    spaced: NDArray[np.float64] = np.interp(np.linspace(0, way[-1], len(steps)), way, tried).round(3)
    for alone in np.linspace(0, 1, exemplars):
        if spaced[0] < alone < spaced[-1]:
            spaced[1 + np.abs(spaced[1:-1] - alone).argmin()] = alone
    return spaced


def towards(frames: int, rows: Mapping[str, Mapping[str, Any]], overshoot: float = 0.0) -> Plan:
    """Interpolation by place and by class: each row goes from one exemplar alone to the blend with these options of `blend`.

    classes and rest name exemplars by their number. overshoot: of ready-made patterns, see `weights.pattern`.
    """

    def final(looks: Looks, size: tuple[int, int], options: Mapping[str, Any]) -> Blend:
        if not isinstance(options.get("maps"), str):
            return blend(looks, **options)
        maps = list(pattern(options["maps"], len(looks), size, overshoot))
        return blend(looks, **{**options, "maps": maps}, extrapolate=overshoot > 0)

    def plan(label_maps: Sequence[LabelMap], looks: Looks, draw: Draw) -> list[dict[str, list[Frame]]]:
        sizes = [(label_map.shape[0], label_map.shape[1]) for label_map in label_maps]
        return [
            {name: _towards(final(looks, size, options), label_map, frames) for name, options in rows.items()}
            for label_map, size in zip(label_maps, sizes, strict=True)
        ]

    return plan


def _towards(final: Blend, label_map: LabelMap, frames: int) -> list[Frame]:
    """Frames from the exemplar of the rest (the first by default) alone to `final`, whose weights are of place or class."""
    goal = np.asarray(final.weights_on(label_map), np.float32)
    start = np.zeros_like(goal)
    start[final.rest or 0] = 1
    steps = np.linspace(0, 1, frames) if frames > 1 else [1.0]
    weights = [(f"{s:.2f}", (1 - s) * start + s * goal) for s in steps]
    return [Frame(s, blend(final.looks, maps=list(w), extrapolate=True), w) for s, w in weights]
