"""The synthesis ladder and its blocks."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sceneswap.models.layers import InstanceNorm, modulate
from sceneswap.models.spade import (
    BlockKind,
    Noise,
    Normalisation,
    SpadeBlock,
    SpadeSynthesis,
    fold_spectral_norm,
    settle_spectral_norm,
)


def test_modulation_equals_the_slow_reference() -> None:
    torch.manual_seed(0)
    x, gamma, beta = (torch.randn(2, 3, 4, 5, dtype=torch.float64) for _ in range(3))
    expected = torch.empty_like(x)
    for b in range(2):
        for c in range(3):
            plane = x[b, c]
            normal = (plane - plane.mean()) / (plane.var(correction=0) + 1e-5).sqrt()
            for h in range(4):
                for w in range(5):
                    expected[b, c, h, w] = normal[h, w] * (1 + gamma[b, c, h, w]) + beta[b, c, h, w]
    torch.testing.assert_close(modulate(F.instance_norm(x), torch.cat([gamma, beta], dim=1)), expected)


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("outputs", [4, 3])
def test_block_is_the_written_out_formula(hidden: int, outputs: int) -> None:
    torch.manual_seed(0)
    block = SpadeBlock(inputs=4, outputs=outputs, condition=5, hidden=hidden).eval()
    x, condition = torch.randn(2, 4, 8, 8), torch.randn(2, 5, 8, 8)
    h = F.leaky_relu(block.shared(condition), 0.2) if block.shared is not None else condition
    g0, b0 = block.modulation_0(h).chunk(2, dim=1)
    first = F.instance_norm(x) * (1 + g0) + b0
    inner = block.convolution_0(F.leaky_relu(first, 0.2))
    g1, b1 = block.modulation_1(h).chunk(2, dim=1)
    inner = block.convolution_1(F.leaky_relu(F.instance_norm(inner) * (1 + g1) + b1, 0.2))
    assert (block.shortcut is None) == (outputs == 4)
    expected = inner + (x if block.shortcut is None else block.shortcut(first))
    torch.testing.assert_close(block(x, condition), expected)


@pytest.mark.parametrize("normalisation", ["instance", "batch", "sync-batch"])
def test_only_batch_norm_lets_a_constant_through(normalisation: Normalisation) -> None:
    """What is the same at every place of a picture, like a latent vector, survives only batch statistics."""
    torch.manual_seed(0)
    block = SpadeBlock(inputs=4, outputs=3, condition=5, hidden=6, kind=BlockKind(normalisation=normalisation)).eval()
    x, condition = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 8, 8)
    shifted = block(x + torch.randn(1, 4, 1, 1), condition)
    change = (shifted - block(x, condition)).abs().max()
    assert (change < 1e-5) if normalisation == "instance" else (change > 0.1)


def test_replicate_padding_leaves_no_rim_on_a_flat_picture() -> None:
    torch.manual_seed(0)
    kinds = {padding: BlockKind(padding=padding) for padding in ("zeros", "replicate")}
    spread = {}
    for padding, kind in kinds.items():
        ladder = SpadeSynthesis(widths=(4, 6), conditions=(3, 4), hidden=(4, 4), middle_blocks=0, kind=kind).eval()
        flat = [torch.ones(1, 3, 16, 16), torch.ones(1, 4, 8, 8)]
        spread[padding] = float(ladder(flat).std(dim=(2, 3)).max().detach())
    assert spread["replicate"] < 1e-4 < 1e-2 < spread["zeros"]


def test_noise_is_fresh_in_training_and_fixed_otherwise() -> None:
    noise, like = Noise(2), torch.zeros(3, 5, 300, 260)
    first, second = noise(like), noise(like)
    assert first.shape == (3, 2, 300, 260)
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    noise.eval()
    fixed = noise(like)
    assert torch.equal(fixed, noise(like))
    assert torch.equal(fixed[0], fixed[2])  # a picture does not depend on its place in a batch
    assert torch.equal(fixed[:1, :, :40, :30], noise(like[:1, :, :40, :30]))
    assert abs(float(fixed.mean())) < 0.05
    assert float(fixed.std()) == pytest.approx(1, abs=0.05)
    assert noise.state_dict() == {}


def test_noise_reaches_the_picture() -> None:
    torch.manual_seed(0)
    ladder = SpadeSynthesis(widths=(4, 6), conditions=(3, 4), hidden=(4, 4), middle_blocks=0, noise_channels=2)
    flat = [torch.ones(1, 3, 16, 16), torch.ones(1, 4, 8, 8)]
    assert not torch.equal(ladder(flat), ladder(flat))
    ladder.eval()
    assert torch.equal(ladder(flat), ladder(flat))


@pytest.fixture
def ladder() -> SpadeSynthesis:
    torch.manual_seed(0)
    return SpadeSynthesis(widths=(4, 6, 8), conditions=(3, 4, 5), hidden=(4, 0, 4), middle_blocks=1)


def conditions() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, c, 16 // 2**i, 24 // 2**i, generator=generator) for i, c in enumerate((3, 4, 5))]


def test_ladder_ends_in_an_image(ladder: SpadeSynthesis) -> None:
    image = ladder(conditions())
    assert image.shape == (2, 3, 16, 24)
    assert image.abs().max() < 1


@pytest.mark.parametrize("scale", [0, 1, 2])
@torch.no_grad()
def test_every_scale_of_the_condition_reaches_the_image(ladder: SpadeSynthesis, scale: int) -> None:
    ladder.eval()
    changed = conditions()
    changed[scale] = changed[scale].flip(3)
    assert (ladder(changed) - ladder(conditions())).abs().max() > 1e-3


@torch.no_grad()
def test_a_latent_start_reaches_the_image(ladder: SpadeSynthesis) -> None:
    ladder.eval()
    start = torch.randn(2, 8, 4, 6, generator=torch.Generator().manual_seed(2))
    assert (ladder(conditions(), start) - ladder(conditions())).abs().max() > 1e-3


def largest_singular_value(weight: Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight.detach().flatten(1), ord=2))


def test_spectral_norm_bounds_every_convolution_of_activations(ladder: SpadeSynthesis) -> None:
    normed = [m for m in ladder.modules() if parametrize.is_parametrized(m, "weight")]
    assert len(normed) == 2 * 4 + 2  # two per block, and two shortcuts
    for layer in normed:
        with torch.no_grad():
            layer.parametrizations.weight.original.mul_(50)  # type: ignore[operator, union-attr]
    settle_spectral_norm(ladder)
    for layer in normed:
        assert largest_singular_value(layer.weight) == pytest.approx(1, abs=0.02)  # type: ignore[arg-type]


def test_settling_leaves_the_mode_alone(ladder: SpadeSynthesis) -> None:
    ladder.eval()
    settle_spectral_norm(ladder)
    assert not any(m.training for m in ladder.modules())


def test_folding_leaves_plain_convolutions(ladder: SpadeSynthesis) -> None:
    ladder.eval()
    before = ladder(conditions())
    assert fold_spectral_norm(ladder) is ladder
    assert {type(m) for m in ladder.modules()} == {
        SpadeSynthesis, SpadeBlock, nn.ModuleList, nn.Conv2d, nn.LeakyReLU, InstanceNorm
    }  # fmt: skip
    torch.testing.assert_close(ladder(conditions()), before)
