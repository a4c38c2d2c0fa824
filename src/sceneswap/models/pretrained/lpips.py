"""LPIPS v0.1 with AlexNet: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018)."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneswap.models.pretrained.vgg import normalise_imagenet
from sceneswap.models.pretrained.weights import Source, Weights

LPIPS_WEIGHTS = Weights(
    "LPIPS",
    "a safetensors file of LPIPS v0.1 on AlexNet (alexnet.features.* of torchvision's AlexNet, alex.lin0 … lin4.weight "
    "of github.com/richzhang/PerceptualSimilarity)", "--lpips", "SCENESWAP_LPIPS",
    key="lpips",
    sources=(
        Source(
            "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", "7be5be79", 244,
            "BSD-3-Clause (torchvision), trained on ImageNet", {"features.": "alexnet.features."},
        ),
        Source(
            "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
            "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", 0.006,
            "BSD-2-Clause (LPIPS)", {f"lin{i}.model.1.": f"alex.lin{i}." for i in range(5)},
        ),
    ),
)  # fmt: skip
_CHANNELS = (64, 192, 384, 256, 256)


class _AlexNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> list[Tensor]:
        taps = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                taps.append(x)
        return taps


class _Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for i, channels in enumerate(_CHANNELS):
            self.register_module(f"lin{i}", _Weight(channels))


class _Weight(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, channels, 1, 1))


class LPIPS(nn.Module):
    """LPIPS distance (AlexNet, v0.1), frozen. Tensor names: `alexnet.features.*`, `alex.lin0 … lin4.weight`."""

    def __init__(self) -> None:
        super().__init__()
        self.alexnet = _AlexNet()
        self.alex = _Linear()

    def forward(self, drawn: Tensor, target: Tensor) -> Tensor:
        """Distances (B,) of images (B, 3, H, W) in [-1, 1]; at least 64 pixels a side; 0 for equal images."""
        pairs = zip(
            self.alexnet(normalise_imagenet(drawn)), self.alexnet(normalise_imagenet(target)), self.alex.children(),
            strict=True,
        )  # fmt: skip
        total = drawn.new_zeros(drawn.shape[0], dtype=torch.float32)
        for a, b, linear in pairs:
            difference = (_unit(a) - _unit(b)).square()
            total = total + (difference * linear.weight).sum(dim=1).mean(dim=(1, 2))  # type: ignore[operator]
        return total


def _unit(x: Tensor) -> Tensor:
    x = x.float()
    return F.normalize(x, dim=1, eps=1e-10)


def load_lpips(path: Path | None = None) -> LPIPS:
    """Return LPIPS with its weights from `path`, else from the file named in SCENESWAP_LPIPS.

    Raises `UserError` when no file is named, or it is missing or does not fit.
    """
    network = LPIPS()
    LPIPS_WEIGHTS.load(network, LPIPS_WEIGHTS.path(path))
    return network
