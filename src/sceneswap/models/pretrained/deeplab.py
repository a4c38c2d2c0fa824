"""DeepLabV3+ on MobileNetV2 for the 150 classes of ADE20K, batch normalisation folded into the convolutions.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution" (2018); Sandler et al., "MobileNetV2" (2018). Tensor names:
`stem`, `blocks.{0 … 16}.{expand,dw,project}`, `image_pool`, `aspp0`, `concat_proj`, `decoder.*`, `logits`.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneswap.models.pretrained.weights import Weights

SEGMENTER_WEIGHTS = Weights(
    "DeepLabV3+ (MobileNetV2, ADE20K)", "a safetensors file of it, or a Hugging Face semantic segmentation model as org/name,",
    "--segmenter", "SCENESWAP_SEGMENTER", key="segmenter",
)  # fmt: skip
CLASSES = 150
SHIPPED = "ade20k-segmenter.safetensors"  # int8, in the package's folder `weights`

_BLOCKS = (  # width, stride, dilation; output stride 8
    (16, 1, 1), (24, 2, 1), (24, 1, 1), (32, 2, 1), (32, 1, 1), (32, 1, 1), (64, 1, 1), (64, 1, 2), (64, 1, 2),
    (64, 1, 2), (96, 1, 2), (96, 1, 2), (96, 1, 2), (160, 1, 2), (160, 1, 4), (160, 1, 4), (320, 1, 4),
)  # fmt: skip
_EXPANSION = 6
_LOW_LEVEL = 2  # the block whose expanded features, at stride 4, go to the decoder


class _InvertedResidual(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, dilation: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = nn.Conv2d(channels, inner, 1) if expansion > 1 else None
        self.dw = nn.Conv2d(inner, inner, 3, stride, dilation, dilation, groups=inner)
        self.project = nn.Conv2d(inner, width, 1)
        self.residual = stride == 1 and channels == width

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels, H, W) → the block's output and its expanded features, at the output's size."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        inner = F.relu6(self.dw(y))
        y = self.project(inner)
        return (x + y if self.residual else y), inner


class _Separable(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.dw = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pw = nn.Conv2d(channels, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.pw(F.relu(self.dw(x))))


class _Decoder(nn.Module):
    def __init__(self, low_channels: int) -> None:
        super().__init__()
        self.low = nn.Conv2d(low_channels, 48, 1)
        self.sep0 = _Separable(256 + 48, 256)
        self.sep1 = _Separable(256, 256)

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        low = F.relu(self.low(low))
        return self.sep1(self.sep0(torch.cat([_enlarged(x, low), low], dim=1)))


class DeepLab(nn.Module):
    """The network, frozen. Its output 0 is "other", 1 … 150 are the classes of ADE20K."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1)
        blocks, channels, low_channels = [], 32, 0
        for i, (width, stride, dilation) in enumerate(_BLOCKS):
            expansion = _EXPANSION if i else 1
            low_channels = channels * expansion if i == _LOW_LEVEL else low_channels
            blocks.append(_InvertedResidual(channels, width, stride, dilation, expansion))
            channels = width
        self.blocks = nn.ModuleList(blocks)
        self.image_pool = nn.Conv2d(channels, 256, 1)
        self.aspp0 = nn.Conv2d(channels, 256, 1)
        self.concat_proj = nn.Conv2d(512, 256, 1)
        self.decoder = _Decoder(low_channels)
        self.logits = nn.Conv2d(256, 1 + CLASSES, 1)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1], sides 8k + 1 for exact alignment → logits (B, 151, H, W)."""
        x = F.relu6(self.stem(images))
        low = x
        for i, block in enumerate(self.blocks):
            x, inner = block(x)
            if i == _LOW_LEVEL:
                low = inner
        whole = F.relu(self.image_pool(x.mean(dim=(2, 3), keepdim=True))).expand(-1, -1, *x.shape[-2:])
        x = F.relu(self.concat_proj(torch.cat([whole, F.relu(self.aspp0(x))], dim=1)))
        return _enlarged(self.logits(self.decoder(x, low)), images)


def load_deeplab(path: Path) -> DeepLab:
    """Return the network with the weights of a safetensors file. Raises `UserError` when it is missing or does not fit."""
    network = DeepLab()
    SEGMENTER_WEIGHTS.load(network, path)
    return network


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)
