"""Losses return named, unweighted terms; the weights are applied once, in `weigh`."""

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneswap import together
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


class _Gram(torch.autograd.Function):
    """See `gram`. Its gradient is one more product in the channels-last order, where PyTorch's would be two and a sum."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        rows = features.permute(0, 2, 3, 1).flatten(1, 2)  # no copy of channels-last features
        ctx.save_for_backward(rows)
        ctx.size = features.shape[2:]
        scaled = rows * rows.shape[1] ** -0.5
        return torch.bmm(scaled.transpose(1, 2), scaled).float()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        both = (gradient + gradient.transpose(1, 2)) / rows.shape[1]
        return torch.bmm(rows, both.to(rows.dtype)).unflatten(1, ctx.size).permute(0, 3, 1, 2)


def gram(features: Tensor) -> Tensor:
    """Gram matrix over the positions, divided by their number: (B, C, H, W) → (B, C, C), float32."""
    return cast(Tensor, _Gram.apply(features))


class _RegionGrams(torch.autograd.Function):
    """See `region_grams`."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, regions: Sequence[tuple[int, Tensor]]) -> Tensor:
        every = features.permute(0, 2, 3, 1).flatten(1, 2)
        rows = [every[entry].index_select(0, places) for entry, places in regions]
        ctx.save_for_backward(*rows)
        ctx.regions, ctx.shape, ctx.size = regions, every.shape, features.shape[2:]
        return torch.stack([(r.T @ r).float() / len(r) for r in rows])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        rows = ctx.saved_tensors
        result = rows[0].new_zeros(ctx.shape)
        for (entry, places), r, g in zip(ctx.regions, rows, gradient + gradient.transpose(1, 2), strict=True):
            result[entry].index_add_(0, places, r @ (g / len(r)).to(r.dtype))
        return result.unflatten(1, ctx.size).permute(0, 3, 1, 2), None


def region_grams(features: Tensor, regions: Sequence[tuple[int, Tensor]]) -> Tensor:
    """Gram matrices (R, C, C) of parts of pictures, as of `gram`; features (B, C, H, W).

    regions: at least one; of each the entry of the batch and its places, indices into H · W.
    """
    return cast(Tensor, _RegionGrams.apply(features, regions))


def style(drawn: Sequence[Tensor], wanted: Sequence[Tensor], shares: Tensor | None = None) -> Tensor:
    """Disagreement of Gram matrices in 0 … 1, mean over taps and batch: |A - B|² / (|A|² + |B|²).

    Relative, so that quiet pictures count as much as loud ones. drawn, wanted: of `gram`, (B, C, C) per tap, or of
    `region_grams`, with the share (R,) that each region has in the result.
    """
    terms = []
    for a, b in zip(drawn, wanted, strict=True):
        difference = (a - b).square().sum(dim=(1, 2))
        terms.append(difference / (a.square() + b.square()).sum(dim=(1, 2)).clamp_min(1e-12))
    return _over_all(terms, shares)


def energy(drawn: Sequence[Tensor], wanted: Sequence[Tensor], shares: Tensor | None = None) -> Tensor:
    """L1 between the logarithms of the mean squares of every channel, mean over taps, channels and batch; as of `style`.

    Light and contrast of a picture as a whole: the diagonal of its Gram matrices, whose squared difference is blind to the
    last third of a deviation, by which one photograph is told from another. A hundredth of the mean over the channels is
    added, so that channels that are silent in both count nothing.
    """
    terms = []
    for a, b in ((a.diagonal(dim1=1, dim2=2), b.diagonal(dim1=1, dim2=2)) for a, b in zip(drawn, wanted, strict=True)):
        floor = 0.01 * b.mean(dim=1, keepdim=True) + 1e-12
        terms.append(((a + floor).log() - (b + floor).log()).abs().mean(dim=1))
    return _over_all(terms, shares)


def _over_all(terms: Sequence[Tensor], shares: Tensor | None) -> Tensor:
    """Mean over the taps of terms (B,) each, and over the batch or by shares."""
    term = torch.stack(list(terms)).mean(dim=0)
    return term.mean() if shares is None else (shares * term).sum()


class _Distance(torch.autograd.Function):
    """Mean absolute difference of the first `known` entries, with a gradient in the order of `drawn` in memory."""

    @staticmethod
    def forward(ctx: Any, drawn: Tensor, wanted: Tensor, known: int) -> Tensor:
        difference = drawn[:known] - wanted[:known]
        ctx.save_for_backward(difference)
        ctx.others = len(drawn) - known
        return difference.abs().mean(dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (difference,) = ctx.saved_tensors
        known = len(difference)
        shape = (known + ctx.others, *difference.shape[1:])
        steps = torch.empty(shape, dtype=difference.dtype, device=difference.device, memory_format=torch.channels_last)
        torch.mul(difference.sign_(), (gradient / difference.numel()).to(difference.dtype), out=steps[:known])
        steps[known:] = 0
        return steps, None, None


def perceptual(drawn: Sequence[Tensor], wanted: Sequence[Tensor], weights: Sequence[float], known: int) -> Tensor:
    """L1 between activations of VGG-19, (B, C, H, W) each, of the first `known` entries, weighted."""
    pairs = zip(weights, drawn, wanted, strict=True)
    return torch.stack([w * cast(Tensor, _Distance.apply(a, b, known)) for w, a, b in pairs]).sum()


def label_cross_entropy(logits: Tensor, label_map: Tensor) -> Tensor:
    """Cross-entropy of logits (B, C, h, w) with a label map (B, H, W), read at every (H / h)-th pixel; void (C) is left out.

    The mean over the labelled pixels of all processes.
    """
    step = label_map.shape[1] // logits.shape[2]
    wanted = label_map[:, step // 2 :: step, step // 2 :: step]
    summed = F.cross_entropy(logits.float(), wanted, ignore_index=logits.shape[1], reduction="sum")
    labelled = together.summed((wanted != logits.shape[1]).sum()).clamp_min(1)
    return summed * together.processes() / labelled


def feature_matching(real: Judgement, fake: Judgement, *, summed: bool = False) -> Tensor:
    """L1 between the discriminator's activations (scores left out) of real and drawn images.

    Mean over image scales and layers; summed: over the layers their sum, as in SPADE.
    """
    pairs = [(a, b) for r, f in zip(real, fake, strict=True) for a, b in zip(r[:-1], f[:-1], strict=True)]
    terms = torch.stack([F.l1_loss(b.float(), a.detach().float()) for a, b in pairs])
    return terms.sum() / len(real) if summed else terms.mean()


def pixel(drawn: Tensor, target: Tensor) -> Tensor:
    """L1 on RGB, (B, 3, H, W) in [-1, 1]."""
    return F.l1_loss(drawn.float(), target)


def kl_divergence(posterior: tuple[Tensor, Tensor], *, summed: bool = False) -> Tensor:
    """KL of N(μ, σ²) from N(0, 1), summed over the latent; posterior = (μ, log σ²), (B, Z).

    Mean over the batch; summed: over the batch of all processes its sum, as in SPADE.
    """
    mean, log_variance = posterior
    terms = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
    return 0.5 * (terms.sum() * together.processes() if summed else terms.mean())


def feature_reconstruction(
    predictions: Sequence[Tensor], targets: Sequence[Tensor], weights: Sequence[float] = ()
) -> Tensor:
    """Weighted sum of L1 over the scales (supplement §8).

    weights: of the scales, finest first; without, every scale weighs 1 over the mean size of its target (in all processes).
    """
    terms = []
    for prediction, target in zip(predictions, targets, strict=True):
        distance = F.l1_loss(prediction.float(), target.float())
        if not weights:
            distance = distance / together.mean(target.float().abs().mean()).clamp_min(1e-3)
        terms.append(distance)
    if weights:
        terms = [weight * term for weight, term in zip(weights, terms, strict=True)]
    return torch.stack(terms).sum()


def weigh(terms: Terms, weights: LossConfig) -> Tensor:
    """Sum of terms × weights. A term without a weight, or a weighted term that is missing, raises `KeyError`."""
    wanted = active_terms(weights, kl="kl" in terms)
    if wanted != set(terms):
        raise KeyError(f"loss terms {sorted(terms)} do not match the weights of {sorted(wanted)}")
    return torch.stack([getattr(weights, name) * value for name, value in sorted(terms.items())]).sum()


def active_terms(weights: LossConfig, *, kl: bool) -> set[str]:
    """Names of the generator's terms with a weight above 0; "kl" only where the model has a posterior."""
    return {n for n in weights.terms() if getattr(weights, n) > 0 and (n != "kl" or kl)}
