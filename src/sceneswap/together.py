"""What the processes of a data-parallel run find out together; a process alone gets back what it gave.

Gradients are averaged over the processes. A loss that is a mean over the pictures of a process needs nothing else, since all
have as many; one that divides by what the pictures hold must divide by what those of all processes hold.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor

_alone: ContextVar[bool] = ContextVar("alone", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """Within, this process asks nothing of the others, which may be doing something else."""
    before = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(before)


def processes() -> int:
    """How many processes train together; 1 within `alone`."""
    if _alone.get():
        return 1
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def summed(x: Tensor) -> Tensor:
    """The sum of `x` over the processes, without a gradient."""
    if processes() == 1:
        return x
    x = x.detach().clone()
    dist.all_reduce(x)
    return x


def mean(x: Tensor) -> Tensor:
    """The mean of `x` over the processes, without a gradient."""
    return x if processes() == 1 else summed(x) / processes()


def of_first(x: Tensor) -> Tensor:
    """What the first process gave."""
    if processes() > 1:
        x = x.clone()
        dist.broadcast(x, 0)
    return x


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return summed(x)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return summed(gradients[0].contiguous())  # every process's loss reads every process's x


def summed_with_gradient(x: Tensor) -> Tensor:
    """The sum of `x` over the processes; gradients flow to what every one of them gave."""
    return x if processes() == 1 else cast(Tensor, _Sum.apply(x))
