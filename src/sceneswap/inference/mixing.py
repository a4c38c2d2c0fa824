"""Mixing the looks of several exemplars by what MSCA gathered from them, without retraining (supplement §1).

Two forms, each written as the closed form that its joint softmax equals:

- *global*, the α form, one weight per exemplar. The supplement joins the logits α̃_j + log w_j of all exemplars along their
  positions under one softmax, and averages the masking scores. That is, per map k,

      V = Σ w_j Z_j V_j / Σ w_j Z_j,   s = Σ w_j s_j,   with Z_j = Σ exp α̃_j:

  half and half of the weights is not half and half of the features.
- *spatial*, the β form, one weight per exemplar and location. The supplement joins the masked values Ṽ_j and the logits
  β̃ + log w_j(h, w) along the maps under one softmax over all J·K. That is F_x1 = Σ w_j(h, w) F_j→1(h, w).

Weights sum to 1. An exemplar of weight 0 is removed before anything is computed, so 0 and 1 are exact.

Negative weights (extrapolation) go the same way, with the shares of the exemplars bounded (`bounded_shares`), so that the
result is finite whatever the weights and logits. Shares are float32 whatever the precision.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.models import msca
from sceneswap.models.generator import Exemplar, Generator, join
from sceneswap.models.spade_vae import Latent, SpadeVAE

EXTRAPOLATION_LIMIT = 3.0
"""The most that all negative shares together may weigh, per map (α form) or location (β form)."""


def draw_mixed(
    network: Generator | SpadeVAE, label_map: Tensor, exemplars: Exemplar | Latent, weights: Tensor
) -> Tensor:
    """Draw a label map (1, H, W) in the mixed look of a batch of J exemplars: image (1, 3, H, W) in [-1, 1].

    weights: (J,), the α form, or (J, H, W), the β form; they sum to 1. Latents of the baseline SPADE_VAE are averaged.
    Raises `UserError` for weights (J, H, W) with the baseline, which has no attention to mix by.
    """
    exemplars, weights = used(exemplars, weights)
    if len(weights) == 1:
        return network.draw(label_map, exemplars)  # type: ignore[arg-type]
    if isinstance(exemplars, Latent) or not isinstance(network, Generator):
        assert isinstance(network, SpadeVAE)
        assert isinstance(exemplars, Latent)
        return network.draw(label_map, mixed_latent(exemplars, weights))
    targets = network.target_encoder(label_map)
    per_scale = zip(network.layers, targets, exemplars.scales, strict=True)
    return network.synthesis(join([mixed_transfer(layer, c1, g, weights) for layer, c1, g in per_scale], targets))


def used(exemplars: Exemplar | Latent, weights: Tensor) -> tuple[Exemplar | Latent, Tensor]:
    """The exemplars that weigh anything, and their weights, see `draw_mixed`."""
    some = weights.flatten(1).ne(0).any(dim=1).nonzero()[:, 0] if weights.ndim > 1 else weights.nonzero()[:, 0]
    if len(some) == len(weights):
        return exemplars, weights  # of large pictures weights are large: no copy
    return exemplars.select(some.to(next(iter(exemplars.tensors().values())).device)), weights[some]


def mixed_transfer(
    layer: msca.SpatialChannelAttention,
    labels: Tensor,
    exemplars: msca.Gathered,
    weights: Tensor,
    summary: Tensor | None = None,
) -> Tensor:
    """F_x1 (1, N, H1, W1) of J exemplars at one scale; labels: F_c1 (1, M1, H1, W1), weights: (J,) or (J, H, W).

    summary: GAP F_c1 (1, M1) of the whole target, where labels and weights are a part of it.
    """
    summary = (msca.global_average(labels) if summary is None else summary).expand(len(weights), -1)
    scores = layer.masking_score(summary, exemplars.summary)  # (J, K)
    beta = msca.channel_attention(layer.channel_logits(labels).flatten(2))  # (1, K, P1)
    if weights.ndim == 1:
        masked = msca.feature_masking(mixed_values(exemplars, weights), mixed_score(scores, weights))
        moved = msca.channel_aggregation(masked, beta)
    else:
        pooled = F.adaptive_avg_pool2d(weights, labels.shape[2:]).flatten(1)  # type: ignore[arg-type]
        moved = mixed_aggregation(msca.feature_masking(exemplars.values, scores), beta, pooled)
    return moved.unflatten(2, labels.shape[2:])


def mixed_values(exemplars: msca.Gathered, weights: Tensor) -> Tensor:
    """V = Σ w_j Z_j V_j / Σ w_j Z_j (1, N, K) of J exemplars; weights: (J,) of any sign."""
    shares = bounded_shares(exemplars.mass + weights.abs().log()[:, None], (weights < 0)[:, None])
    return (shares[:, None] * exemplars.values).sum(dim=0, keepdim=True)


def mixed_score(scores: Tensor, weights: Tensor) -> Tensor:
    """s = Σ w_j s_j (1, K) of scores (J, K), kept in [0, 1] when extrapolating."""
    return (weights[:, None] * scores).sum(dim=0, keepdim=True).clamp(0, 1)


def mixed_aggregation(values: Tensor, attention: Tensor, weights: Tensor) -> Tensor:
    """F_x1 = Σ w_j(h, w) F_j (1, N, P1): masked values Ṽ_j (J, N, K), β (1, K, P1), weights (J, P1) of any sign."""
    shares = bounded_shares(weights.float().abs().log(), weights < 0)
    joint = (shares[:, None] * attention).flatten(0, 1)[None]  # (1, J·K, P1)
    return msca.channel_aggregation(values.transpose(0, 1).flatten(1)[None], joint)


def mixed_latent(latents: Latent, weights: Tensor) -> Latent:
    """The weighted mean (1, Z) of J latents (J, Z), shares bounded; weights: (J,). Raises `UserError` for (J, H, W)."""
    if weights.ndim > 1:
        raise UserError(
            "this model (SPADE_VAE) has one latent vector per exemplar and no attention, so looks cannot be mixed by place "
            "or class; mix them globally, or use a model with attention"
        )
    shares = bounded_shares(weights.abs().log(), weights < 0)[:, None]
    return Latent.of({name: (shares * t).sum(dim=0, keepdim=True) for name, t in latents.tensors().items()})


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
