"""Two discriminators: SPADE's (PatchGAN at two image scales), and heads on the activations of a frozen VGG-19."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from sceneswap.models.layers import beside
from sceneswap.models.pretrained.vgg import LAYERS, TYPICAL_SIZE


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

    layers: tuple[str, ...] = ()  # it reads no activations

    def forward(
        self, label_map: Tensor, image: Tensor, activations: Mapping[str, Tensor] | None = None
    ) -> list[list[Tensor]]:
        """label_map (B, H, W), image (B, 3, H, W) in [-1, 1] → per image scale the activations, scores last."""
        x = torch.cat([self.embedding(label_map).permute(0, 3, 1, 2), image.float()], dim=1)
        outputs = []
        for discriminator in self.scales:
            outputs.append(discriminator(x))
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return outputs


class FeatureHead(nn.Module):
    """Scores of one activation of VGG-19 beside the label map: convolutions with spectral norm, at half its size."""

    def __init__(self, *, inputs: int, embedding: int, width: int) -> None:
        super().__init__()
        self.down = spectral_norm(nn.Conv2d(inputs, width, 4, stride=2, padding=1))
        self.labels = nn.Conv2d(embedding, width, 1)
        self.middle = spectral_norm(nn.Conv2d(width, width, 3, padding=1))
        self.score = spectral_norm(nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, activation: Tensor, labels: Tensor, scale: float = 1.0) -> list[Tensor]:
        """activation (B, inputs, h, w), labels (B, embedding, h / 2, w / 2) → [scores (B, 1, h / 2, w / 2)].

        scale: of the activation; the weights take it, which are fewer.
        """
        down = F.conv2d(
            activation, scale * cast(Tensor, self.down.weight), cast(Tensor, self.down.bias), stride=2, padding=1
        )
        x = F.leaky_relu(down + self.labels(labels), 0.2)
        return [self.score(F.leaky_relu(self.middle(x), 0.2))]


class FeatureDiscriminator(nn.Module):
    """Heads on the activations of a frozen VGG-19, each beside the label map pooled to its size.

    The idea is that of Sauer et al., "Projected GANs Converge Faster" (2021): frozen features know what photographs look
    like, so the heads learn in hundreds of steps what a PatchGAN learns in tens of thousands. The activations are the
    caller's, who needs them for other losses too. patch_width: of a thin PatchGAN on the pixels beside the heads, which
    sees the lattices that pooled activations hide; 0: none.
    """

    def __init__(
        self, *, num_classes: int, embedding: int, layers: Sequence[str], width: int, patch_width: int = 0
    ) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.embedding = nn.Embedding(num_classes + 1, embedding)
        self.heads = nn.ModuleList(FeatureHead(inputs=LAYERS[n], embedding=embedding, width=width) for n in layers)
        self.patch = PatchDiscriminator(inputs=embedding + 3, width=patch_width, layers=3) if patch_width else None

    def forward(
        self, label_map: Tensor, image: Tensor, activations: Mapping[str, Tensor] | None = None
    ) -> list[list[Tensor]]:
        """label_map (B, H, W), image (B, 3, H, W) in [-1, 1], its activations by name → per head [scores (B, 1, h, w)].

        Last the answer of the PatchGAN, if there is one: its activations and scores.
        """
        assert activations is not None
        labels = self.embedding(label_map).permute(0, 3, 1, 2)
        answers = []
        pooled = {labels.shape[3]: labels}  # by its width; each halving is of the one before
        for name, head in zip(self.layers, self.heads, strict=True):
            activation = activations[name]
            while (wanted := activation.shape[3] // 2) not in pooled:
                pooled[min(pooled) // 2] = F.avg_pool2d(pooled[min(pooled)], 2)
            answers.append(head(activation, pooled[wanted], 1 / TYPICAL_SIZE[name]))
        if self.patch is not None:
            answers.append(self.patch(beside(labels.to(activation.dtype), image)))
        return answers


Discriminator = MultiScaleDiscriminator | FeatureDiscriminator
