"""The metrics as tasks use them: a name, a definition with its version for the record, and a value per pair.

How each is computed, and after whom, stands in its own file: `style`, `nearest`, `reconstruction`, `segmentation`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneswap.evaluation import nearest, reconstruction, style
from sceneswap.evaluation.pairs import Sample, Scenes
from sceneswap.evaluation.segmentation import Segmenter, agreement
from sceneswap.labels.schema import LabelSchema, load_schema
from sceneswap.models.lpips import LPIPS
from sceneswap.models.vgg import VGG19
from sceneswap.scene import LabelMap, Photo

MOST_PSNR = 100.0
CANDIDATES = 20

Features = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) in [0, 1] → (B, D)."""


class Batch:
    """Drawings with what they are judged by; images are (B, 3, H, W) in [0, 1] on `device`, made when first asked for."""

    def __init__(self, samples: Sequence[Sample], drawn: Sequence[Photo], device: torch.device) -> None:
        self.samples, self.device = samples, device
        self.drawn = as_tensor(drawn, device)

    @cached_property
    def exemplar(self) -> Tensor:
        return as_tensor([s.exemplar.photo for s in self.samples], self.device)

    @cached_property
    def answer(self) -> Tensor:
        return as_tensor([s.answer for s in self.samples if s.answer is not None], self.device)


@dataclass(frozen=True)
class Metric:
    """A value per pair. better: "lower" or "higher"; definition: in words, beginning with a version name."""

    name: str
    better: str
    definition: str
    compute: Callable[[Batch], Tensor | Sequence[float]]


class Judge:
    """Computes all metrics of a task on a batch, and the features for FID where they are wanted."""

    def __init__(self, metrics: Sequence[Metric], device: torch.device, features: Features | None = None) -> None:
        self.metrics, self.device, self.features = tuple(metrics), device, features

    def __call__(
        self, samples: Sequence[Sample], drawn: Sequence[Photo]
    ) -> tuple[dict[str, list[float]], NDArray[np.float32] | None]:
        batch = Batch(samples, drawn, self.device)
        values = {metric.name: _floats(metric.compute(batch)) for metric in self.metrics}
        features = self.features(batch.drawn).float().cpu().numpy() if self.features else None
        return values, features


def swap_metrics(vgg: VGG19) -> list[Metric]:
    """The three of the paper's table 1 (supplement §3)."""
    return [
        Metric(
            "L_style", "lower",
            "style-1: relu1_1 and relu2_1 of VGG-19, Gram / (C·H·W), mean squared difference, summed over the two",
            lambda b: style.style_loss(vgg, b.drawn, b.exemplar),
        ),
        Metric(
            "NN_pixel", "lower",
            "nn-pixel-1: squared L2 of RGB in [0, 1] to the nearest exemplar location, mean over output locations, exact",
            lambda b: nearest.nn_pixel(b.drawn, b.exemplar),
        ),
        Metric(
            "NN_conv1", "lower",
            "nn-conv1-1: squared L2 of relu1_1 of VGG-19 to the nearest exemplar location, mean over output locations, exact",
            lambda b: nearest.nn_conv1(vgg, b.drawn, b.exemplar),
        ),
    ]  # fmt: skip


def answer_metrics(lpips: LPIPS) -> list[Metric]:
    """Against the true picture."""
    return [
        Metric(
            "PSNR", "higher", "psnr-1: dB, all of RGB in [0, 1] in one error per picture, 100 at most",
            lambda b: reconstruction.psnr(b.drawn, b.answer).clamp(max=MOST_PSNR),
        ),
        Metric(
            "SSIM", "higher",
            "ssim-1: per picture, RGB in [0, 1], Gaussian window 11, sigma 1.5, borders mirrored (torchmetrics)",
            lambda b: reconstruction.ssim(b.drawn, b.answer),
        ),
        Metric(
            "LPIPS", "lower", "lpips-1: LPIPS v0.1, AlexNet, at the evaluation's size",
            lambda b: lpips(b.drawn * 2 - 1, b.answer * 2 - 1),
        ),
    ]  # fmt: skip


class LayoutAgreement:
    """Agreement of a segmentation of the drawing with the label map it was drawn from.

    Both are brought to one list of classes: the evaluation's own where it is the segmenter's, else `outdoor`. Pixels
    that are void there, or of a class that the segmenter cannot say, are not counted.
    """

    def __init__(self, segmenter: Segmenter, schema: LabelSchema) -> None:
        self.segmenter = segmenter
        same = segmenter.schema.names == schema.names
        self.common = schema if same else load_schema("outdoor")
        self._truth, self._said = schema.mapping_to(self.common), segmenter.schema.mapping_to(self.common)
        self._truth[~np.isin(self._truth, self._said)] = self.common.void_index

    def __call__(self, batch: Batch) -> list[float]:
        """The share of counted pixels that agree, per picture; 0 where no pixel counts."""
        said = self.segmenter.segment(batch.drawn)
        shares = []
        for one, sample in zip(np.asarray(said), batch.samples, strict=True):
            correct, counted = agreement(self._said[one], self.truth(sample.target.label_map), self.common.void_index)
            shares.append(correct / counted if counted else 0.0)
        return shares

    def truth(self, label_map: LabelMap) -> LabelMap:
        """A label map of the evaluation in the common classes, what the segmenter cannot say made void."""
        return self._truth[label_map]


class Identification:
    """Is the true exemplar, among 20 scenes, the one whose style the drawing is nearest to? Chance: 1 in 20.

    The other 19 are drawn at random per pair from the scenes that are neither its layout nor its exemplar.
    """

    def __init__(self, vgg: VGG19, scenes: Scenes, chosen: Sequence[tuple[int, int]], seed: int) -> None:
        self.vgg, self.scenes, self.chosen, self.seed = vgg, scenes, chosen, seed
        self.candidates = min(CANDIDATES, len(scenes) - 1)
        self._styles: dict[int, style.Style] = {}

    def __call__(self, batch: Batch) -> list[float]:
        found = []
        for sample, drawn in zip(batch.samples, style.grams(self.vgg, batch.drawn), strict=True):
            layout, look = self.chosen[sample.index]
            others = np.setdiff1d(np.arange(len(self.scenes)), [layout, look])
            rng = np.random.default_rng([self.seed, 2, sample.index])
            picked = rng.choice(others, size=self.candidates - 1, replace=False).tolist()
            true, *wrong = (self._distance(drawn, i, batch.device) for i in (look, *picked))
            found.append(float(all(true < distance for distance in wrong)))
        return found

    def _distance(self, drawn: style.Style, index: int, device: torch.device) -> float:
        if index not in self._styles:
            self._styles[index] = style.grams(self.vgg, as_tensor([self.scenes[index].photo], device))[0]
        return float(style.style_distance(drawn, self._styles[index]))


def layout_metrics(agree: LayoutAgreement, identify: Identification, said_by: str) -> list[Metric]:
    """Does the drawing hold its layout, does it neither copy nor ignore its exemplar?"""
    return [
        Metric(
            "layout agreement", "higher",
            f"agreement-1: share of pixels whose segmentation is the label map's class; {said_by}; "
            f"classes of {agree.common.name}; void and classes unknown to the segmenter not counted; mean of pictures",
            agree,
        ),
        Metric(
            "copy distance", "higher",
            "copy-1: mean |drawing - exemplar| / mean |target's photograph - exemplar|, RGB; 0 = the exemplar is copied",
            _copy_distance,
        ),
        Metric(
            "exemplar identified", "higher",
            f"identified-1: the true exemplar has the smallest L_style among {identify.candidates} scenes, "
            f"chance {1 / identify.candidates:.3g}",
            identify,
        ),
    ]  # fmt: skip


def as_tensor(photos: Sequence[Photo], device: torch.device) -> Tensor:
    """Photos (H, W, 3) uint8 → (B, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.stack(photos)).to(device).permute(0, 3, 1, 2).contiguous().float() / 255


def describe(metrics: Sequence[Metric]) -> Mapping[str, str]:
    """Name → definition, for the protocol."""
    return {metric.name: metric.definition for metric in metrics}


def _copy_distance(batch: Batch) -> Tensor:
    target = as_tensor([s.target.photo for s in batch.samples], batch.device)
    to_output = (batch.drawn - batch.exemplar).abs().mean(dim=(1, 2, 3))
    return to_output / (target - batch.exemplar).abs().mean(dim=(1, 2, 3)).clamp_min(1e-6)


def _floats(values: Tensor | Sequence[float]) -> list[float]:
    return [float(v) for v in (values.tolist() if isinstance(values, Tensor) else values)]
