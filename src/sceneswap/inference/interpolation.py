"""Mixing the looks of several exemplars by their attention, without retraining (supplement §1).

Two forms, each a pure function on features and logits of one scale, with the closed form it equals:

- *global*, the α form, one weight per exemplar: the logits α̃_j + log w_j of all exemplars are joined along their positions
  under one softmax, and the masking scores are averaged, Σ w_j s_j. Per map k exemplar j then counts
  w_j Z_j,k / Σ w_j Z_j,k with Z = Σ exp α̃: half and half of the weights is not half and half of the features.
- *spatial*, the β form, one weight per exemplar and location: the masked values Ṽ_j and the logits β̃ + log w_j(h, w) are
  joined along the maps under one softmax over all J·K. This is exactly Σ w_j(h, w) F_j→1(h, w).

Weights sum to 1. An exemplar of weight 0 is removed before anything is computed, so 0 and 1 are exact and no logarithm of
0 appears in the α form; in the β form a weight of 0 at a location gives the logit -∞ and the attention 0.

Negative weights (extrapolation) have no logarithm: they go through the closed forms, with the shares of the exemplars
bounded (`bounded_shares`), so that the result is finite whatever the weights and logits. Logarithms and
softmaxes run in float32 whatever the precision.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.models import msca
from sceneswap.models.generator import Exemplar
from sceneswap.models.spade_vae import Latent

EXTRAPOLATION_LIMIT = 3.0
"""The most that all negative shares together may weigh, per map (α form) or location (β form)."""


# --- One scale --------------------------------------------------------------------------------------------------------


def joint_values(features: Sequence[Tensor], logits: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """V (B, N, K) of several exemplars at once, the α form: features (B, N, P_j), logits α̃ (B, K, P_j), weights > 0."""
    joined = torch.cat([a.float() + math.log(w) for a, w in zip(logits, weights, strict=True)], dim=2)
    return msca.spatial_aggregation(torch.cat(list(features), dim=2), msca.spatial_attention(joined))


def extrapolated_values(features: Sequence[Tensor], logits: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The closed form of `joint_values` for weights of any sign, shares bounded: (B, N, K)."""
    mass = torch.stack([a.float().logsumexp(dim=2) for a in logits])  # log Z, (J, B, K)
    signed = mass.new_tensor(weights)[:, None, None]
    shares = bounded_shares(mass + signed.abs().log(), signed < 0)
    values = (msca.spatial_aggregation(f, msca.spatial_attention(a)) for f, a in zip(features, logits, strict=True))
    return _weighted_sum(values, shares[:, :, None])


def joint_score(scores: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """s = Σ w_j s_j (B, K), kept in [0, 1] when extrapolating."""
    return _weighted_sum(scores, weights).clamp(0, 1)


def joint_transfer(values: Sequence[Tensor], logits: Tensor, weights: Tensor) -> Tensor:
    """F_x1 (B, N, P1), the β form: masked values Ṽ_j (B, N, K), logits β̃ (B, K, P1), weights (J, P1) ≥ 0."""
    joined = torch.cat([logits.float() + w for w in weights.float().log()], dim=1)
    return msca.channel_aggregation(torch.cat(list(values), dim=2), msca.channel_attention(joined))


def extrapolated_transfer(values: Sequence[Tensor], logits: Tensor, weights: Tensor) -> Tensor:
    """The closed form of `joint_transfer` for weights of any sign, shares bounded: (B, N, P1)."""
    shares = bounded_shares(weights.float().abs().log(), weights < 0)
    attention = msca.channel_attention(logits)
    return _weighted_sum((msca.channel_aggregation(v, attention) for v in values), shares)


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
    """Several exemplars with their weights, as the generator draws after them (a `models.generator.Look`).

    exemplars: J encoded exemplars of any sizes, one picture each. weights: J numbers (the α form), or (J, H, W) float32 at
    the size of the label map (the β form); they sum to 1. Made by `mix`.
    """

    exemplars: tuple[Exemplar, ...]
    weights: tuple[float, ...] | Tensor

    def transfer(self, attention: Sequence[msca.MSCA | msca.GAP], target: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """F_x1 (1, N, H / 2^i, W / 2^i), finest first; see `models.generator.Look`."""
        return tuple(
            self._transfer(scale, layer, c1) for scale, (layer, c1) in enumerate(zip(attention, target, strict=True))
        )

    def _transfer(self, scale: int, layer: msca.MSCA | msca.GAP, target: Tensor) -> Tensor:
        features = [e.features[scale].flatten(2) for e in self.exemplars]
        logits = [e.logits[scale].flatten(2) for e in self.exemplars]
        summary = msca.global_average(target)
        scores = [layer.masking_score(summary, e.summary[scale]) for e in self.exemplars]
        channel_logits = layer.channel_logits(target).flatten(2)
        if isinstance(self.weights, tuple):
            join_values = extrapolated_values if min(self.weights) < 0 else joint_values
            masked = msca.feature_masking(
                join_values(features, logits, self.weights), joint_score(scores, self.weights)
            )
            moved = msca.channel_aggregation(masked, msca.channel_attention(channel_logits))
        else:
            values = [
                msca.feature_masking(msca.spatial_aggregation(f, msca.spatial_attention(a)), s)
                for f, a, s in zip(features, logits, scores, strict=True)
            ]
            weights = F.adaptive_avg_pool2d(self.weights, target.shape[2:]).flatten(1)  # type: ignore[arg-type]
            join_moved = extrapolated_transfer if bool((weights < 0).any()) else joint_transfer
            moved = join_moved(values, channel_logits, weights)
        return moved.to(features[0].dtype).unflatten(2, target.shape[2:])


def mix(looks: Sequence[Exemplar | Latent], weights: Sequence[float] | Tensor) -> Exemplar | Latent | Mixture:
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
    return Mixture(tuple(look for j in used if isinstance(look := looks[j], Exemplar)), chosen)


def _shape(look: Exemplar | Latent) -> tuple[int, ...]:
    """The channels of an encoded exemplar, which a model's configuration fixes."""
    if isinstance(look, Latent):
        return (look.mean.shape[1],)
    return tuple(t.shape[1] for field in (look.features, look.logits, look.summary) for t in field)


def _weighted_sum(tensors: Iterable[Tensor], weights: Iterable[float] | Tensor) -> Tensor:
    return torch.stack([w * t for w, t in zip(weights, tensors, strict=True)]).sum(dim=0)
