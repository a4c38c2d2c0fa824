"""Activations computed again in the backward pass change nothing but memory."""

import pytest
import torch
from torch import Tensor

from sceneswap.models.spade import BlockKind, Normalisation, SpadeSynthesis


class Saved:
    """How many numbers are kept for the backward pass."""

    numbers = 0

    def note(self, tensor: Tensor) -> Tensor:
        self.numbers += tensor.numel()
        return tensor


def ladder(normalisation: Normalisation, *, recompute: bool) -> SpadeSynthesis:
    torch.manual_seed(0)
    synthesis = SpadeSynthesis(
        widths=(4, 6, 8), conditions=(5, 6, 7), hidden=(4, 0, 4), middle_blocks=1, extra_blocks=(0, 1, 0), noise_channels=2,
        kind=BlockKind(normalisation=normalisation),
    )  # fmt: skip
    synthesis.recompute = recompute
    return synthesis


@pytest.mark.parametrize("normalisation", ["instance", "batch", "sync-batch"])
def test_gradients_and_buffers_are_the_same(normalisation: Normalisation) -> None:
    kept: list[int] = []

    def step(synthesis: SpadeSynthesis) -> dict[str, Tensor]:
        for seed in range(2):  # power iterations and running statistics go on from step to step
            torch.manual_seed(seed)
            conditions = [torch.randn(2, c, 32 >> i, 32 >> i, requires_grad=True) for i, c in enumerate((5, 6, 7))]
            saved = Saved()
            with torch.autograd.graph.saved_tensors_hooks(saved.note, lambda t: t):
                image = synthesis(conditions)
            synthesis.zero_grad()
            image.square().mean().backward()
        kept.append(saved.numbers)
        gradients = {f"gradient {name}": p.grad for name, p in synthesis.named_parameters() if p.grad is not None}
        inputs = {f"input {i}": c.grad for i, c in enumerate(conditions) if c.grad is not None}
        return {"image": image.detach(), **gradients, **inputs, **dict(synthesis.named_buffers())}

    plain = step(ladder(normalisation, recompute=False))
    again = step(ladder(normalisation, recompute=True))
    assert set(plain) == set(again)
    assert sum(name.startswith("gradient") for name in plain) > 20
    for name, tensor in plain.items():
        torch.testing.assert_close(again[name], tensor, rtol=0, atol=0, msg=name)
    assert kept[1] < kept[0] / 2
