"""Layers written for speed equal PyTorch's own, forwards and backwards."""

import pytest
import torch
import torch.nn.functional as F

from sceneswap.models.layers import InstanceNorm, ReplicateConv2d, beside, convolution, modulate, with_edge


def picture(*, height: int = 5, width: int = 7) -> torch.Tensor:
    x = torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return x.contiguous(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize("size", [(5, 7), (1, 1), (2, 9)])
def test_replicate_padding_equals_pytorchs(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = ReplicateConv2d(3, 4).double()
    x, y = picture(height=size[0], width=size[1]), picture(height=size[0], width=size[1])
    ours = layer(x)
    theirs = F.conv2d(F.pad(y, (1, 1, 1, 1), mode="replicate"), layer.weight, layer.bias)
    torch.testing.assert_close(ours, theirs)
    wanted = torch.randn_like(ours)
    (a,), (b,) = torch.autograd.grad(ours, x, wanted), torch.autograd.grad(theirs, y, wanted)
    torch.testing.assert_close(a, b)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), theirs)


def test_instance_norm_equals_pytorchs() -> None:
    x, y = picture(), picture()
    ours, theirs = InstanceNorm()(x), F.instance_norm(y)
    torch.testing.assert_close(ours, theirs)
    wanted = torch.randn_like(ours)
    (a,), (b,) = torch.autograd.grad(ours, x, wanted), torch.autograd.grad(theirs, y, wanted)
    torch.testing.assert_close(a, b)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(InstanceNorm(), (picture(height=3, width=3),))
    with torch.no_grad():
        torch.testing.assert_close(InstanceNorm()(x), theirs)


def test_modulation_has_the_gradient_of_its_formula() -> None:
    x, modulation = picture(), torch.randn(2, 6, 5, 7, dtype=torch.float64, requires_grad=True)
    gamma, beta = modulation.chunk(2, dim=1)
    theirs = x * (1 + gamma) + beta
    wanted = torch.randn_like(theirs)
    ours = torch.autograd.grad(modulate(x, modulation), (x, modulation), wanted)
    torch.testing.assert_close(ours, torch.autograd.grad(theirs, (x, modulation), wanted))


def test_padding_keeps_the_precision_that_autocast_would_widen() -> None:
    x = picture().detach().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert F.pad(x, (1, 1, 1, 1), mode="replicate").dtype == torch.float32  # else the detour can go
        assert with_edge(x).dtype == torch.bfloat16


@pytest.mark.parametrize("order", [torch.channels_last, torch.contiguous_format])
def test_beside_joins_channels_in_the_order_of_the_first(order: torch.memory_format) -> None:
    first, second = picture().detach().contiguous(memory_format=order), picture().detach().float()
    joined = beside(first, second)
    torch.testing.assert_close(joined, torch.cat([first, second.double()], dim=1))
    assert joined.is_contiguous(memory_format=order)


def test_sizes_and_kinds() -> None:
    x = torch.zeros(1, 3, 8, 6)
    for padding in ("zeros", "replicate"):
        assert convolution(3, 5, padding)(x).shape == (1, 5, 8, 6)
        assert convolution(3, 5, padding, stride=2)(x).shape == (1, 5, 4, 3)
