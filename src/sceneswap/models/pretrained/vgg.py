"""VGG-19: the frozen feature extractor of the paper."""

from collections.abc import Collection
from pathlib import Path

from torch import Tensor, nn

from sceneswap.models.layers import Padding, convolution
from sceneswap.models.pretrained.weights import Source, Weights, shipped_file

VGG19_WEIGHTS = Weights(
    "VGG-19", "a safetensors file with torchvision's names", "--vgg19", "SCENESWAP_VGG19",
    key="vgg19",
    sources=(
        Source(
            "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", "dcbb9e9d", 575,
            "BSD-3-Clause (torchvision), trained on ImageNet", {"features.": "features."},
        ),
    ),
    fetched=True,
)  # fmt: skip
TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
TAP_CHANNELS = (64, 128, 256, 512, 512)

SHIPPED = "vgg19-relu4_1.safetensors"  # Oxford's weights up to relu4_1, in the package's folder `weights`
SHIPPED_TAPS = 4

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))  # up to relu5_1
LAYERS = {f"relu{b}_{c}": width for b, (width, count) in enumerate(_BLOCKS, 1) for c in range(1, count + 1)}
"""Every activation up to relu5_1, fine → coarse, with its channels."""

TYPICAL_SIZE = {
    "relu1_1": 0.72, "relu1_2": 3.1, "relu2_1": 3.2, "relu2_2": 3.8, "relu3_1": 3.8, "relu3_2": 4.0, "relu3_3": 6.9,
    "relu3_4": 12.0, "relu4_1": 12.3,
}  # fmt: skip
"""Root mean square of the activations of the shipped weights over 48 outdoor photographs at 256×256; see `scaled`."""

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def normalise_imagenet(image: Tensor) -> Tensor:
    """(B, 3, H, W) in [-1, 1] → ImageNet mean 0 and standard deviation 1 per channel."""
    mean = image.new_tensor(_MEAN).view(1, 3, 1, 1)
    deviation = image.new_tensor(_DEVIATION).view(1, 3, 1, 1)
    return (image * 0.5 + 0.5 - mean) / deviation


class VGG19(nn.Module):
    """Frozen VGG-19 up to the last tap asked for.

    taps: how many of relu1_1 … relu5_1 `forward` returns, 1 … 5. padding: "replicate" spares the activations the dark rim
    that zeros leave. Parameter names are torchvision's (`features.0.weight`).
    """

    def __init__(self, taps: int = 5, *, padding: Padding = "zeros") -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.names: dict[int, str] = {}  # position in `features` → name of the activation
        channels = 3
        for block, (width, count) in enumerate(_BLOCKS[:taps], 1):
            if block > 1:
                layers.append(nn.MaxPool2d(2))
            for number in range(1, 2 if block == taps else count + 1):
                layers += [convolution(channels, width, padding), nn.ReLU()]
                self.names[len(layers) - 1] = f"relu{block}_{number}"
                channels = width
        self.features = nn.Sequential(*layers)
        self.taps = TAPS[:taps]
        self.channels = TAP_CHANNELS[:taps]
        self.requires_grad_(False)

    def activations(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Image (B, 3, H, W) in [-1, 1] → the activations named in `layers` (see `LAYERS`), computed in one pass."""
        x = normalise_imagenet(image)
        found: dict[str, Tensor] = {}
        for position, layer in enumerate(self.features):
            x = layer(x)
            name = self.names.get(position)
            if name is not None and name in layers:
                found[name] = x
                if len(found) == len(set(layers)):
                    break
        return found

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Image (B, 3, H, W) in [-1, 1] → taps (B, channels[i], H / 2^i, W / 2^i), finest first."""
        found = self.activations(image, self.taps)
        return tuple(found[name] for name in self.taps)


def scaled(name: str, activation: Tensor) -> Tensor:
    """An activation divided by its typical size, so that every layer speaks as loudly."""
    return activation * (1 / TYPICAL_SIZE[name])


def load_vgg19(path: Path | None = None, *, taps: int = 5, padding: Padding = "zeros") -> VGG19:
    """Return VGG-19 with pretrained weights, frozen, in evaluation mode.

    path: a safetensors file with torchvision's names; None takes the path in SCENESWAP_VGG19, else the public download
    (torchvision's ImageNet weights, hash-checked, kept as safetensors in the cache).
    Raises `UserError` when no weights can be had or the file does not fit.
    """
    network = VGG19(taps, padding=padding)
    VGG19_WEIGHTS.load(network, VGG19_WEIGHTS.path(path))
    return network


def shipped_vgg19(taps: int = SHIPPED_TAPS, *, padding: Padding = "zeros") -> VGG19:
    """VGG-19 up to relu4_1 (at most) with the weights that the package carries: Oxford's, CC BY 4.0, fp16 on disk."""
    assert taps <= SHIPPED_TAPS
    network = VGG19(taps, padding=padding)
    with shipped_file(SHIPPED) as path:
        VGG19_WEIGHTS.load(network, path)
    return network
