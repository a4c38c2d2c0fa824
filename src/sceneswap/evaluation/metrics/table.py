"""The metrics as tasks use them: a name, a definition with its version for the record, and a value per pair.

How each is computed, and after whom, stands in its own file: `style`, `nearest`, `reconstruction`, `identification`,
and `inference.segmentation`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneswap.evaluation.metrics import nearest, reconstruction, style
from sceneswap.evaluation.pairs import Sample
from sceneswap.inference.segmentation import Segmenter, agreement
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.pretrained.lpips import LPIPS
from sceneswap.models.pretrained.vgg import VGG19
from sceneswap.scene import LabelMap, Photo

MOST_PSNR = 100.0

Features = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) in [0, 1] → (B, D)."""


class Batch:
    """Drawings with what they are judged by; images are (B, 3, H, W) in [0, 1] on `device`, made when first asked for."""

    def __init__(self, samples: Sequence[Sample], drawn: Sequence[Photo], device: torch.device) -> None:
        self.samples, self.device = samples, device
        self.drawn = as_tensor(drawn, device)
        self._taps: dict[tuple[str, VGG19], list[style.Taps]] = {}

    @cached_property
    def exemplar(self) -> Tensor:
        return as_tensor([s.exemplar.photo for s in self.samples], self.device)

    def drawn_taps(self, network: VGG19) -> list[style.Taps]:
        """What VGG-19 says of each drawing, asked once for all metrics."""
        if ("drawn", network) not in self._taps:
            self._taps["drawn", network] = style.taps_of(network, self.drawn)
        return self._taps["drawn", network]

    def exemplar_taps(self, network: VGG19) -> list[style.Taps]:
        """The same of each drawing's exemplar; one that several drawings share is looked at once."""
        if ("exemplar", network) not in self._taps:
            photos = {id(s.exemplar.photo): s.exemplar.photo for s in self.samples}
            taps = style.taps_of(network, as_tensor(list(photos.values()), self.device))
            known = dict(zip(photos, taps, strict=True))
            self._taps["exemplar", network] = [known[id(s.exemplar.photo)] for s in self.samples]
        return self._taps["exemplar", network]

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


def swap_metrics(vgg: VGG19, locations: int | None = None) -> list[Metric]:
    """The three of the paper's table 1 (supplement §3).

    locations: for NN_conv1 take that many of the drawing's locations at random; all of them by default.
    """

    def l_style(batch: Batch) -> list[float]:
        taps = zip(batch.drawn_taps(vgg), batch.exemplar_taps(vgg), strict=True)
        return [float(style.style_distance(style.style_of(a), style.style_of(b))) for a, b in taps]

    def nn_conv1(batch: Batch) -> list[float]:
        taps = zip(batch.drawn_taps(vgg), batch.exemplar_taps(vgg), strict=True)
        return [nearest.nn_features(a[0], b[0], locations) for a, b in taps]

    over = "output locations" if locations is None else f"{locations:,} random output locations"
    return [
        Metric(
            "L_style", "lower",
            "style-1: relu1_1 and relu2_1 of VGG-19, Gram / (C·H·W), mean squared difference, summed over the two",
            l_style,
        ),
        Metric(
            "NN_pixel", "lower",
            "nn-pixel-1: squared L2 of RGB in [0, 1] to the nearest exemplar location, mean over output locations, exact",
            lambda b: nearest.nn_pixel(b.drawn, b.exemplar),
        ),
        Metric(
            "NN_conv1", "lower",
            f"nn-conv1-1: squared L2 of relu1_1 of VGG-19 to the nearest exemplar location, mean over {over}, exact",
            nn_conv1,
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


def layout_metrics(agree: LayoutAgreement, said_by: str) -> list[Metric]:
    """Does the drawing hold its layout, and is it more than a copy of its exemplar?"""
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
    ]  # fmt: skip


def as_tensor(photos: Sequence[Photo], device: torch.device) -> Tensor:
    """Photos (H, W, 3) uint8 → (B, 3, H, W) in [0, 1]; channels stay last in memory, as the networks like it."""
    return torch.from_numpy(np.stack(photos)).to(device).permute(0, 3, 1, 2).float() / 255


def describe(metrics: Sequence[Metric]) -> Mapping[str, str]:
    """Name → definition, for the protocol."""
    return {metric.name: metric.definition for metric in metrics}


def _copy_distance(batch: Batch) -> Tensor:
    target = as_tensor([s.target.photo for s in batch.samples], batch.device)
    to_output = (batch.drawn - batch.exemplar).abs().mean(dim=(1, 2, 3))
    return to_output / (target - batch.exemplar).abs().mean(dim=(1, 2, 3)).clamp_min(1e-6)


def _floats(values: Tensor | Sequence[float]) -> list[float]:
    return [float(v) for v in (values.tolist() if isinstance(values, Tensor) else values)]
