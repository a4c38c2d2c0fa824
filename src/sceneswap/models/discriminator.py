"""SPADE's discriminator: PatchGAN at two image scales on the joined label map and image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """One PatchGAN: stride-2 4×4 convolutions with spectral and instance norm, a score per patch."""

    def __init__(self, *, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        widths = [min(width * 2**i, width * 8) for i in range(layers)]
        self.first = nn.Conv2d(inputs, widths[0], 4, stride=2, padding=2)
        self.middle = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=1 if b_is_last else 2, padding=2))
            for a, b, b_is_last in zip(widths, widths[1:], [False] * (layers - 2) + [True], strict=False)
        )
        self.score = nn.Conv2d(widths[-1], 1, 4, padding=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the activations of every layer, the map of scores (B, 1, h, w) last."""
        features = [F.leaky_relu(self.first(x), 0.2)]
        for convolution in self.middle:
            features.append(F.leaky_relu(F.instance_norm(convolution(features[-1])), 0.2))
        return [*features, self.score(features[-1])]


class MultiScaleDiscriminator(nn.Module):
    """PatchGANs on the picture and on its halved copies.

    num_classes: C; labels enter through an embedding (`embedding` channels), the same as a 1×1 convolution of one-hots.
    """

    def __init__(self, *, num_classes: int, embedding: int, width: int, layers: int, scales: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes + 1, embedding)
        self.scales = nn.ModuleList(
            PatchDiscriminator(inputs=embedding + 3, width=width, layers=layers) for _ in range(scales)
        )

    def forward(self, label_map: Tensor, image: Tensor) -> list[list[Tensor]]:
        """label_map (B, H, W), image (B, 3, H, W) in [-1, 1] → per image scale the activations, scores last."""
        x = torch.cat([self.embedding(label_map).permute(0, 3, 1, 2), image.float()], dim=1)
        outputs = []
        for discriminator in self.scales:
            outputs.append(discriminator(x))
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return outputs
