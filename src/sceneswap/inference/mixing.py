"""Mixing the looks of several exemplars by their attention, without retraining (supplement §1).

The supplement joins the exemplars under one softmax; both of its forms have a closed form on the values of each, which is
what is computed here (the joint softmax is the test):

- *global*, the α form, one weight per exemplar: the logits α̃_j + log w_j joined along the positions give, per map k,
  V_k = Σ w_j Z_j,k V_j,k / Σ w_j Z_j,k with Z = Σ exp α̃, so that half and half of the weights is not half and half of the
  features. The masking scores are averaged, Σ w_j s_j.
- *spatial*, the β form, one weight per exemplar and location: the masked values Ṽ_j and the logits β̃ + log w_j(h, w) joined
  along the maps give exactly Σ w_j(h, w) F_j→1(h, w).

Weights sum to 1. An exemplar of weight 0 is removed before anything is computed, so 0 and 1 are exact. Weights may be
negative (extrapolation): the shares of the exemplars are bounded (`bounded_shares`), so that the result is finite
whatever the weights and logits. Shares are computed in float32 whatever the precision.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.models import msca
from sceneswap.models.generator import EncodedExemplar
from sceneswap.models.spade_vae import Latent

EXTRAPOLATION_LIMIT = 3.0
"""The most that all negative shares together may weigh, per map (α form) or location (β form)."""


# --- One scale --------------------------------------------------------------------------------------------------------


def mixed_values(values: Sequence[Tensor], mass: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """V (B, N, K) of several exemplars, the α form: values (B, N, K) and log Z (B, K) of each, weights ≠ 0."""
    signed = mass[0].new_tensor(weights)[:, None, None]
    shares = bounded_shares(torch.stack(list(mass)).float() + signed.abs().log(), signed < 0)
    return _weighted_sum(values, shares[:, :, None]).to(values[0].dtype)


def mixed_score(scores: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """s = Σ w_j s_j (B, K), kept in [0, 1] when extrapolating."""
    return _weighted_sum(scores, weights).clamp(0, 1)


def mixed_places(moved: Iterable[Tensor], weights: Tensor) -> Tensor:
    """F_x1 (B, N, H1, W1), the β form: F_j→1 of each exemplar, weights (J, H1, W1)."""
    return _weighted_sum(moved, bounded_shares(weights.float().abs().log(), weights < 0))


def bounded_shares(logs: Tensor, negative: Tensor) -> Tensor:
    """Signed shares (J, …) that sum to 1, from log magnitudes (J, …) and where they are negative.

    With p the sum of the positive and q that of the negative magnitudes they are ±magnitude / (p - q), as long as the
    negative shares together, q / (p - q), stay within `EXTRAPOLATION_LIMIT`; beyond (also where q > p, where the plain
    quotient changes its sign) they stay at that limit. At least one magnitude must be positive at every place.
    """
    none = torch.full_like(logs, -math.inf)
    positive_sum = torch.where(negative, none, logs).logsumexp(dim=0)
    negative_sum = torch.where(negative, logs, none).logsumexp(dim=0)
    ceiling = math.log(EXTRAPOLATION_LIMIT / (1 + EXTRAPOLATION_LIMIT))
    ratio = (negative_sum - positive_sum).clamp(max=ceiling).exp()
    total = ratio / (1 - ratio)
    finite = negative_sum.clamp(min=torch.finfo(logs.dtype).min)
    return torch.where(negative, -total * (logs - finite).exp(), (1 + total) * (logs - positive_sum).exp())


# --- All scales -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mixture:
    """Several exemplars with their weights, as the generator draws after them (`models.generator.Encoded`).

    exemplars: J encoded exemplars, one picture each. weights: J numbers (the α form), or (J, H, W) float32 at the size of
    the label map (the β form); they sum to 1. Made by `mix`.
    """

    exemplars: tuple[EncodedExemplar, ...]
    weights: tuple[float, ...] | Tensor

    def moved(self, scale: int, layer: msca.MSCA | msca.GAP, target: Tensor) -> Tensor:
        """F_x1 (1, N, H1, W1) of one scale; see `models.generator.Encoded`."""
        if isinstance(self.weights, Tensor):
            weights = F.adaptive_avg_pool2d(self.weights, (target.shape[2], target.shape[3]))
            moved = [exemplar.moved(scale, layer, target) for exemplar in self.exemplars]
            return mixed_places(moved, weights).to(moved[0].dtype)
        summary = msca.global_average(target)
        scores = [layer.masking_score(summary, e.summary[scale]) for e in self.exemplars]
        fields = [e.values[scale] for e in self.exemplars], [e.mass[scale] for e in self.exemplars]
        return msca.transfer(layer, target, mixed_values(*fields, self.weights), mixed_score(scores, self.weights))


def mix(
    looks: Sequence[EncodedExemplar | Latent], weights: Sequence[float] | Tensor
) -> EncodedExemplar | Latent | Mixture:
    """Join encoded exemplars under weights that sum to 1: J numbers, or (J, H, W) of the label map's size.

    Exemplars without weight are left out; a single one that is left is returned as it is. Latents of the baseline
    SPADE_VAE are averaged, their shares bounded likewise. Raises `UserError` when the exemplars are of different models,
    or for weights (J, H, W) with the baseline, which has no attention to mix by.
    """
    if len({_shape(look) for look in looks}) > 1:
        raise UserError("the exemplars of a blend were encoded by different models; encode all of them with one")
    by_place = isinstance(weights, Tensor)
    used = [j for j, w in enumerate(weights) if (bool((w != 0).any()) if isinstance(w, Tensor) else w != 0)]
    if len(used) == 1:
        return looks[used[0]]
    latents = [look for j in used if isinstance(look := looks[j], Latent)]
    if latents and by_place:
        raise UserError(
            "this model (SPADE_VAE) has one latent vector per exemplar and no attention, so looks cannot be mixed by place "
            "or class; mix them globally, or use a model with attention"
        )
    if latents:
        signed = latents[0].mean.new_tensor([float(weights[j]) for j in used])
        numbers = bounded_shares(signed.abs().log(), signed < 0) if bool((signed < 0).any()) else signed
        means = _weighted_sum([e.mean for e in latents], numbers)
        return Latent(means, _weighted_sum([e.log_variance for e in latents], numbers))
    chosen = weights[used] if isinstance(weights, Tensor) else tuple(float(weights[j]) for j in used)
    return Mixture(tuple(look for j in used if isinstance(look := looks[j], EncodedExemplar)), chosen)


def _shape(look: EncodedExemplar | Latent) -> tuple[int, ...]:
    """The channels of an encoded exemplar, which a model's configuration fixes."""
    if isinstance(look, Latent):
        return (look.mean.shape[1],)
    return tuple(t.shape[1] for field in (look.values, look.mass, look.summary) for t in field)


def _weighted_sum(tensors: Iterable[Tensor], weights: Iterable[float] | Tensor) -> Tensor:
    return torch.stack([w * t for w, t in zip(weights, tensors, strict=True)]).sum(dim=0)
