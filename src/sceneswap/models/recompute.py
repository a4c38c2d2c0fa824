"""A module whose activations are computed again in the backward pass: memory for time, and the same gradients."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint


def recomputed(module: nn.Module, *inputs: Tensor) -> Tensor:
    """`module(*inputs)`, of whose activations none is kept."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _again(module)

    out: Tensor = checkpoint(module, *inputs, use_reentrant=False, context_fn=contexts)
    return out


@contextmanager
def _again(module: nn.Module) -> Iterator[None]:
    """Let a forward pass be the one before once more: power iterations stand still, running statistics stay as they are."""
    norms = [
        one for layer in module.modules() if parametrize.is_parametrized(layer, "weight")
        for one in layer.parametrizations["weight"]  # type: ignore[index]
    ]  # fmt: skip
    training = [norm.training for norm in norms]
    statistics = [
        (buffer, buffer.clone())
        for layer in module.modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm)
        for buffer in layer.buffers()
    ]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm, before in zip(norms, training, strict=True):
            norm.train(before)
        with torch.no_grad():
            for buffer, kept in statistics:
                buffer.copy_(kept)
