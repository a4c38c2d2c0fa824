"""The three graphs of a model: photograph → class scores, exemplar → look, label map and looks → picture.

They are the model's own modules, called in another order; what is only arithmetic on looks (`onnx.mixing`) is left to
whoever runs the graphs.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneswap.inference.mixing import EXTRAPOLATION_LIMIT
from sceneswap.models import msca
from sceneswap.models.generator import Generator, join
from sceneswap.models.pretrained.deeplab import DeepLab


class Read(nn.Module):
    """image (B, 3, H, W) in [-1, 1] → scores of the reading network's classes, (B, S, h, w)."""

    def __init__(self, network: Generator | DeepLab) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        if isinstance(self.network, DeepLab):
            return self.network(image)[:, 1:]  # its output 0 is "other", which is no answer
        return self.network.estimate_labels(image)


class Encode(nn.Module):
    """image (B, 3, H2, W2) in [-1, 1], label_map (B, H2, W2) → values, mass, summary and α of every scale.

    The first three are the look (`msca.Gathered`); α (B, K, H2 / 2^i, W2 / 2^i) says which places of the exemplar they
    were gathered from.
    """

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, label_map: Tensor) -> tuple[Tensor, ...]:
        network = self.network
        features, labels = network.exemplar_features(network.image_encoder(image), label_map)
        values, mass, summary, alpha = [], [], [], []
        for layer, f2, c2 in zip(network.layers, features, labels, strict=True):
            gathered = layer.gather(f2, c2)
            logits = layer.spatial_logits(f2, c2)
            values.append(gathered.values)
            mass.append(gathered.mass)
            summary.append(gathered.summary)
            alpha.append(_placed(msca.spatial_attention(logits.flatten(2)), logits))
        return (*values, *mass, *summary, *alpha)


class Draw(nn.Module):
    """Label maps and looks → pictures, and the s and β by which the looks were spread.

    One graph for single looks and both forms of mixing (`inference.mixing`): G sets of values, each with the masking
    scores of J looks mixed by a row of `blend`, are spread by G weight maps,

        F_x1(h, w) = Σ_g w_g(h, w) · Σ_k s_gk V_gk β_k(h, w),   s_g = Σ_j blend_gj s_j.

    A single look and the global form have G = 1 and w = 1; the spatial form has G = J and blend = 1. Label map
    (B, H, W), maps (B, G, H, W) that sum to 1, blend (B, G, J), values (B, G, N, K) and summary (B, J, M2) of every
    scale → picture (B, 3, H, W) in [-1, 1], score (B, G, K) and β (B, K, H / 2^i, W / 2^i) of every scale.
    """

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, label_map: Tensor, maps: Tensor, blend: Tensor, values: Sequence[Tensor], summary: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        network = self.network
        targets = network.target_encoder(label_map)
        moved, scores, betas = [], [], []
        for scale, (layer, c1) in enumerate(zip(network.layers, targets, strict=True)):
            if scale:
                maps = F.avg_pool2d(maps, 2)
            beta = msca.channel_attention(layer.channel_logits(c1).flatten(2))  # (B, K, P1)
            score = torch.bmm(blend, _scores(layer, c1, summary[scale])).clamp(0, 1)  # (B, G, K)
            spread = torch.matmul(values[scale] * score[:, :, None], beta[:, None])  # (B, G, N, P1)
            weighted = (spread * bounded(maps).flatten(2)[:, :, None]).sum(dim=1)  # (B, N, P1)
            moved.append(_placed(weighted, c1))
            scores.append(score)
            betas.append(_placed(beta, c1))
        return (network.synthesis(join(moved, targets)), *scores, *betas)


def bounded(maps: Tensor) -> Tensor:
    """`mixing.bounded_shares` of weight maps (B, G, H, W) of moderate size, without logarithms: the same numbers."""
    positive, negative = maps.clamp(min=0), (-maps).clamp(min=0)
    p, q = positive.sum(dim=1, keepdim=True), negative.sum(dim=1, keepdim=True)
    ratio = (q / p).clamp(max=EXTRAPOLATION_LIMIT / (1 + EXTRAPOLATION_LIMIT))
    total = ratio / (1 - ratio)
    return (1 + total) * positive / p - total * negative / q.clamp(min=1e-20)


def _scores(layer: msca.SpatialChannelAttention, c1: Tensor, summary: Tensor) -> Tensor:
    """s (B, J, K) of J looks for every target; c1: F_c1 (B, M1, H1, W1), summary: (B, J, M2)."""
    looks = summary.shape[1]
    target = c1.mean(dim=(2, 3))[:, None].expand(-1, looks, -1)
    return layer.masking_score(target.flatten(0, 1), summary.flatten(0, 1)).unflatten(0, (-1, looks))


def _placed(flat: Tensor, like: Tensor) -> Tensor:
    """(B, C, H·W) → (B, C, H, W) of `like`; its sides are read one by one, because tracing takes a slice of them as fixed."""
    return flat.reshape(flat.shape[0], flat.shape[1], like.shape[2], like.shape[3])
