"""The synthesis module: SPADE residual blocks with up-sampling (supplement §6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from sceneswap.models.layers import InstanceNorm, Padding, SyncBatchNorm, beside, convolution, modulate
from sceneswap.models.recompute import recomputed

Upsampling = Literal["nearest", "bilinear"]
Normalisation = Literal["instance", "batch", "sync-batch"]
Normalise = Callable[[Tensor], Tensor]


def _normalisation(channels: int, kind: Normalisation) -> nn.Module:
    """Parameter-free normalisation: per picture, or over the batch (with running statistics) as in SPADE.

    "sync-batch" is over the batch of all processes, SPADE's very own; on a single process the two are one.
    """
    if kind == "instance":
        return InstanceNorm()
    return (SyncBatchNorm if kind == "sync-batch" else nn.BatchNorm2d)(channels, affine=False)


@dataclass(frozen=True)
class BlockKind:
    """What all SPADE blocks of a ladder share. padding: "replicate" spares pictures the pale rims that zeros leave.

    upsampling: between scales; "bilinear" draws no lattice of 2, 4, 8 pixels. SPADE's own form, where ours is cheaper:
    own_hidden: a hidden layer for each normalisation, own_shortcut: one more modulation for the shortcut, relu: after the
    hidden layer in place of LeakyReLU.
    """

    normalisation: Normalisation = "instance"
    padding: Padding = "zeros"
    upsampling: Upsampling = "nearest"
    own_hidden: bool = False
    own_shortcut: bool = False
    relu: bool = False


class SpadeBlock(nn.Module):
    """SPADE residual block: two modulated 3×3 convolutions, a learned shortcut where the widths differ.

    γ and β of both normalisations come from one `hidden`-channel 3×3 convolution of the condition, shared by the block,
    followed by a 3×3 convolution each (hidden = 0: directly from the condition). The shortcut reads the first modulated
    activation. `BlockKind` has SPADE's own form of both. All convolutions of activations carry spectral norm.
    """

    def __init__(
        self, *, inputs: int, outputs: int, condition: int, hidden: int, kind: BlockKind | None = None
    ) -> None:
        super().__init__()
        kind = kind or BlockKind()
        middle = min(inputs, outputs)
        edge = kind.padding
        learned = inputs != outputs
        self.activation = nn.ReLU() if kind.relu else nn.LeakyReLU(0.2)
        self.normalisation_0 = _normalisation(inputs, kind.normalisation)
        self.normalisation_1 = _normalisation(middle, kind.normalisation)
        self.shared = convolution(condition, hidden, edge) if hidden and not kind.own_hidden else None

        def modulation(channels: int) -> nn.Module:
            last = convolution(hidden or condition, 2 * channels, edge)
            if not (hidden and kind.own_hidden):
                return last
            return nn.Sequential(convolution(condition, hidden, edge), self.activation, last)

        self.modulation_0 = modulation(inputs)
        self.modulation_1 = modulation(middle)
        self.modulation_s = modulation(inputs) if learned and kind.own_shortcut else None
        self.convolution_0 = spectral_norm(convolution(inputs, middle, edge))
        self.convolution_1 = spectral_norm(convolution(middle, outputs, edge))
        self.shortcut = spectral_norm(nn.Conv2d(inputs, outputs, 1, bias=False)) if learned else None

    def forward(self, x: Tensor, condition: Tensor, normalise: tuple[Normalise, Normalise] | None = None) -> Tensor:
        """x (B, inputs, H, W), condition (B, condition, H, W) → (B, outputs, H, W).

        normalise: in place of the two normalisations, where x is a part of a picture and its statistics are known.
        """
        normalise_0, normalise_1 = normalise or (self.normalisation_0, self.normalisation_1)
        hidden, normal, first, second = self._enter(x, condition, normalise_0)
        second = modulate(normalise_1(second), self.modulation_1(hidden))
        second = self.convolution_1(F.leaky_relu(second, 0.2))
        if self.shortcut is None:
            return second + x
        if self.modulation_s is not None:  # of the same normalised x: it has no parameters
            first = modulate(normal, self.modulation_s(hidden))
        return second + self.shortcut(first)

    def inner(self, x: Tensor, condition: Tensor, normalise_0: Normalise) -> Tensor:
        """What the second normalisation reads, (B, min(inputs, outputs), H, W); see `forward`."""
        return self._enter(x, condition, normalise_0)[-1]

    def _enter(self, x: Tensor, condition: Tensor, normalise_0: Normalise) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The hidden layer, x normalised, x modulated, and the first convolution of that."""
        hidden = condition if self.shared is None else self.activation(self.shared(condition))
        normal = normalise_0(x)
        first = modulate(normal, self.modulation_0(hidden))
        return hidden, normal, first, self.convolution_0(F.leaky_relu(first, 0.2))


class Noise(nn.Module):
    """Noise to grow texture from: a label map is flat, and a convolution of a flat area is flat.

    Fresh in training. Otherwise a fixed pattern in which every channel repeats with a period of its own, so that equal
    inputs give equal pictures and no seam or repetition shows.
    """

    _PERIODS = (127, 113, 109, 103, 101, 97, 89, 83)

    def __init__(self, channels: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.channels = channels
        for number in range(channels):
            period = self._PERIODS[number % len(self._PERIODS)]
            tile = torch.randn(period, period, generator=generator)
            self.register_buffer(f"tile_{number}", tile, persistent=False)

    def forward(self, like: Tensor, top: int = 0, left: int = 0) -> Tensor:
        """Standard normal noise (B, channels, H, W) for a condition (B, C, H, W); top, left: where that lies in its picture."""
        batch, _, height, width = like.shape
        if self.training:
            noise = torch.randn(batch, self.channels, height, width, device=like.device, dtype=like.dtype)
            return noise.contiguous(memory_format=torch.channels_last)  # or the joined condition loses that format
        tiles = (self.get_buffer(f"tile_{number}") for number in range(self.channels))
        pattern = torch.stack([_repeat(tile, height, width, top, left) for tile in tiles]).to(like.dtype)
        return pattern.expand(batch, -1, -1, -1)


def _repeat(tile: Tensor, height: int, width: int, top: int, left: int) -> Tensor:
    """A part (height, width) of a tile (h, w) repeated; by index, so that one exported graph serves every size."""
    rows = (torch.arange(height, device=tile.device) + top) % tile.shape[0]
    columns = (torch.arange(width, device=tile.device) + left) % tile.shape[1]
    return tile[rows[:, None], columns]


class SpadeSynthesis(nn.Module):
    """The ladder from the coarsest condition to the image: one SPADE block and a ×2 up-sampling per scale.

    widths: channels that leave the block of each scale, finest first. conditions, hidden: likewise.
    middle_blocks: further blocks at the coarsest scale, before its own. extra_blocks: further blocks after each scale's own,
    where width is cheap. noise_channels: of `Noise` joined to every condition. `recompute` may be set: then the activations
    of the blocks are not kept for the backward pass but computed again.
    """

    recompute = False

    def __init__(
        self,
        *,
        widths: Sequence[int],
        conditions: Sequence[int],
        hidden: Sequence[int],
        middle_blocks: int,
        extra_blocks: Sequence[int] = (),
        noise_channels: int = 0,
        kind: BlockKind | None = None,
    ) -> None:
        super().__init__()
        kind = kind or BlockKind()
        self.upsampling = kind.upsampling
        self.noise = Noise(noise_channels) if noise_channels else None
        conditions = [channels + noise_channels for channels in conditions]
        self.start = convolution(conditions[-1], widths[-1], kind.padding)
        self.middle = nn.ModuleList(
            SpadeBlock(inputs=widths[-1], outputs=widths[-1], condition=conditions[-1], hidden=hidden[-1], kind=kind)
            for _ in range(middle_blocks)
        )
        inputs = [*widths[1:], widths[-1]]
        self.blocks = nn.ModuleList(
            SpadeBlock(inputs=i, outputs=o, condition=c, hidden=h, kind=kind)
            for i, o, c, h in zip(inputs, widths, conditions, hidden, strict=True)
        )
        self.extra = nn.ModuleList(
            nn.ModuleList(SpadeBlock(inputs=o, outputs=o, condition=c, hidden=h, kind=kind) for _ in range(number))
            for o, c, h, number in zip(widths, conditions, hidden, extra_blocks or [0] * len(widths), strict=True)
        )
        self.to_image = convolution(widths[0], 3, kind.padding)

    def forward(self, conditions: Sequence[Tensor], start: Tensor | None = None) -> Tensor:
        """Return the image (B, 3, H, W) in [-1, 1] for conditions (B, C(i), H / 2^i, W / 2^i), finest first.

        start: a baseline's latent, (B, widths[-1], H / 2^4, W / 2^4), added to the convolution of the coarsest condition.
        """
        if self.noise is not None:
            conditions = [beside(c, self.noise(c)) for c in conditions]
        x = self.start(conditions[-1])
        if start is not None:
            x = x + start
        for block in self.middle:
            x = self._through(block, x, conditions[-1])
        for scale, block in reversed(list(enumerate(self.blocks))):
            x = self._through(block, x, conditions[scale])
            for more in cast(nn.ModuleList, self.extra[scale]):
                x = self._through(more, x, conditions[scale])
            if scale:
                x = F.interpolate(x, scale_factor=2, mode=self.upsampling)
        return torch.tanh(self.to_image(F.leaky_relu(x, 0.2)))

    def _through(self, block: nn.Module, x: Tensor, condition: Tensor) -> Tensor:
        out: Tensor = recomputed(block, x, condition) if self.recompute and self.training else block(x, condition)
        return out


def fold_spectral_norm(module: nn.Module) -> nn.Module:
    """Replace every spectrally normalised weight of `module` by its present value, in place, and return the module."""
    for layer in list(module.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            weight = cast(Tensor, layer.weight).detach()
            # `remove_parametrizations` deletes `weight` from the class too, which deep copies of the layer share
            layer.__class__ = parametrize.type_before_parametrizations(layer)
            del layer.parametrizations
            layer.weight = nn.Parameter(weight)
    return module


@torch.no_grad()
def settle_spectral_norm(module: nn.Module, iterations: int = 30) -> None:
    """Run the power iteration of every spectrally normalised weight until it knows the norm, after loading weights."""
    for layer in list(module.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            training = layer.training
            layer.train()
            for _ in range(iterations):
                _ = layer.weight  # read in training mode: one iteration
            layer.train(training)
