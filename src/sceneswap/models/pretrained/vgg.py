"""VGG-19: the frozen feature extractor of the paper, and where its weights come from."""

import os
from collections.abc import Collection
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sceneswap.errors import UserError
from sceneswap.files import atomic_path, sha256
from sceneswap.models.layers import Padding, convolution

VGG19_ENVIRONMENT = "SCENESWAP_VGG19"
VGG19_URL = (
    "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"  # the name ends in the first 8 digits of its SHA-256
)
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
    load_frozen(network, vgg19_path(path), "VGG-19")
    return network


def shipped_vgg19(taps: int = SHIPPED_TAPS, *, padding: Padding = "zeros") -> VGG19:
    """VGG-19 up to relu4_1 (at most) with the weights that the package carries: Oxford's, CC BY 4.0, fp16 on disk."""
    assert taps <= SHIPPED_TAPS
    network = VGG19(taps, padding=padding)
    with resources.as_file(resources.files("sceneswap") / "weights" / SHIPPED) as path:
        load_frozen(network, path, "VGG-19")
    return network


def vgg19_path(path: Path | None = None) -> Path:
    """Resolve where the VGG-19 weights are: `path`, SCENESWAP_VGG19, the cache, or a download into the cache."""
    if path is not None:
        return path
    if VGG19_ENVIRONMENT in os.environ:
        return Path(os.environ[VGG19_ENVIRONMENT])
    cached = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "sceneswap" / "vgg19.safetensors"
    if not cached.exists():
        download_vgg19(cached)
    return cached


def download_vgg19(target: Path, url: str = VGG19_URL) -> None:
    """Fetch torchvision's VGG-19, check the hash in its file name, keep the convolutions as safetensors in `target`.

    The file is read with PyTorch's restricted tensor reader (`weights_only`), which runs no code.
    Raises `UserError` when the download or the check fails.
    """
    with atomic_path(target) as temporary:
        try:
            torch.hub.download_url_to_file(url, str(temporary), progress=False)
        except OSError as error:
            raise UserError(
                f"the VGG-19 weights could not be downloaded from {url} ({error}); fetch them on another machine and "
                f"name a safetensors file with torchvision's keys in {VGG19_ENVIRONMENT}"
            ) from error
        wanted = Path(url).stem.rsplit("-", 1)[-1]
        digest = sha256(temporary)
        if not digest.startswith(wanted):
            raise UserError(f"the download {url} is damaged: its SHA-256 begins {digest[:8]}, not {wanted}; try again")
        state = torch.load(temporary, map_location="cpu", weights_only=True)
        convolutions = {k: v.contiguous() for k, v in state.items() if k.startswith("features.")}
        save_file(convolutions, temporary)


def load_frozen(network: nn.Module, path: Path, what: str) -> None:
    """Load the tensors that `network` names from the safetensors file `path` (any further ones are left out).

    Freezes the network and puts it in evaluation mode. Raises `UserError` naming the file when it is missing, damaged,
    or holds other tensors.
    """
    try:
        state = load_file(path)
    except FileNotFoundError:
        raise UserError(f"the {what} weights {path} do not exist; name the safetensors file that holds them") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"the {what} weights {path} cannot be read ({error}); fetch the file again") from error
    wanted = network.state_dict()
    wrong = [k for k, v in wanted.items() if k not in state or state[k].shape != v.shape]
    if wrong:
        raise UserError(f"{path} does not hold {what}: tensor {wrong[0]} is missing or of another shape")
    network.load_state_dict({k: state[k].float() for k in wanted})
    network.requires_grad_(False).eval()
