"""Feature extractors: images and label maps to five scales, finest first."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneswap.models.layers import Padding, beside, convolution
from sceneswap.models.parts import Box
from sceneswap.models.pretrained.vgg import VGG19, scaled


class CompactEncoder(nn.Module):
    """A small trainable image encoder with the five taps of VGG-19 (full size, 1/2, 1/4, 1/8, 1/16).

    No normalisation: means and contrasts are what an exemplar has to say.
    channels: of each stage, finest first. raw_color: every tap also carries the average-pooled picture, three more
    channels, so that colour is at hand whatever the stages have learned to tell apart. forward: image (B, 3, H, W) in
    [-1, 1], H and W divisible by the last stride.
    """

    def __init__(self, channels: tuple[int, ...], *, raw_color: bool = False) -> None:
        super().__init__()
        self.channels = tuple(c + 3 for c in channels) if raw_color else channels
        self.raw_color = raw_color
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
        taps, features = [], image
        for stage in self.stages:
            features = stage(features)
            taps.append(features)
        return _with_color(image, taps) if self.raw_color else tuple(taps)


class VGGEncoder(nn.Module):
    """The paper's image encoder: the frozen taps of VGG-19.

    scales: taps that are returned; past VGG's last one they are its average-pooled copies. scaled: every tap is divided
    by its typical size. raw_color: as of `CompactEncoder`. forward: image (B, 3, H, W) in [-1, 1].
    """

    def __init__(self, vgg: VGG19, *, scales: int, scaled: bool = False, raw_color: bool = False) -> None:
        super().__init__()
        self.vgg, self.scales, self.scaled, self.raw_color = vgg, scales, scaled, raw_color
        own = [*vgg.channels, *[vgg.channels[-1]] * (scales - len(vgg.channels))]
        self.channels = tuple(c + 3 * raw_color for c in own[:scales])

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the activations that `taps` reads."""
        return self.vgg.taps[: self.scales]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the taps (B, channels[i], H / 2^i, W / 2^i), finest first."""
        return self.taps(image, self.vgg.activations(image, self.layers))

    def taps(self, image: Tensor, activations: Mapping[str, Tensor], finest: int = 0) -> tuple[Tensor, ...]:
        """The taps of `image` from VGG-19's activations of it, where the caller has them; those finer than `finest` bare."""
        taps = [activations[name] for name in self.layers]
        while len(taps) < self.scales:
            taps.append(F.avg_pool2d(taps[-1], 2))
        if self.scaled:
            names = [*self.layers, *[self.layers[-1]] * (len(taps) - len(self.layers))]
            taps = [scaled(n, tap) if i >= finest else tap for i, (n, tap) in enumerate(zip(names, taps, strict=True))]
        return _with_color(image, taps, finest) if self.raw_color else tuple(taps)


def _with_color(image: Tensor, taps: Sequence[Tensor], finest: int = 0) -> tuple[Tensor, ...]:
    """Every tap from `finest` on joined with the average-pooled picture, three more channels."""
    pooled = [F.avg_pool2d(image, 2**i) if i else image for i in range(finest, len(taps))]
    joined = [beside(tap, color) for tap, color in zip(taps[finest:], pooled, strict=True)]
    return (*taps[:finest], *joined)


class LabelEncoder(nn.Module):
    """Label features F_c, built coarse to fine.

    A 1×1 convolution of an average-pooled one-hot map is an embedding look-up followed by average pooling, so the
    one-hot tensor never exists. Void is row C of the embedding table. The coarsest scale reads the pooled embeddings;
    each finer one reads its own joined with the up-sampled coarser feature.

    num_classes: C. embedding: channels of the look-up. channels: M of each scale, finest first. padding: of its
    convolutions; zeros make the border look like a class of its own, and attention goes there.
    """

    def __init__(
        self, *, num_classes: int, embedding: int, channels: tuple[int, ...], padding: Padding = "zeros"
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes + 1, embedding)
        coarser = [*channels[1:], 0]
        self.convolutions = nn.ModuleList(
            convolution(embedding + below, own, padding) for own, below in zip(channels, coarser, strict=True)
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
                joined = beside(joined.to(coarser.dtype), coarser)
            features.append(F.leaky_relu(self.convolutions[scale](joined), 0.2))
        return tuple(reversed(features))

    def part(self, label_map: Tensor, scale: int, box: Box) -> Tensor:
        """The features (1, M(i), h, w) of one scale in a box of it, equal to `forward`'s; label_map: (H, W) of any integers.

        Only the part of the label map that they depend on is read.
        """
        size = (label_map.shape[0] >> scale, label_map.shape[1] >> scale)
        wide = box.grown(1, size)  # what the convolution reads
        joined = self._pooled(label_map, scale, wide)
        if scale + 1 < len(self.convolutions):
            below = wide.halved()
            coarser = F.interpolate(self.part(label_map, scale + 1, below), scale_factor=2, mode="nearest")
            joined = torch.cat([joined.to(coarser.dtype), wide.cut(coarser, below.times(2))], dim=1)
        return box.cut(F.leaky_relu(self.convolutions[scale](joined), 0.2), wide)

    def _pooled(self, label_map: Tensor, scale: int, box: Box) -> Tensor:
        """The embedding (1, E, h, w) of a box, averaged down to a scale."""
        labels = box.times(2**scale).cut(label_map, Box.of((label_map.shape[0], label_map.shape[1])))
        pooled = self.embedding(labels.to(self.embedding.weight.device).long())[None].permute(0, 3, 1, 2)
        for _ in range(scale):
            pooled = F.avg_pool2d(pooled, 2)
        return pooled


class LabelHead(nn.Module):
    """Estimates a label map from the taps of an image encoder: coarse to fine, with the whole picture in view.

    taps: channels of the encoder's taps, finest first. hidden: channels of the head. num_classes: C; void is no answer.
    The answer has a quarter of the picture's side (or the coarsest tap's side, in a shallower encoder).
    """

    def __init__(self, *, taps: tuple[int, ...], hidden: int, num_classes: int, padding: Padding = "zeros") -> None:
        super().__init__()
        self.finest = min(2, len(taps) - 1)
        self.entry = convolution(taps[-1], hidden, padding)
        self.whole = nn.Conv2d(taps[-1], hidden, 1)
        self.wide = nn.Conv2d(hidden, hidden, 3, padding=2, dilation=2)
        finer = taps[self.finest : -1]
        self.lateral = nn.ModuleList(nn.Conv2d(channels, hidden, 1) for channels in finer)
        self.merge = nn.ModuleList(convolution(hidden, hidden, padding) for _ in finer)
        self.answer = nn.Conv2d(hidden, num_classes, 1)
        _variance_preserving(self)

    def forward(self, taps: Sequence[Tensor]) -> Tensor:
        """Taps (B, T(i), H / 2^i, W / 2^i), finest first → logits (B, C, H / 4, W / 4)."""
        x = F.leaky_relu(self.entry(taps[-1]) + self.whole(taps[-1].mean(dim=(2, 3), keepdim=True)), 0.2)
        x = x + F.leaky_relu(self.wide(x), 0.2)
        finer = list(zip(taps[self.finest : -1], self.lateral, self.merge, strict=True))
        for tap, lateral, merge in reversed(finer):
            x = F.interpolate(x, scale_factor=2, mode="nearest") + lateral(tap)
            x = F.leaky_relu(merge(x), 0.2)
        return self.answer(x)


def _variance_preserving(module: nn.Module) -> None:
    """Kaiming initialisation for LeakyReLU(0.2), zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=0.2)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
