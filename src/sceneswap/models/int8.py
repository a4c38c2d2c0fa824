"""Weights in a quarter of their size: `X.weight` as int8 beside `X.scale`, whose product is the weight."""

from collections.abc import Mapping

import torch
from torch import Tensor

WORTH = 1024
"""Values of a weight from which on a scale per output takes no room to speak of."""


def packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors for a small file: the weights of convolutions and linear layers as int8 with a scale per output, the rest fp16.

    What is small, and embeddings, whose rows stand for classes, stay fp16.
    """
    found = {}
    for name, value in state.items():
        layer = name.endswith(".weight") and "embedding" not in name.split(".")
        if layer and value.ndim >= 2 and value.numel() >= WORTH:
            found[name], found[scale_name(name)] = rounded(value)
        else:
            found[name] = value.half() if value.is_floating_point() else value
    return found


def unpacked(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, `packed` or not: int8 weights multiplied by their scales, which are left out then.

    Raises `KeyError` with the name of the first scale that is missing.
    """
    whole = {name for name, value in state.items() if value.dtype == torch.int8}
    scales = {scale_name(name) for name in whole}
    return {name: plain(state, name) for name in state if name not in scales}


def rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight (O, …) as int8 with one fp32 scale per output, (O, 1, …): rounded anew, within half a step of each."""
    others = tuple(range(1, weight.ndim))
    scale = weight.float().abs().amax(dim=others, keepdim=True).clamp_min(1e-12) / 127
    return (weight.float() / scale).round().to(torch.int8), scale


def multiples(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same for a network that was published as int8: its own integers come back, nothing is rounded anew.

    Weights that are multiples of one scale become int8, the rest fp16. A scale is the least squares one, since the values come
    rounded to fp16; multiples are told within a tenth of a step.
    """
    found = {}
    for name, value in state.items():
        exact = value.float()
        steps = exact / (exact.abs().max() / 127)
        whole = steps.round()
        if name.endswith("weight") and bool(((steps - whole).abs() < 0.1).all()):
            found[name] = whole.to(torch.int8)
            found[scale_name(name)] = (exact * whole).sum(dtype=torch.float64).div((whole**2).sum()).float().view(1)
        else:
            found[name] = value.half()
    return found


def plain(state: Mapping[str, Tensor], name: str) -> Tensor:
    """A tensor of a file, with its scales where it is int8. Raises `KeyError` when these are missing."""
    value = state[name]
    return value.float() * state[scale_name(name)].float() if value.dtype == torch.int8 else value


def scale_name(name: str) -> str:
    """Where the scales of the weight `name` lie."""
    return f"{name.removesuffix('weight')}scale"
