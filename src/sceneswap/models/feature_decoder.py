"""The auxiliary feature decoder of MSCA pretraining (supplement §8); thrown away afterwards."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FeatureDecoder(nn.Module):
    """Per scale one 1×1 convolution on concat[F_x1, F_c1] that predicts the target's features at that scale.

    conditions: channels of the conditions, targets: channels of what is predicted, finest first.
    """

    def __init__(self, *, conditions: Sequence[int], targets: Sequence[int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(c, t, 1) for c, t in zip(conditions, targets, strict=True))

    def forward(self, conditions: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """(B, C(i), h, w) → predictions (B, T(i), h, w), finest first."""
        return tuple(convolution(c) for convolution, c in zip(self.convolutions, conditions, strict=True))


def color_statistics(image: Tensor, scales: int) -> tuple[Tensor, ...]:
    """Mean and standard deviation of the RGB under every cell of every scale: (B, 6, H / 2^i, W / 2^i), finest first.

    A pretraining target that needs no pretrained network: what colours an area has and how textured it is.
    """
    mean, square = image.float(), image.float().square()
    targets = []
    for scale in range(scales):
        if scale:
            mean, square = F.avg_pool2d(mean, 2), F.avg_pool2d(square, 2)
        deviation = (square - mean.square()).clamp_min(0).add(1e-6).sqrt()
        targets.append(torch.cat([mean, deviation], dim=1))
    return tuple(targets)
