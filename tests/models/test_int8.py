"""Weights in 8 bits: what becomes int8, how near they stay, what is noticed."""

import pytest
import torch

from sceneswap.models.int8 import packed, plain, rounded, unpacked


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "block.weight": torch.randn(32, 16, 3, 3) * torch.logspace(-3, 2, 32).view(-1, 1, 1, 1),
        "block.bias": torch.randn(32),
        "linear.weight": torch.randn(64, 32),
        "small.weight": torch.randn(4, 4, 3, 3),
        "embedding.weight": torch.randn(200, 16),
        "count": torch.tensor(3),
    }


def test_layers_become_int8_and_the_rest_fp16() -> None:
    found = packed(state())
    assert {name for name, value in found.items() if value.dtype == torch.int8} == {"block.weight", "linear.weight"}
    assert {name for name, value in found.items() if value.dtype == torch.float32} == {"block.scale", "linear.scale"}
    assert found["count"].dtype == torch.int64
    back = unpacked(found)
    assert back.keys() == state().keys()
    for name, value in state().items():
        if name in ("block.weight", "linear.weight"):  # within half a step of its output's own scale
            step = value.abs().flatten(1).amax(1) / 127
            assert ((back[name] - value).abs().flatten(1).amax(1) <= 0.501 * step).all()
        else:
            assert torch.equal(back[name], found[name])


def test_an_output_of_zeros_stays_so_and_a_plain_file_passes_through() -> None:
    whole, scale = rounded(torch.zeros(2, 3, 3, 3))
    assert (whole.dtype, scale.shape) == (torch.int8, (2, 1, 1, 1))
    assert not plain({"a.weight": whole, "a.scale": scale}, "a.weight").any()
    assert all(torch.equal(value, state()[name]) for name, value in unpacked(state()).items())


def test_a_missing_scale_is_named() -> None:
    found = packed(state())
    del found["block.scale"]
    with pytest.raises(KeyError, match=r"block\.scale"):
        unpacked(found)
