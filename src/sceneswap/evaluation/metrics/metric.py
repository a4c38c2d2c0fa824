"""What a metric is, what it is asked about, and who asks: `Metric`, `Drawings`, `Scorer`.

Every metric has a file of its own beside this one, with its mathematics and, below them, its row: name, direction and a
definition that begins with a version name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneswap.evaluation.pairs import Sample
from sceneswap.models.pretrained.vgg import VGG19
from sceneswap.scene import Photo
from sceneswap.tensors import to_unit

Features = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) in [0, 1] → (B, D)."""

Taps = tuple[Tensor, ...]
"""What VGG-19 says of one image, (C, H, W) per tap, finest first."""


class Drawings:
    """Drawings with what they are held against; images are (B, 3, H, W) in [0, 1] on `device`, made when first asked for."""

    def __init__(self, samples: Sequence[Sample], photos: Sequence[Photo], device: torch.device) -> None:
        self.samples, self.device = samples, device
        self.drawn = to_unit(photos, device)
        self._taps: dict[tuple[str, VGG19], list[Taps]] = {}

    @cached_property
    def exemplar(self) -> Tensor:
        return to_unit([s.exemplar.photo for s in self.samples], self.device)

    @cached_property
    def target(self) -> Tensor:
        """The photographs of the layouts."""
        return to_unit([s.target.photo for s in self.samples], self.device)

    @cached_property
    def answer(self) -> Tensor:
        """The true pictures, of tasks that have them."""
        return to_unit([s.answer for s in self.samples if s.answer is not None], self.device)

    def drawn_taps(self, network: VGG19) -> list[Taps]:
        """What VGG-19 says of each drawing, asked once for all metrics."""
        if ("drawn", network) not in self._taps:
            self._taps["drawn", network] = taps_of(network, self.drawn)
        return self._taps["drawn", network]

    def exemplar_taps(self, network: VGG19) -> list[Taps]:
        """The same of each drawing's exemplar; one that several drawings share is looked at once."""
        if ("exemplar", network) not in self._taps:
            photos = {id(s.exemplar.photo): s.exemplar.photo for s in self.samples}
            taps = taps_of(network, to_unit(list(photos.values()), self.device))
            known = dict(zip(photos, taps, strict=True))
            self._taps["exemplar", network] = [known[id(s.exemplar.photo)] for s in self.samples]
        return self._taps["exemplar", network]


@dataclass(frozen=True)
class Metric:
    """A value per drawing. better: "lower" or "higher"; definition: in words, beginning with a version name.

    layers: of VGG-19, that it reads; a model may have been trained on these.
    """

    name: str
    better: str
    definition: str
    compute: Callable[[Drawings], Tensor | Sequence[float]]
    layers: tuple[str, ...] = ()


class Scorer:
    """Computes all metrics of a task on a batch of drawings, and the features for FID where they are wanted."""

    def __init__(self, metrics: Sequence[Metric], device: torch.device, features: Features | None = None) -> None:
        self.metrics, self.device, self.features = tuple(metrics), device, features

    def __call__(
        self, samples: Sequence[Sample], drawn: Sequence[Photo]
    ) -> tuple[dict[str, list[float]], NDArray[np.float32] | None]:
        drawings = Drawings(samples, drawn, self.device)
        values = {metric.name: _floats(metric.compute(drawings)) for metric in self.metrics}
        features = self.features(drawings.drawn).float().cpu().numpy() if self.features else None
        return values, features


@torch.no_grad()
def taps_of(network: VGG19, images: Tensor) -> list[Taps]:
    """All taps of each of the images (B, 3, H, W) in [0, 1]."""
    return list(zip(*network(images * 2 - 1), strict=True))


def describe(metrics: Sequence[Metric]) -> Mapping[str, str]:
    """Name → definition, for the protocol."""
    return {metric.name: metric.definition for metric in metrics}


def _floats(values: Tensor | Sequence[float]) -> list[float]:
    return [float(v) for v in (values.tolist() if isinstance(values, Tensor) else values)]
