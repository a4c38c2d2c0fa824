"""The style loss (supplement §3): Gram matrices of relu1_1 and relu2_1 of VGG-19, without regard to positions."""

import torch
from torch import Tensor

from sceneswap.models.vgg import VGG19

Style = tuple[Tensor, ...]
"""The Gram matrices of one image, one (C, C) per tap, each over C·H·W."""

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
    per_tap = [gram(features) for features in network(images * 2 - 1)[:TAPS]]
    return list(zip(*per_tap, strict=True))


def style_distance(a: Style, b: Style) -> Tensor:
    """L_style of two images, from their Gram matrices; a scalar."""
    return torch.stack([(x - y).square().mean() for x, y in zip(a, b, strict=True)]).sum()


def gram(features: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C, C), over C·H·W."""
    flat = features.flatten(2).float()
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])
