"""START HERE. The whole method: label map + exemplar → features → MSCA per scale → SPADE → image.

The forward pass is cut where users cut: an exemplar is encoded once (`encode_exemplar`), any number of label maps are
drawn in its look (`draw`). What lies between is a frozen value; the generator keeps no state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from sceneswap.models import msca
from sceneswap.models.encoders import LabelEncoder, LabelHead
from sceneswap.models.spade import SpadeSynthesis


@dataclass(frozen=True)
class ExemplarFeatures:
    """What attention reads of an exemplar, per scale, finest first; full size, so it lives only as long as it must.

    features: F_x2, (B, N, H2, W2). logits: unnormalised spatial attention α̃, (B, K, H2, W2) float32.
    summary: GAP F_c2, (B, M2).
    """

    features: tuple[Tensor, ...]
    logits: tuple[Tensor, ...]
    summary: tuple[Tensor, ...]


@dataclass(frozen=True)
class EncodedExemplar:
    """All that drawing needs of an exemplar, per scale, finest first: some kilobytes, whatever its size.

    values: V, the features gathered under each attention map, (B, N, K). mass: log Z of each map, (B, K) float32, which says
    how much it weighs among several exemplars. summary: GAP F_c2, (B, M2), for the masking score.
    """

    values: tuple[Tensor, ...]
    mass: tuple[Tensor, ...]
    summary: tuple[Tensor, ...]

    def moved(self, scale: int, layer: msca.MSCA | msca.GAP, target: Tensor) -> Tensor:
        """F_x1 of one scale from F_c1 (B, M1, H1, W1) of the target: (B, N, H1, W1); see `Encoded`."""
        score = layer.masking_score(msca.global_average(target), self.summary[scale])
        return msca.transfer(layer, target, self.values[scale], score)

    def select(self, index: Tensor) -> "EncodedExemplar":
        """Return the entries `index` (any length) of the batch."""
        fields = (self.values, self.mass, self.summary)
        return EncodedExemplar(*(tuple(t.index_select(0, index) for t in field) for field in fields))


class Encoded(Protocol):
    """What a label map can be drawn after: an `EncodedExemplar`, or several mixed (`inference.mixing`)."""

    def moved(self, scale: int, layer: msca.MSCA | msca.GAP, target: Tensor) -> Tensor:
        """F_x1 (B, N, H1, W1) of one scale, from F_c1 (B, M1, H1, W1) of the target and the attention of that scale."""
        ...


class Drawing(NamedTuple):
    """What a training forward returns.

    image: (B, 3, H, W) in [-1, 1], or None when only features were asked for; then conditions: concat[F_x1, F_c1] per scale.
    posterior: (μ, log σ²) of the baseline SPADE_VAE, else None. labels: what the label head reads off the exemplars,
    logits (B, C, H / 4, W / 4), None without a head.
    """

    image: Tensor | None
    conditions: tuple[Tensor, ...]
    posterior: tuple[Tensor, Tensor] | None = None
    labels: Tensor | None = None


class Generator(nn.Module):
    """x̂(2→1) = G(c1, x2, c2): the layout of c1 in the look of x2 (also the GAP ablation, with `msca.GAP` attention).

    image_encoder: image → taps. compress: a 1×1 convolution per tap to N channels. target_encoder, exemplar_encoder:
    label encoders (one and the same module where tied). attention: MSCA or GAP per scale. synthesis: the SPADE ladder.
    label_head: estimates the label map of a photograph from the same taps, for users who have none.
    """

    def __init__(
        self,
        *,
        image_encoder: nn.Module,
        compress: Sequence[nn.Module],
        target_encoder: LabelEncoder,
        exemplar_encoder: LabelEncoder,
        attention: Sequence[msca.MSCA | msca.GAP],
        synthesis: SpadeSynthesis,
        label_head: LabelHead | None = None,
    ) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.label_head = label_head
        self.compress = nn.ModuleList(compress)
        self.target_encoder = target_encoder
        self.exemplar_encoder = exemplar_encoder
        self.attention = nn.ModuleList(attention)
        self.synthesis = synthesis

    @property
    def _attention(self) -> list[msca.MSCA | msca.GAP]:
        return cast(list[msca.MSCA | msca.GAP], list(self.attention))

    @property
    def stride(self) -> int:
        """Height and width of every label map and image must be multiples of this."""
        return int(2 ** (len(self.attention) - 1))

    def encode_exemplar(self, image: Tensor, label_map: Tensor) -> EncodedExemplar:
        """Encode exemplars: image (B, 3, H2, W2) in [-1, 1], label_map (B, H2, W2) of indices 0 … C."""
        return gather(self.exemplar_features(self.image_encoder(image), label_map))

    def exemplar_features(self, taps: Sequence[Tensor], label_map: Tensor) -> ExemplarFeatures:
        """Compressed features and spatial logits of exemplars, from the image encoder's taps and their label maps."""
        features = tuple(c(tap) for c, tap in zip(self.compress, taps, strict=True))
        labels = self.exemplar_encoder(label_map)
        logits = tuple(a.spatial_logits(f, c) for a, f, c in zip(self._attention, features, labels, strict=True))
        return ExemplarFeatures(features, logits, tuple(msca.global_average(c) for c in labels))

    def estimate_labels(self, image: Tensor) -> Tensor:
        """Read label maps off images (B, 3, H, W) in [-1, 1]: logits (B, C, H / 4, W / 4); needs a label head."""
        assert self.label_head is not None
        return self.label_head(self.image_encoder(image))

    def encode_target(self, label_map: Tensor) -> tuple[Tensor, ...]:
        """F_c1: label features (B, M1, H / 2^i, W / 2^i), finest first, of label_map (B, H, W) of indices 0 … C."""
        return self.target_encoder(label_map)

    def transfer(self, targets: Sequence[Tensor], exemplar: Encoded) -> tuple[Tensor, ...]:
        """F_x1: the exemplar's features moved into the target's layout, (B, N, H / 2^i, W / 2^i), finest first."""
        layers = enumerate(zip(self._attention, targets, strict=True))
        return tuple(exemplar.moved(scale, layer, c1) for scale, (layer, c1) in layers)

    def conditions(self, label_map: Tensor, exemplar: Encoded) -> tuple[Tensor, ...]:
        """concat[F_x1, F_c1] per scale, finest first: what both the synthesis and the feature decoder read."""
        targets = self.target_encoder(label_map)  #        F_c1(i)  (B, M,     H / 2^i, W / 2^i)
        moved = self.transfer(targets, exemplar)  #        F_x1(i)  (B, N,     H / 2^i, W / 2^i)
        pairs = zip(moved, targets, strict=True)
        return tuple(torch.cat([x1, c1.to(x1.dtype)], dim=1) for x1, c1 in pairs)

    def draw(self, label_map: Tensor, exemplar: Encoded) -> Tensor:
        """Draw label maps (B, H, W) in the look of encoded exemplars: image (B, 3, H, W) in [-1, 1]."""
        return self.synthesis(self.conditions(label_map, exemplar))

    def forward(
        self,
        label_map: Tensor,
        exemplar_image: Tensor,
        exemplar_label_map: Tensor,
        index: Tensor | None = None,
        *,
        taps: Sequence[Tensor] | None = None,
        features_only: bool = False,
    ) -> Drawing:
        """Training forward. index (B,): entry n is drawn after exemplar index[n]; None pairs them in order.

        taps: of `exemplar_image`, where the caller has computed them already.
        """
        taps = self.image_encoder(exemplar_image) if taps is None else taps
        exemplar = gather(self.exemplar_features(taps, exemplar_label_map))
        if index is not None:
            exemplar = exemplar.select(index)
        conditions = self.conditions(label_map, exemplar)
        if features_only:
            return Drawing(None, conditions)
        labels = self.label_head(taps) if self.label_head is not None else None
        return Drawing(self.synthesis(conditions), (), labels=labels)


def gather(exemplar: ExemplarFeatures) -> EncodedExemplar:
    """Spatial attention and aggregation at every scale: features become values, logits their mass."""
    values, mass = [], []
    for features, logits in zip(exemplar.features, exemplar.logits, strict=True):
        flat = logits.flatten(2)
        values.append(msca.spatial_aggregation(features.flatten(2), msca.spatial_attention(flat)))
        mass.append(msca.log_mass(flat))
    return EncodedExemplar(tuple(values), tuple(mass), exemplar.summary)
