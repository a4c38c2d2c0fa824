"""The style loss (supplement §3): Gram matrices of relu1_1 and relu2_1 of VGG-19, without regard to positions."""

import torch
from torch import Tensor

from sceneswap import losses
from sceneswap.evaluation.metrics.metric import Drawings, Metric, Taps
from sceneswap.models.pretrained.vgg import TAPS as LAYERS
from sceneswap.models.pretrained.vgg import VGG19

Style = tuple[Tensor, ...]
"""The Gram matrices of one image, one (C, C) per tap, each over C·H·W."""

TAPS = 2


def gram(features: Tensor) -> Tensor:
    """(C, H, W) → (C, C), over C·H·W."""
    return losses.gram(features[None].float())[0] / len(features)


def style_of(taps: Taps) -> Style:
    """The Gram matrices of relu1_1 and relu2_1, the first two of `taps`."""
    return tuple(gram(features) for features in taps[:TAPS])


def style_distance(a: Style, b: Style) -> Tensor:
    """L_style of two images, from their Gram matrices; a scalar. (Of other tuples too: mean squares, summed.)"""
    return torch.stack([(x - y).square().mean() for x, y in zip(a, b, strict=True)]).sum()


def metric(vgg: VGG19) -> Metric:
    """L_style. vgg: of at least two taps."""

    def l_style(drawings: Drawings) -> list[float]:
        taps = zip(drawings.drawn_taps(vgg), drawings.exemplar_taps(vgg), strict=True)
        return [float(style_distance(style_of(a), style_of(b))) for a, b in taps]

    definition = "style-1: relu1_1 and relu2_1 of VGG-19, Gram / (C·H·W), mean squared difference, summed over the two"
    return Metric("L_style", "lower", definition, l_style, tuple(LAYERS)[:TAPS])
