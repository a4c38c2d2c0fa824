"""Layers that several networks share, written for memory in the order channels-last."""

from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sceneswap import together

Padding = Literal["zeros", "replicate"]


def with_edge(x: Tensor) -> Tensor:
    """`x` with one row and column more on each side, in its own precision: autocast would pad in float32."""
    with torch.autocast(x.device.type, enabled=False):
        return F.pad(x, (1, 1, 1, 1), mode="replicate")


class _ReplicateEdge(torch.autograd.Function):
    """One row and column more on each side, equal to the outermost ones.

    PyTorch's own backward leaves the channels-last order, which costs more than the convolution after it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return with_edge(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        inner = gradient[:, :, 1:-1, 1:-1]  # in place: only the convolution that made it has seen it
        for edge in (0, -1):
            inner[:, :, edge] += gradient[:, :, edge, 1:-1]
            inner[..., edge] += gradient[:, :, 1:-1, edge]
            for side in (0, -1):
                inner[:, :, edge, side] += gradient[:, :, edge, side]
        return inner


class ReplicateConv2d(nn.Conv2d):
    """A 3×3 convolution whose picture goes on beyond its border as its outermost pixels: no dark rim, no pale rim."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        learning = torch.is_grad_enabled() and x.requires_grad
        return super().forward(_ReplicateEdge.apply(x) if learning else with_edge(x))


def convolution(inputs: int, outputs: int, padding: Padding, *, stride: int = 1) -> nn.Conv2d:
    """A 3×3 convolution of the given padding that keeps the size (but for the stride)."""
    if padding == "replicate":
        return ReplicateConv2d(inputs, outputs, stride=stride)
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


class _InstanceNorm(torch.autograd.Function):
    """Mean 0 and variance 1 over the positions of each channel, in the channels-last order.

    Everything is a matrix product: sums, and scales and shifts per channel (of a diagonal matrix), which as elementwise
    operations run over the few channels of one position at a time.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, P, C)
        one = torch.eye(rows.shape[2], dtype=x.dtype, device=x.device).expand(len(rows), -1, -1)
        centred = torch.baddbmm(-_mean(rows), rows, one)
        variance = _mean_product(centred, centred)
        inverse = torch.rsqrt(variance.to(torch.promote_types(x.dtype, torch.float)) + 1e-5).to(x.dtype)
        normal = torch.bmm(centred, inverse.diag_embed())
        ctx.save_for_backward(normal, inverse)
        return _pictures(normal, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        normal, inverse = ctx.saved_tensors  # (B, P, C), (B, C)
        rows = gradient.permute(0, 2, 3, 1).flatten(1, 2)
        shift = -inverse[:, None] * _mean(rows)
        slope = -inverse * _mean_product(rows, normal)
        result = torch.baddbmm(shift, normal, slope.diag_embed()).baddbmm_(rows, inverse.diag_embed())
        return _pictures(result, gradient)


def _mean(rows: Tensor) -> Tensor:
    """Over the positions: (B, P, C) → (B, 1, C)."""
    return torch.bmm(rows.new_ones(rows.shape[0], 1, rows.shape[1]), rows) / rows.shape[1]


def _mean_product(a: Tensor, b: Tensor) -> Tensor:
    """Mean of a · b over the positions: (B, P, C), (B, P, C) → (B, C)."""
    return torch.bmm(a.transpose(1, 2), b).diagonal(dim1=1, dim2=2) / a.shape[1]


def _pictures(rows: Tensor, like: Tensor) -> Tensor:
    return rows.unflatten(1, like.shape[2:]).permute(0, 3, 1, 2)


def _modulate(normalised: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return torch.addcmul(normalised + beta, normalised, gamma)


class _Modulated(torch.autograd.Function):
    """See `modulate`. Its gradient fills one tensor for γ and β, where PyTorch's would make four and join them."""

    @staticmethod
    def forward(ctx: Any, normalised: Tensor, modulation: Tensor) -> Tensor:
        gamma, beta = modulation.chunk(2, dim=1)
        ctx.save_for_backward(normalised, gamma)
        return _modulate(normalised, gamma, beta)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        normalised, gamma = ctx.saved_tensors
        both = gradient.permute(0, 2, 3, 1)
        both = torch.cat([both * normalised.permute(0, 2, 3, 1), both], dim=3).permute(0, 3, 1, 2)
        return torch.addcmul(gradient, gradient, gamma), both


def modulate(normalised: Tensor, modulation: Tensor) -> Tensor:
    """SPADE's modulation of a normalised activation (B, C, H, W): · (1 + γ) + β, per position; (γ, β): (B, 2C, H, W)."""
    if torch.is_grad_enabled() and modulation.requires_grad:
        return cast(Tensor, _Modulated.apply(normalised, modulation))
    return _modulate(normalised, *modulation.chunk(2, dim=1))


def beside(*tensors: Tensor) -> Tensor:
    """Tensors (B, C_i, H, W) joined along their channels, in the first one's precision and order in memory."""
    tensors = tuple(t.to(tensors[0].dtype) for t in tensors)
    if not tensors[0].is_contiguous(memory_format=torch.channels_last):
        return torch.cat(tensors, dim=1)
    return torch.cat([t.permute(0, 2, 3, 1) for t in tensors], dim=3).permute(0, 3, 1, 2)  # twice as fast


class InstanceNorm(nn.Module):
    """Every channel of every picture to mean 0 and variance 1 (no parameters): (B, C, H, W) → the same."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if torch.is_grad_enabled() and x.requires_grad:
            return _InstanceNorm.apply(x)
        return F.instance_norm(x)


@torch.no_grad()
def initialise_as_spade(module: nn.Module) -> None:
    """SPADE's start, in place: every convolution and linear layer Xavier normal with gain 0.02, biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            normed = parametrize.is_parametrized(layer, "weight")  # then the weight that spectral norm divides
            weight: Any = layer.parametrizations.weight.original if normed else layer.weight  # type: ignore[union-attr]
            nn.init.xavier_normal_(weight, gain=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class SyncBatchNorm(nn.BatchNorm2d):
    """Mean 0 and variance 1 of each channel over the pictures of all processes, without parameters.

    PyTorch's own refuses processes on CPUs, so sums are exchanged here.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        if not self.training or together.processes() == 1:
            return super().forward(x)
        assert self.weight is None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        number = x.numel() // x.shape[1] * together.processes()
        mean = together.summed_with_gradient(x.float().sum(dim=(0, 2, 3))) / number
        centred = x - mean[:, None, None]
        variance = together.summed_with_gradient(centred.square().sum(dim=(0, 2, 3))) / number
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum or 0.0)
            self.running_var.lerp_(variance * (number / max(number - 1, 1)), self.momentum or 0.0)
        return (centred * (variance + self.eps).rsqrt()[:, None, None]).to(x.dtype)
