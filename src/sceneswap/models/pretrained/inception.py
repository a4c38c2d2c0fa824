"""The Inception-v3 network of FID: TensorFlow's of 2015-12-05, in the layer names of torchvision and pytorch-fid.

It is not torchvision's Inception: its average pools leave the padding out, and the last block pools by maximum.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneswap.files import sha256
from sceneswap.models.pretrained.weights import Source, Weights

INCEPTION_WEIGHTS = Weights(
    "FID's Inception", "a safetensors file of TensorFlow's network of 2015-12-05 in pytorch-fid's layer names "
    "(github.com/mseitzer/pytorch-fid)", "--inception", "SCENESWAP_INCEPTION",
    key="inception",
    sources=(
        Source(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
            "6726825d", 96, "Apache-2.0 (TensorFlow's network, converted by pytorch-fid), trained on ImageNet",
            {"Conv2d_": "Conv2d_", "Mixed_": "Mixed_"},
        ),
    ),
)  # fmt: skip
PREPROCESSING = (
    "resized to 299×299 by antialiased bicubic as Pillow's (clean-fid's convention), (x - 128) / 128 of 0 … 255"
)
FEATURES = 2048

_SIDE = 299


class Step(NamedTuple):
    """A convolution with batch normalisation and ReLU; stride 2 goes without padding."""

    name: str
    width: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


Chain = Sequence[Step | tuple[Step, Step]]
"""Steps one after the other; a pair reads the same input, and its outputs are joined."""


class _Convolution(nn.Module):
    def __init__(self, channels: int, step: Step, *, padded: bool = True) -> None:
        super().__init__()
        height, width = step.kernel
        padding = (height // 2, width // 2) if padded and step.stride == 1 else (0, 0)
        self.conv = nn.Conv2d(channels, step.width, step.kernel, step.stride, padding, bias=False)
        self.bn = _Normalisation(step.width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Normalisation(nn.Module):
    """Batch normalisation by stored statistics (`nn.BatchNorm2d` would ask the file for a count of batches)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "running_var"):
            self.register_buffer(name, torch.ones(channels))
        for name in ("bias", "running_mean"):
            self.register_buffer(name, torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=1e-3)  # type: ignore[arg-type]


class _Mixed(nn.Module):
    """Parallel chains and a pooled branch, joined along the channels.

    pool: "avg" or "max". pool_width: of the 1×1 convolution after the pool; 0: a reduction, which pools with stride 2.
    """

    def __init__(self, channels: int, chains: Sequence[Chain], pool: str, pool_width: int) -> None:
        super().__init__()
        self.pool, self.reduces = pool, pool_width == 0
        self.chains: list[list[tuple[str, ...]]] = []
        self.channels = pool_width or channels
        for chain in chains:
            names, width = [], channels
            for part in chain:
                steps = (part,) if isinstance(part, Step) else part
                for step in steps:
                    self.add_module(step.name, _Convolution(width, step))
                names.append(tuple(step.name for step in steps))
                width = sum(step.width for step in steps)
            self.chains.append(names)
            self.channels += width
        if pool_width:
            self.branch_pool = _Convolution(channels, Step("branch_pool", pool_width))

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for chain in self.chains:
            y = x
            for names in chain:
                y = torch.cat([self.get_submodule(name)(y) for name in names], dim=1)
            outputs.append(y)
        return torch.cat([*outputs, self._pooled(x)], dim=1)

    def _pooled(self, x: Tensor) -> Tensor:
        if self.reduces:
            return F.max_pool2d(x, 3, 2)
        if self.pool == "max":
            return self.branch_pool(F.max_pool2d(x, 3, 1, 1))
        return self.branch_pool(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))


_ROW, _COLUMN, _SQUARE = (1, 7), (7, 1), (3, 3)


def _grid_35(channels: int, pool_width: int) -> _Mixed:
    chains: list[Chain] = [
        [Step("branch1x1", 64)],
        [Step("branch5x5_1", 48), Step("branch5x5_2", 64, (5, 5))],
        [Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, _SQUARE), Step("branch3x3dbl_3", 96, _SQUARE)],
    ]
    return _Mixed(channels, chains, "avg", pool_width)


def _reduction_35(channels: int) -> _Mixed:
    chains: list[Chain] = [
        [Step("branch3x3", 384, _SQUARE, 2)],
        [Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, _SQUARE), Step("branch3x3dbl_3", 96, _SQUARE, 2)],
    ]
    return _Mixed(channels, chains, "max", 0)


def _grid_17(channels: int, width: int) -> _Mixed:
    chains: list[Chain] = [
        [Step("branch1x1", 192)],
        [Step("branch7x7_1", width), Step("branch7x7_2", width, _ROW), Step("branch7x7_3", 192, _COLUMN)],
        [
            Step("branch7x7dbl_1", width), Step("branch7x7dbl_2", width, _COLUMN), Step("branch7x7dbl_3", width, _ROW),
            Step("branch7x7dbl_4", width, _COLUMN), Step("branch7x7dbl_5", 192, _ROW),
        ],
    ]  # fmt: skip
    return _Mixed(channels, chains, "avg", 192)


def _reduction_17(channels: int) -> _Mixed:
    chains: list[Chain] = [
        [Step("branch3x3_1", 192), Step("branch3x3_2", 320, _SQUARE, 2)],
        [
            Step("branch7x7x3_1", 192), Step("branch7x7x3_2", 192, _ROW), Step("branch7x7x3_3", 192, _COLUMN),
            Step("branch7x7x3_4", 192, _SQUARE, 2),
        ],
    ]  # fmt: skip
    return _Mixed(channels, chains, "max", 0)


def _grid_8(channels: int, pool: str) -> _Mixed:
    def crossed(name: str) -> tuple[Step, Step]:
        return Step(f"{name}a", 384, (1, 3)), Step(f"{name}b", 384, (3, 1))

    chains: list[Chain] = [
        [Step("branch1x1", 320)],
        [Step("branch3x3_1", 384), crossed("branch3x3_2")],
        [Step("branch3x3dbl_1", 448), Step("branch3x3dbl_2", 384, _SQUARE), crossed("branch3x3dbl_3")],
    ]
    return _Mixed(channels, chains, pool, 192)


class InceptionFeatures(nn.Module):
    """Inception of FID up to its last pool, frozen.

    description: what the features are, with the resize convention, for protocols. sha256: of the weight file, "" for
    none.
    """

    description = f"Inception of 2015-12-05, {PREPROCESSING}"

    def __init__(self) -> None:
        super().__init__()
        self.sha256 = ""
        self.Conv2d_1a_3x3 = _Convolution(3, Step("", 32, _SQUARE, 2))
        self.Conv2d_2a_3x3 = _Convolution(32, Step("", 32, _SQUARE), padded=False)
        self.Conv2d_2b_3x3 = _Convolution(32, Step("", 64, _SQUARE))
        self.Conv2d_3b_1x1 = _Convolution(64, Step("", 80))
        self.Conv2d_4a_3x3 = _Convolution(80, Step("", 192, _SQUARE), padded=False)
        self.Mixed_5b = _grid_35(192, 32)
        self.Mixed_5c = _grid_35(256, 64)
        self.Mixed_5d = _grid_35(288, 64)
        self.Mixed_6a = _reduction_35(288)
        self.Mixed_6b = _grid_17(768, 128)
        self.Mixed_6c = _grid_17(768, 160)
        self.Mixed_6d = _grid_17(768, 160)
        self.Mixed_6e = _grid_17(768, 192)
        self.Mixed_7a = _reduction_17(768)
        self.Mixed_7b = _grid_8(1280, "avg")
        self.Mixed_7c = _grid_8(2048, "max")
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1], of any size → features (B, 2048)."""
        return self.pool3(preprocess(images))

    def pool3(self, x: Tensor) -> Tensor:
        """(B, 3, 299, 299) as `preprocess` makes it → (B, 2048)."""
        for name, layer in self.named_children():
            x = layer(x)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                x = F.max_pool2d(x, 3, 2)
        return x.mean(dim=(2, 3))


def preprocess(images: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 1] → (B, 3, 299, 299): antialiased bicubic as Pillow's, clipped, (x - 128) / 128 of 0 … 255."""
    x = images.float()
    if x.shape[-2:] != (_SIDE, _SIDE):
        x = F.interpolate(x, size=(_SIDE, _SIDE), mode="bicubic", antialias=True, align_corners=False)
    return (x.clamp(0, 1) * 255 - 128) / 128


def load_inception(path: Path | None = None) -> InceptionFeatures:
    """Return the network with its weights from `path`, else from the file named in SCENESWAP_INCEPTION.

    Raises `UserError` when no file is named, or it is missing or does not fit.
    """
    network, path = InceptionFeatures(), INCEPTION_WEIGHTS.path(path)
    INCEPTION_WEIGHTS.load(network, path)
    network.sha256 = sha256(path)
    return network
