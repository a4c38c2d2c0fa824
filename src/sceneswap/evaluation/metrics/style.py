"""The style loss (supplement §3): Gram matrices of relu1_1 and relu2_1 of VGG-19, without regard to positions."""

import torch
from torch import Tensor

from sceneswap.models.pretrained.vgg import VGG19

Style = tuple[Tensor, ...]
"""The Gram matrices of one image, one (C, C) per tap, each over C·H·W."""

Taps = tuple[Tensor, ...]
"""What VGG-19 says of one image, (C, H, W) per tap, finest first."""

TAPS = 2


@torch.no_grad()
def style_loss(network: VGG19, output: Tensor, exemplar: Tensor) -> Tensor:
    """L_style (B,) of images (B, 3, H, W) in [0, 1]; the two sides may differ in size.

    Mean squared difference of the Gram matrices, each over C·H·W, summed over relu1_1 and relu2_1.
    """
    pairs = zip(grams(network, output), grams(network, exemplar), strict=True)
    return torch.stack([style_distance(a, b) for a, b in pairs])


@torch.no_grad()
def grams(network: VGG19, images: Tensor) -> list[Style]:
    """The style of each of the images (B, 3, H, W) in [0, 1]. network: VGG-19 of at least two taps."""
    return [style_of(taps) for taps in taps_of(network, images)]


@torch.no_grad()
def taps_of(network: VGG19, images: Tensor) -> list[Taps]:
    """All taps of each of the images (B, 3, H, W) in [0, 1]."""
    return list(zip(*network(images * 2 - 1), strict=True))


def style_of(taps: Taps) -> Style:
    """The Gram matrices of relu1_1 and relu2_1, the first two of `taps`."""
    return tuple(gram(features[None])[0] for features in taps[:TAPS])


def style_distance(a: Style, b: Style) -> Tensor:
    """L_style of two images, from their Gram matrices; a scalar. (Of other tuples too: mean squares, summed.)"""
    return torch.stack([(x - y).square().mean() for x, y in zip(a, b, strict=True)]).sum()


def gram(features: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C, C), over C·H·W."""
    flat = features.flatten(2).float()
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])
