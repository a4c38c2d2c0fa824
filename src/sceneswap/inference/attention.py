"""What the learned attention does between a label map and an exemplar (supplement §2).

Everything follows from α (K, P2), s (K) and β (K, P1) of a scale; the dense affinity βᵀ diag(s) α (P1, P2) is never built.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.inference.drawing import DRAWN_AT_ONCE
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.models import msca
from sceneswap.models.generator import Generator
from sceneswap.scene import LabelMap, Scene


@dataclass(frozen=True)
class Attention:
    """MSCA at one scale between a label map and an exemplar, float32 on the CPU.

    spatial: α (K, H2, W2), every map sums to 1. score: masking score s (K,) in [0, 1]. channel: β (K, H1, W1), sums to 1 over
    the maps at every position; of the label map as the network sees it, its sides extended to multiples of the stride.
    """

    spatial: Tensor
    score: Tensor
    channel: Tensor


def attend(synthesizer: Synthesizer, label_map: LabelMap, exemplar: Scene) -> tuple[Attention, ...]:
    """The attention of every scale, finest first, for drawing `label_map` (H, W) after `exemplar`, read as `encode` does.

    All maps are held at once, so a label map may have `DRAWN_AT_ONCE` pixels. Raises `UserError` for larger ones, and for the
    baseline SPADE_VAE, which has no attention.
    """
    network, most = synthesizer.release.network, DRAWN_AT_ONCE[synthesizer.device.type]
    if label_map.size > most:
        raise UserError(
            f"the attention of {label_map.shape[1]}×{label_map.shape[0]} pixels takes too much memory, {most / 1e6:g} million "
            "are possible; make the layout smaller, such as with --long-side 512"
        )
    if not isinstance(network, Generator):
        raise UserError(f"the model {synthesizer.name} (SPADE_VAE) has no attention; use an msca or gap model")
    image, exemplar_map = synthesizer.exemplar_input(exemplar)
    with torch.inference_mode():
        targets = network.target_encoder(synthesizer.network_input(label_map))
        features, labels = network.exemplar_features(network.image_encoder(image), exemplar_map)
        return tuple(
            Attention(
                spatial=_maps(msca.spatial_attention, layer.spatial_logits(f2, c2)),
                score=layer.masking_score(msca.global_average(c1), msca.global_average(c2))[0].cpu(),
                channel=_maps(msca.channel_attention, layer.channel_logits(c1)),
            )
            for layer, c1, f2, c2 in zip(network.layers, targets, features, labels, strict=True)
        )


def _maps(softmax: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    """Logits (1, K, H, W) → attention (K, H, W) on the CPU."""
    return softmax(logits.flatten(2))[0].unflatten(1, logits.shape[2:]).cpu()


def label_transfer(attention: Attention, target: Tensor, exemplar: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Push the exemplar's one-hot labels through α and β in place of its features, the mask left out (supplement §2).

    target: labels (H1, W1) 0 … count - 1. exemplar: labels (H2, W2). The one-hot tensor is never made: per map k the mass
    M[k, a] of α on label a and the sum B[k, b] of β over the positions of label b are enough.
    Returns float64 sums[a, b] = Σ over positions of label b of the share of label a, and the number of positions of every
    label b, (count,): a column of sums adds up to that number.
    """
    spatial, channel = attention.spatial.double(), attention.channel.double()
    mass = _sums_by_label(spatial / spatial.sum(dim=(1, 2), keepdim=True), exemplar, count)  # float32 has 7 digits
    spread = _sums_by_label(channel / channel.sum(dim=0), target, count)
    return mass.T @ spread, torch.bincount(target.flatten(), minlength=count).double()


def region_affinity(attention: Attention, region: Tensor) -> Tensor:
    """Where a region's look comes from: the mean over its positions of the rows of A = βᵀ diag(s) α, (H2, W2).

    region: weights (H1, W1) ≥ 0, not all zero, such as 1 at one position. The sum is at most 1: what is missing was masked.
    Exact, in O(K·(P1 + P2)): the rows are summed in the K maps before they are spread over the exemplar.
    """
    share = (attention.channel * (region / region.sum())).sum(dim=(1, 2))
    return torch.einsum("k,k,khw->hw", share, attention.score, attention.spatial)


def region_at(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A region (H, W) of 0 … 1 at the scale of `size`: the share of every cell that lies in it."""
    return F.adaptive_avg_pool2d(mask[None, None].float(), size)[0, 0]


def point_region(size: tuple[int, int], x: int, y: int) -> np.ndarray:
    """The region (H, W) of one pixel. Raises `UserError` when it is outside."""
    if not (0 <= x < size[1] and 0 <= y < size[0]):
        raise UserError(
            f"the point {x},{y} is outside the label map of {size[1]}×{size[0]} pixels; x runs from 0 to {size[1] - 1} and y "
            f"from 0 to {size[0] - 1}"
        )
    region = np.zeros(size, np.float32)
    region[y, x] = 1
    return region


def _sums_by_label(maps: Tensor, labels: Tensor, count: int) -> Tensor:
    """(K, H, W) and labels (H, W) → the sum of every map over every label, (K, count)."""
    sums = maps.new_zeros(count, len(maps))
    return sums.index_add_(0, labels.flatten(), maps.flatten(1).T).T
