"""Feature extractors: images and label maps to five scales, finest first."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CompactEncoder(nn.Module):
    """A small trainable image encoder with the five taps of VGG-19 (full size, 1/2, 1/4, 1/8, 1/16).

    No normalisation: means and contrasts are what an exemplar has to say.
    channels: of each tap, finest first. forward: image (B, 3, H, W) in [-1, 1], H and W divisible by the last stride.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels
        self.stages = nn.ModuleList()
        inputs = 3
        for scale, outputs in enumerate(channels):
            down = nn.Conv2d(inputs, outputs, 3, stride=1 if scale == 0 else 2, padding=1)
            layers = [down, nn.LeakyReLU(0.2)]
            if scale > 0:
                layers += [nn.Conv2d(outputs, outputs, 3, padding=1), nn.LeakyReLU(0.2)]
            self.stages.append(nn.Sequential(*layers))
            inputs = outputs
        _variance_preserving(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the taps (B, channels[i], H / 2^i, W / 2^i), finest first."""
        taps = []
        for stage in self.stages:
            image = stage(image)
            taps.append(image)
        return tuple(taps)


class LabelEncoder(nn.Module):
    """Label features F_c, built coarse to fine.

    A 1×1 convolution of an average-pooled one-hot map is an embedding look-up followed by average pooling, so the
    one-hot tensor never exists. Void is row C of the embedding table. The coarsest scale reads the pooled embeddings;
    each finer one reads its own joined with the up-sampled coarser feature.

    num_classes: C. embedding: channels of the look-up. channels: M of each scale, finest first.
    """

    def __init__(self, *, num_classes: int, embedding: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes + 1, embedding)
        coarser = [*channels[1:], 0]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(embedding + below, own, 3, padding=1) for own, below in zip(channels, coarser, strict=True)
        )
        _variance_preserving(self)

    def forward(self, label_map: Tensor) -> tuple[Tensor, ...]:
        """Return features (B, M(i), H / 2^i, W / 2^i), finest first, of a label map (B, H, W) of indices 0 … C."""
        pooled = [self.embedding(label_map).permute(0, 3, 1, 2)]
        while len(pooled) < len(self.convolutions):
            pooled.append(F.avg_pool2d(pooled[-1], 2))
        features: list[Tensor] = []
        for scale in reversed(range(len(pooled))):
            joined = pooled[scale]
            if features:
                coarser = F.interpolate(features[-1], scale_factor=2, mode="nearest")
                joined = torch.cat([joined.to(coarser.dtype), coarser], dim=1)
            features.append(F.leaky_relu(self.convolutions[scale](joined), 0.2))
        return tuple(reversed(features))


def _variance_preserving(module: nn.Module) -> None:
    """Kaiming initialisation for LeakyReLU(0.2), zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=0.2)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
