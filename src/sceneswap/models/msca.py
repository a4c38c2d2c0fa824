"""Masked spatial-channel attention (MSCA): the paper's transfer of an exemplar's features to another layout.

The maths is a row of pure functions with typed shapes; the weights live in `MSCA`. Attention can therefore be
analysed, joined and interpolated without hooks. Cost O(N·K·P) where dense correspondence pays O(N·P²).

What an exemplar gives (`gather`) does not depend on the target, and its K values do not depend on its size: whoever draws
holds `Gathered`, a few thousand numbers, and never the exemplar's features. Positions are flattened, P = H·W.
"""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def spatial_attention(logits: Tensor) -> Tensor:
    """α: softmax of the spatial logits α̃ (B, K, P2) over the exemplar's positions, per map, in float32."""
    return logits.float().softmax(dim=2)


def spatial_aggregation(features: Tensor, attention: Tensor) -> Tensor:
    """V = F_x2 αᵀ: exemplar features (B, N, P2) gathered by attention (B, K, P2) into K values (B, N, K)."""
    return torch.einsum("bnp,bkp->bnk", features, attention.to(features.dtype))


def feature_masking(values: Tensor, score: Tensor) -> Tensor:
    """Ṽ_k = s_k V_k: values (B, N, K), masking score (B, K) in (0, 1)."""
    return values * score.to(values.dtype)[:, None, :]


def channel_attention(logits: Tensor) -> Tensor:
    """β: softmax of the channel logits β̃ (B, K, P1) over the K maps, per target position, in float32."""
    return logits.float().softmax(dim=1)


def channel_aggregation(values: Tensor, attention: Tensor) -> Tensor:
    """F_x1 = Ṽ β: K values (B, N, K) spread by attention (B, K, P1) over the target's positions (B, N, P1)."""
    moved = torch.einsum("bkp,bnk->bpn", attention.to(values.dtype), values)
    return moved.transpose(1, 2)  # channels last in memory, as the convolutions after it want it


def global_average(features: Tensor) -> Tensor:
    """GAP: (B, C, H, W) → (B, C), in float32."""
    return F.adaptive_avg_pool2d(features.float(), 1).flatten(1)


def effective_affinity(channel: Tensor, score: Tensor, spatial: Tensor) -> Tensor:
    """A = βᵀ diag(s) α (B, P1, P2), rank ≤ K, so that F_x1 = F_x2 Aᵀ. Dense: for small sizes and tests only."""
    return torch.einsum("bkp,bk,bkq->bpq", channel, score, spatial)


class _ScaledLogits(torch.autograd.Function):
    """See `_scaled_logits`: logits · inverse size of the features, with a gradient of few passes over the positions."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, logits: Tensor) -> Tensor:
        inverse = _inverse_size(features)
        ctx.save_for_backward(features, logits, inverse)
        return logits * inverse

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        features, logits, inverse = ctx.saved_tensors
        factor = (gradient * logits).sum(dim=1, keepdim=True) * inverse**3 / -features.shape[1]
        return features * factor.to(features.dtype), (gradient * inverse).to(logits.dtype)


def _inverse_size(features: Tensor) -> Tensor:
    """1 / root mean square over the channels of every position: (B, C, H, W) → (B, 1, H, W), float32."""
    size = torch.linalg.vector_norm(
        features, dim=1, keepdim=True, dtype=torch.promote_types(features.dtype, torch.float)
    )
    return torch.rsqrt(size.square() / features.shape[1] + 1e-6)


def _scaled_logits(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """1×1 convolution of features scaled to root mean square 1 at every position, without making the scaled copy."""
    logits = F.conv2d(features, weight)
    learning = torch.is_grad_enabled() and logits.requires_grad
    logits = cast(Tensor, _ScaledLogits.apply(features, logits)) if learning else logits * _inverse_size(features)
    return logits if bias is None else logits + bias.view(1, -1, 1, 1)


class Gathered(NamedTuple):
    """What MSCA gathers from an exemplar at one scale; all that drawing needs of it.

    values: V (B, N, K). mass: log Z (B, K) float32 with Z_k = Σ exp α̃_k over the positions, by which exemplars are
    weighed when they are mixed. summary: GAP F_c2 (B, M2) float32.
    """

    values: Tensor
    mass: Tensor
    summary: Tensor


class SpatialChannelAttention(nn.Module, ABC):
    """One scale of the method: `gather` from the exemplar, then `forward` to any number of targets."""

    @abstractmethod
    def spatial_logits(self, features: Tensor, labels: Tensor) -> Tensor:
        """α̃ (B, K, H2, W2) float32 from F_x2 (B, N, H2, W2) and F_c2 (B, M2, H2, W2); of the exemplar only."""

    @abstractmethod
    def channel_logits(self, labels: Tensor) -> Tensor:
        """β̃ (B, K, H1, W1) float32 from F_c1 (B, M1, H1, W1); of the target only (supplement §1, footnote 1)."""

    @abstractmethod
    def masking_score(self, target_summary: Tensor, exemplar_summary: Tensor) -> Tensor:
        """s (B, K) in [0, 1] from GAP F_c1 (B, M1) and GAP F_c2 (B, M2)."""

    def gather(self, features: Tensor, labels: Tensor) -> Gathered:
        """Take from an exemplar, F_x2 (B, N, H2, W2) and F_c2 (B, M2, H2, W2), what drawing needs."""
        logits = self.spatial_logits(features, labels).flatten(2)
        values = spatial_aggregation(features.flatten(2), spatial_attention(logits))
        mass = logits.detach().float().logsumexp(dim=2)  # for mixing alone, which is never trained
        return Gathered(values, mass, global_average(labels))

    def forward(self, labels: Tensor, exemplar: Gathered, summary: Tensor | None = None) -> Tensor:
        """F_x1 (B, N, H1, W1): the exemplar's values where the target's labels F_c1 (B, M1, H1, W1) want them.

        summary: GAP F_c1 (B, M1) of the whole target, where `labels` is a part of it.
        """
        score = self.masking_score(global_average(labels) if summary is None else summary, exemplar.summary)
        masked = feature_masking(exemplar.values, score)
        beta = channel_attention(self.channel_logits(labels).flatten(2))
        return channel_aggregation(masked, beta).unflatten(2, labels.shape[2:])


class MSCA(SpatialChannelAttention):
    """The weights of MSCA at one scale: ψ (spatial logits), φ (channel logits), the masking MLP.

    unit: both 1×1 convolutions read features of unit root mean square and are followed by a learned scale, because
    attention that starts uniform (F_x1 ≈ global average) has gradients too small to leave that state. Otherwise they are
    the plain ψ * [F_x2, F_c2] and φ * F_c1, and start as PyTorch's convolutions do. aligned: ψ's label part starts equal to
    φ (where M1 = M2), so that map k looks at the same labels in both scenes from the first step, and the mask nearly open.

    features: N. target_labels, exemplar_labels: M1, M2. maps: K. logit_scale: initial standard deviation of the logits, if
    `unit`.
    """

    def __init__(
        self,
        *,
        features: int,
        target_labels: int,
        exemplar_labels: int,
        maps: int,
        logit_scale: float,
        unit: bool = True,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        self.unit = unit
        self.psi = nn.Conv2d(features + exemplar_labels, maps, 1)
        self.phi = nn.Conv2d(target_labels, maps, 1)
        if unit:
            self.psi_scale = nn.Parameter(torch.ones(()))
            self.phi_scale = nn.Parameter(torch.ones(()))
        self.mask = nn.Sequential(
            nn.Linear(target_labels + exemplar_labels, 2 * maps), nn.LeakyReLU(0.2), nn.Linear(2 * maps, maps)
        )
        with torch.no_grad():
            if unit:
                nn.init.normal_(self.phi.weight, std=logit_scale * target_labels**-0.5)
                nn.init.normal_(self.psi.weight, std=logit_scale * exemplar_labels**-0.5)
                self.psi.weight[:, :features] *= 0.3
            if aligned:
                self.mask.get_parameter("2.bias").fill_(2.0)  # start nearly open: σ(2) = 0.88
            if aligned and target_labels == exemplar_labels:
                self.psi.weight[:, features:] = self.phi.weight

    def spatial_logits(self, features: Tensor, labels: Tensor) -> Tensor:
        """α̃ = ψ * [F_x2, F_c2]: (B, N, H2, W2), (B, M2, H2, W2) → (B, K, H2, W2) float32; exemplar only."""
        if not self.unit:
            return self.psi(torch.cat([features, labels.to(features.dtype)], dim=1)).float()
        by_features, by_labels = self.psi.weight.split([features.shape[1], labels.shape[1]], dim=1)
        parts = by_features, by_labels, cast(Tensor, self.psi.bias)
        by_features, by_labels, bias = (self.psi_scale * part for part in parts)  # fewer than the logits
        return _scaled_logits(features, by_features) + _scaled_logits(labels, by_labels, bias)

    def channel_logits(self, labels: Tensor) -> Tensor:
        """β̃ = φ * F_c1: (B, M1, H1, W1) → (B, K, H1, W1) float32; target only (supplement §1, footnote 1)."""
        if not self.unit:
            return self.phi(labels).float()
        return _scaled_logits(labels, self.phi_scale * self.phi.weight, self.phi_scale * cast(Tensor, self.phi.bias))

    def masking_score(self, target_summary: Tensor, exemplar_summary: Tensor) -> Tensor:
        """s = σ(MLP₂[GAP F_c1, GAP F_c2]): (B, M1), (B, M2) → (B, K) in (0, 1)."""
        with torch.autocast(target_summary.device.type, enabled=False):
            return self.mask(torch.cat([target_summary.float(), exemplar_summary.float()], dim=1)).sigmoid()


class GAP(SpatialChannelAttention):
    """The ablation ours_GAP: global average pooling in place of MSCA, that is K = 1 with constant α and no mask."""

    def spatial_logits(self, features: Tensor, labels: Tensor) -> Tensor:
        """Zeros (B, 1, H2, W2): every exemplar position counts alike."""
        return labels.new_zeros((features.shape[0], 1, *features.shape[2:]), dtype=torch.float32)

    def channel_logits(self, labels: Tensor) -> Tensor:
        """Zeros (B, 1, H1, W1): every target position takes the one value."""
        return labels.new_zeros((labels.shape[0], 1, *labels.shape[2:]), dtype=torch.float32)

    def masking_score(self, target_summary: Tensor, exemplar_summary: Tensor) -> Tensor:
        """Ones (B, 1): nothing is masked."""
        return target_summary.new_ones((target_summary.shape[0], 1), dtype=torch.float32)
