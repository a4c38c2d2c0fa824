"""Losses return named, unweighted terms; the weights are applied once, in `weigh`."""

import dataclasses
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneswap.config import LossConfig

Judgement = list[list[Tensor]]
"""A discriminator's answer: per image scale the activations of its layers, the scores last."""

Terms = dict[str, Tensor]


def generator_hinge(fake: Judgement) -> Tensor:
    """Adversarial term of the generator: minus the mean score, averaged over the image scales."""
    return torch.stack([-scale[-1].float().mean() for scale in fake]).mean()


def discriminator_hinge(real: Judgement, fake: Judgement) -> Terms:
    """Hinge terms "real" and "fake" of the discriminator, averaged over the image scales."""
    return {
        "real": torch.stack([F.relu(1 - scale[-1].float()).mean() for scale in real]).mean(),
        "fake": torch.stack([F.relu(1 + scale[-1].float()).mean() for scale in fake]).mean(),
    }


def feature_matching(real: Judgement, fake: Judgement) -> Tensor:
    """L1 between the discriminator's activations (scores left out) of real and drawn images."""
    pairs = [(a, b) for r, f in zip(real, fake, strict=True) for a, b in zip(r[:-1], f[:-1], strict=True)]
    return torch.stack([F.l1_loss(b.float(), a.detach().float()) for a, b in pairs]).mean()


def pixel(drawn: Tensor, target: Tensor) -> Tensor:
    """L1 on RGB, (B, 3, H, W) in [-1, 1]."""
    return F.l1_loss(drawn.float(), target)


def kl_divergence(posterior: tuple[Tensor, Tensor]) -> Tensor:
    """KL of N(μ, σ²) from N(0, 1), summed over the latent, mean over the batch; posterior = (μ, log σ²), (B, Z)."""
    mean, log_variance = posterior
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()


def feature_reconstruction(predictions: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Weighted sum of L1 over the scales (supplement §8): every scale weighs 1 over the mean size of its target."""
    terms = []
    for prediction, target in zip(predictions, targets, strict=True):
        size = target.float().abs().mean().clamp_min(1e-3)
        terms.append(F.l1_loss(prediction.float(), target.float()) / size)
    return torch.stack(terms).sum()


def weigh(terms: Terms, weights: LossConfig) -> Tensor:
    """Sum of terms × weights. A term without a weight, or a weighted term that is missing, raises `KeyError`."""
    wanted = active_terms(weights, kl="kl" in terms)
    if wanted != set(terms):
        raise KeyError(f"loss terms {sorted(terms)} do not match the weights of {sorted(wanted)}")
    return torch.stack([getattr(weights, name) * value for name, value in sorted(terms.items())]).sum()


def active_terms(weights: LossConfig, *, kl: bool) -> set[str]:
    """Names of the generator's terms with a weight above 0; "kl" only where the model has a posterior."""
    names = {f.name for f in dataclasses.fields(weights)} - {"perceptual_taps"}
    return {n for n in names if getattr(weights, n) > 0 and (n != "kl" or kl)}
