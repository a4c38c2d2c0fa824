"""Can the exemplar of a drawing be told from other scenes, by looks alone?

Asked with the style loss of the paper, and with measures of looks that no loss of training uses: a model may learn to
please a loss, and the answer should not depend on that.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sceneswap.evaluation.metrics import style
from sceneswap.evaluation.metrics.metric import Drawings, Metric, Taps, taps_of
from sceneswap.evaluation.pairs import Scenes
from sceneswap.models.pretrained.vgg import VGG19
from sceneswap.tensors import to_unit

CANDIDATES = 20
LEVELS = 8  # of each colour in the joint histogram

Looks = dict[str, style.Style]
"""The look of one picture by each criterion; two are compared by mean squared differences."""

CRITERIA = {
    "exemplar identified": ("identified-1", "L_style"),
    "identified by relu3_1": (
        "identified-relu3_1-1",
        "mean squared difference of Gram / (C·H·W) of VGG-19's relu3_1, pictures halved (means of 2×2 pixels)",
    ),
    "identified by relu4_1": (
        "identified-relu4_1-1",
        "mean squared difference of Gram / (C·H·W) of VGG-19's relu4_1, pictures halved (means of 2×2 pixels)",
    ),
    "identified by colours": (
        "identified-colours-1",
        f"Hellinger distance of joint RGB histograms of {LEVELS}×{LEVELS}×{LEVELS} bins",
    ),
}
"""Metric → (version, the distance that should be smallest)."""

READ: dict[str, tuple[str, ...]] = {
    "exemplar identified": ("relu1_1", "relu2_1"),
    "identified by relu3_1": ("relu3_1",),
    "identified by relu4_1": ("relu4_1",),
    "identified by colours": (),
}
"""Metric → the layers of VGG-19 that it reads."""


class Identification:
    """Is the true exemplar, among 20 scenes, the one whose look the drawing is nearest to? Chance: 1 in 20.

    The other 19 are drawn at random per pair from the scenes that are neither its layout nor its exemplar.
    vgg: of at least two taps; deep: of at least four.
    """

    def __init__(self, vgg: VGG19, deep: VGG19, scenes: Scenes, chosen: Sequence[tuple[int, int]], seed: int) -> None:
        self.vgg, self.deep, self.scenes, self.chosen, self.seed = vgg, deep, scenes, chosen, seed
        self.candidates = min(CANDIDATES, len(scenes) - 1)
        self._known: dict[int, Looks] = {}
        self._found = lru_cache(maxsize=1)(self.identify)  # the metrics of one batch share it

    def metrics(self) -> list[Metric]:
        """One per criterion: 1 where the true exemplar is the nearest, else 0."""
        by = f"among {self.candidates} scenes, chance {1 / self.candidates:.3g}"
        return [
            Metric(
                name,
                "higher",
                f"{version}: the true exemplar has the smallest {distance}, {by}",
                self._asked(name),
                READ[name],
            )
            for name, (version, distance) in CRITERIA.items()
        ]

    def identify(self, drawings: Drawings) -> dict[str, list[float]]:
        """Metric → 1 or 0 per drawing."""
        found: dict[str, list[float]] = {name: [] for name in CRITERIA}
        drawn = looks_of(drawings.drawn_taps(self.vgg), self.deep, drawings.drawn)
        for sample, look in zip(drawings.samples, drawn, strict=True):
            layout, exemplar = self.chosen[sample.index]
            others = np.setdiff1d(np.arange(len(self.scenes)), [layout, exemplar])
            rng = np.random.default_rng([self.seed, 2, sample.index])
            picked = rng.choice(others, size=self.candidates - 1, replace=False).tolist()
            candidates = [self._look(i, drawings.device) for i in (exemplar, *picked)]
            for name, values in found.items():
                true, *wrong = (float(style.style_distance(look[name], one[name])) for one in candidates)
                values.append(float(all(true < distance for distance in wrong)))
        return found

    def _asked(self, name: str) -> Callable[[Drawings], list[float]]:
        return lambda drawings: self._found(drawings)[name]

    def _look(self, index: int, device: torch.device) -> Looks:
        if index not in self._known:
            image = to_unit([self.scenes[index].photo], device)
            self._known[index] = looks_of(taps_of(self.vgg, image), self.deep, image)[0]
        return self._known[index]


@torch.no_grad()
def looks_of(taps: Sequence[Taps], deep: VGG19, images: Tensor) -> list[Looks]:
    """The looks of images (B, 3, H, W) in [0, 1] by every criterion. taps: of the same images at full size."""
    found = []
    halved = taps_of(deep, F.avg_pool2d(images, 2))
    for fine, coarse, image in zip(taps, halved, images, strict=True):
        third, fourth = map(style.gram, coarse[2:4])
        by_criterion = (style.style_of(fine), (third,), (fourth,), (_colors(image),))
        found.append(dict(zip(CRITERIA, by_criterion, strict=True)))
    return found


def _colors(image: Tensor) -> Tensor:
    """Square roots of the shares of the LEVELS³ bins of RGB in an image (3, H, W) in [0, 1]."""
    levels = (image.flatten(1) * LEVELS).long().clamp(0, LEVELS - 1)
    bins = (levels[0] * LEVELS + levels[1]) * LEVELS + levels[2]
    return (torch.bincount(bins, minlength=LEVELS**3) / bins.numel()).sqrt()
