"""Losses on values worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneswap import losses, together
from sceneswap.config import LossConfig


def judgement(*scores: list[float], features: float = 0.0) -> list[list[Tensor]]:
    """One activation of a constant and the scores, per image scale."""
    return [[torch.full((1, 2, 2, 2), features), torch.tensor(s).view(1, 1, 1, -1)] for s in scores]


def test_generator_hinge_averages_scales_not_scores() -> None:
    assert float(losses.generator_hinge(judgement([1.0, 3.0], [-4.0]))) == pytest.approx((-2 + 4) / 2)


def test_discriminator_hinge() -> None:
    terms = losses.discriminator_hinge(judgement([2.0, 0.0], [-1.0]), judgement([-2.0, 0.5], [0.0]))
    assert float(terms["real"]) == pytest.approx(((0 + 1) / 2 + 2) / 2)
    assert float(terms["fake"]) == pytest.approx(((0 + 1.5) / 2 + 1) / 2)
    assert set(terms) == {"real", "fake"}


def test_feature_matching_leaves_the_scores_out() -> None:
    real = judgement([5.0], [9.0], features=1.0)
    fake = judgement([-5.0], [-9.0], features=3.5)
    assert float(losses.feature_matching(real, fake)) == pytest.approx(2.5)


def test_feature_matching_as_spade_sums_over_the_layers_not_the_scales() -> None:
    def answer(*levels: float) -> list[list[Tensor]]:
        return [[*(torch.full((1, 2, 2, 2), level) for level in levels), torch.zeros(1, 1, 1, 1)]] * 2

    real, fake = answer(1.0, 2.0, 3.0), answer(2.0, 0.0, 7.0)
    assert float(losses.feature_matching(real, fake, summed=True)) == pytest.approx(1 + 2 + 4)
    assert float(losses.feature_matching(real, fake)) == pytest.approx((1 + 2 + 4) / 3)


def test_feature_matching_moves_the_drawn_side_only() -> None:
    real, fake = torch.ones(1, 2, 2, 2, requires_grad=True), torch.zeros(1, 2, 2, 2, requires_grad=True)
    losses.feature_matching([[real, real]], [[fake, fake]]).backward()
    assert real.grad is None
    assert fake.grad is not None


def test_gram_is_the_mean_outer_product_over_positions() -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.einsum("bchw,bdhw->bcd", features, features) / 20
    torch.testing.assert_close(losses.gram(features), expected.float())


def _style(drawn: torch.Tensor, wanted: torch.Tensor) -> float:
    return float(losses.style([losses.gram(drawn)], [losses.gram(wanted)]))


def test_style_is_relative_and_bounded() -> None:
    features = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    shuffled = features.flatten(2)[:, :, torch.randperm(64)].view_as(features)
    assert _style(features, shuffled) == pytest.approx(0, abs=1e-6)  # places do not matter
    assert _style(features, 0 * features) == pytest.approx(1)
    louder = _style(2**0.5 * features, features)  # twice the Gram matrix: 1 / (1 + 4)
    assert louder == pytest.approx(0.2)
    assert _style(2**0.5 * 0.01 * features, 0.01 * features) == pytest.approx(louder)
    assert _style(0 * features, 0 * features) == 0


def _energy(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return losses.energy([losses.gram(drawn)], [losses.gram(wanted)])


def test_energy_is_the_log_ratio_of_what_channels_hold() -> None:
    features = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) + 2
    shuffled = features.flatten(2)[:, :, torch.randperm(64)].view_as(features)
    assert float(_energy(features, shuffled)) == pytest.approx(0, abs=1e-6)
    assert float(_energy(2 * features, features)) == pytest.approx(math.log(4), rel=0.02)
    silent = torch.cat([features, torch.zeros(2, 1, 8, 8)], dim=1)
    assert float(_energy(silent, silent)) == 0
    drawn = (0 * features).requires_grad_()
    _energy(drawn, features).backward()
    assert drawn.grad is not None
    assert drawn.grad.isfinite().all()


def test_perceptual_weighs_its_layers_and_leaves_out_entries_without_a_true_picture() -> None:
    drawn, wanted = [torch.zeros(2, 1, 2, 2)] * 2, [torch.full((2, 1, 2, 2), v) for v in (1.0, 10.0)]
    wanted = [torch.cat([w[:1], 7 * w[1:]]) for w in wanted]
    assert float(losses.perceptual(drawn, wanted, (0.5, 2.0), known=1)) == pytest.approx(20.5)


def test_gradients_of_gram_and_perceptual_are_those_of_their_formulas() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn, wanted = (torch.randn(3, 2, 4, 5, dtype=torch.float64, generator=generator) for _ in range(2))
    drawn.requires_grad_()
    weight = torch.randn(3, 2, 2, generator=generator)
    rows = drawn.flatten(2)
    (plain,) = torch.autograd.grad((weight * (rows @ rows.transpose(1, 2) / 20)).sum(), drawn)
    (ours,) = torch.autograd.grad((weight * losses.gram(drawn)).sum(), drawn)
    torch.testing.assert_close(ours, plain)
    (plain,) = torch.autograd.grad(0.3 * (drawn[:2] - wanted[:2]).abs().mean(), drawn)
    (ours,) = torch.autograd.grad(losses.perceptual([drawn], [wanted], (0.3,), known=2), drawn)
    torch.testing.assert_close(ours, plain)


def test_label_cross_entropy_reads_every_fourth_pixel_and_leaves_void_out() -> None:
    label_map = torch.tensor([[0, 1], [2, 3]]).repeat_interleave(4, 0).repeat_interleave(4, 1)[None]
    logits = torch.zeros(1, 3, 2, 2)
    for index, (row, column) in enumerate([(0, 0), (0, 1), (1, 0)]):
        logits[0, index, row, column] = 50.0
    logits[0, 0, 1, 1] = 50.0  # said of the void quarter: must not count
    assert float(losses.label_cross_entropy(logits, label_map)) == pytest.approx(0, abs=1e-6)
    assert float(losses.label_cross_entropy(torch.zeros(1, 3, 2, 2), label_map)) == pytest.approx(np.log(3))
    assert (
        float(losses.label_cross_entropy(logits, torch.full((1, 8, 8), 3))) == 0
    )  # nothing but void: no division by 0


def test_pixel_is_mean_absolute_difference() -> None:
    assert float(losses.pixel(torch.full((1, 3, 2, 2), -0.5), torch.full((1, 3, 2, 2), 0.25))) == pytest.approx(0.75)


def test_kl_divergence() -> None:
    zero = torch.zeros(2, 3)
    assert float(losses.kl_divergence((zero, zero))) == 0
    mean = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    assert float(losses.kl_divergence((mean, zero))) == pytest.approx(0.5 * 5 / 2)
    assert float(losses.kl_divergence((mean, zero), summed=True)) == pytest.approx(0.5 * 5)  # as SPADE
    log_variance = torch.log(torch.full((2, 3), 4.0))
    expected = 3 * 0.5 * (4 - 1 - torch.log(torch.tensor(4.0)))
    assert float(losses.kl_divergence((zero, log_variance))) == pytest.approx(float(expected))


def test_kl_divergence_agrees_with_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(4, 8, generator=generator), torch.randn(4, 8, generator=generator)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    prior = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
    expected = torch.distributions.kl_divergence(posterior, prior).sum(dim=1).mean()
    torch.testing.assert_close(losses.kl_divergence((mean, log_variance)), expected)


def test_feature_reconstruction_weighs_scales_by_the_size_of_their_target() -> None:
    predictions = [torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)]
    targets = [torch.full((1, 1, 2, 2), 100.0), torch.full((1, 1, 1, 1), -0.01)]
    assert float(losses.feature_reconstruction(predictions, targets)) == pytest.approx(2)
    assert float(losses.feature_reconstruction(predictions, targets, (0.5, 2.0))) == pytest.approx(50 + 0.02)
    nothing = [torch.zeros(1, 1, 2, 2)]
    assert float(losses.feature_reconstruction(nothing, nothing)) == 0  # no division by zero


WEIGHTS = LossConfig(adversarial=1, feature_matching=10, perceptual=0, lpips=0, pixel=2, kl=0.5)


def terms(**values: float) -> dict[str, Tensor]:
    return {name: torch.tensor(value) for name, value in values.items()}


def test_weights_are_applied_once() -> None:
    given = terms(adversarial=-3.0, feature_matching=0.5, pixel=7.0)
    assert float(losses.weigh(given, WEIGHTS)) == pytest.approx(-3 + 5 + 14)
    assert float(losses.weigh(given | terms(kl=4.0), WEIGHTS)) == pytest.approx(-3 + 5 + 14 + 2)


@pytest.mark.parametrize(
    "given",
    [
        terms(adversarial=1.0, pixel=1.0),  # missing
        terms(adversarial=1.0, feature_matching=1.0, pixel=1.0, lpips=1.0),  # of weight 0
        terms(adversarial=1.0, feature_matching=1.0, pixel=1.0, depth=1.0),  # unknown
    ],
)
def test_missing_and_extra_terms_are_errors(given: dict[str, Tensor]) -> None:
    with pytest.raises(KeyError, match="do not match the weights"):
        losses.weigh(given, WEIGHTS)


def test_active_terms_leave_out_weight_zero() -> None:
    assert losses.active_terms(WEIGHTS, kl=False) == {"adversarial", "feature_matching", "pixel"}
    assert losses.active_terms(WEIGHTS, kl=True) == {"adversarial", "feature_matching", "pixel", "kl"}
    assert losses.active_terms(replace(WEIGHTS, kl=0), kl=True) == {"adversarial", "feature_matching", "pixel"}


def test_means_are_over_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another process held the second half: what is divided by depends on both."""
    torch.manual_seed(0)
    logits, label_map = torch.randn(4, 5, 8, 8), torch.randint(0, 6, (4, 16, 16))
    label_map[2:, :9] = 5  # void
    features, targets = (
        torch.randn(4, 3, 8, 8),
        torch.randn(4, 3, 8, 8) * torch.tensor([1.0, 1, 3, 3])[:, None, None, None],
    )
    posterior = torch.randn(4, 6), torch.randn(4, 6)

    def measured(which: slice) -> list[Tensor]:
        return [
            losses.label_cross_entropy(logits[which], label_map[which]),
            losses.feature_reconstruction([features[which]], [targets[which]]),
            losses.kl_divergence((posterior[0][which], posterior[1][which]), summed=True),
        ]

    whole = measured(slice(None))
    labelled = (label_map[:, 1::2, 1::2] != 5).sum()
    monkeypatch.setattr(together, "processes", lambda: 2)
    monkeypatch.setattr(
        together, "summed", lambda x: labelled if not x.is_floating_point() else 2 * targets.abs().mean()
    )
    halves = [measured(slice(2)), measured(slice(2, None))]
    for expected, one, other in zip(whole, *halves, strict=True):
        torch.testing.assert_close((one + other) / 2, expected)
