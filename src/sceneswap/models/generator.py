"""START HERE. The whole method: label map + exemplar → features → MSCA per scale → SPADE → image.

The forward pass is cut where users cut: an exemplar is encoded once (`encode_exemplar`), any number of label maps are
drawn in its look (`draw`). What lies between is a frozen value; the generator keeps no state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from torch import Tensor, nn

from sceneswap.models.encoders import LabelEncoder, LabelHead
from sceneswap.models.layers import beside
from sceneswap.models.msca import Gathered, SpatialChannelAttention
from sceneswap.models.spade import SpadeSynthesis


@dataclass(frozen=True)
class Exemplar:
    """An encoded exemplar: what MSCA gathered from it per scale, finest first. A few thousand numbers, whatever its size."""

    scales: tuple[Gathered, ...]

    def select(self, index: Tensor) -> "Exemplar":
        """Return the entries `index` (any length) of the batch."""
        return Exemplar(tuple(Gathered(*(t.index_select(0, index) for t in scale)) for scale in self.scales))

    def tensors(self) -> dict[str, Tensor]:
        """All of it under names, such as `values.0` of the finest scale."""
        return {f"{name}.{i}": t for i, scale in enumerate(self.scales) for name, t in scale._asdict().items()}

    @staticmethod
    def of(tensors: Mapping[str, Tensor]) -> "Exemplar":
        """The inverse of `tensors`. Raises `KeyError` where one is missing."""
        count = len(tensors) // len(Gathered._fields)
        return Exemplar(tuple(Gathered(*(tensors[f"{name}.{i}"] for name in Gathered._fields)) for i in range(count)))


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
    label encoders (one and the same module where tied). attention: MSCA or GAP per scale, finest first.
    synthesis: the SPADE ladder. label_head: estimates the label map of a photograph from the same taps, for users who
    have none.
    """

    def __init__(
        self,
        *,
        image_encoder: nn.Module,
        compress: Sequence[nn.Module],
        target_encoder: LabelEncoder,
        exemplar_encoder: LabelEncoder,
        attention: Sequence[SpatialChannelAttention],
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
    def layers(self) -> list[SpatialChannelAttention]:
        """The attention of every scale, finest first."""
        return cast(list[SpatialChannelAttention], list(self.attention))

    @property
    def stride(self) -> int:
        """Height and width of every label map and image must be multiples of this."""
        return int(2 ** (len(self.attention) - 1))

    def encode_exemplar(self, image: Tensor, label_map: Tensor) -> Exemplar:
        """Encode exemplars: image (B, 3, H2, W2) in [-1, 1], label_map (B, H2, W2) of indices 0 … C."""
        return self._gather(self.image_encoder(image), label_map)

    def _gather(self, taps: Sequence[Tensor], label_map: Tensor) -> Exemplar:
        features, labels = self.exemplar_features(taps, label_map)
        per_scale = zip(self.layers, features, labels, strict=True)
        return Exemplar(tuple(layer.gather(f, c) for layer, f, c in per_scale))

    def exemplar_features(
        self, taps: Sequence[Tensor], label_map: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """F_x2 (B, N, H2 / 2^i, W2 / 2^i) and F_c2 (B, M2, …), finest first, from the taps of the exemplar's image."""
        features = tuple(compress(tap) for compress, tap in zip(self.compress, taps, strict=True))
        return features, self.exemplar_encoder(label_map)

    def estimate_labels(self, image: Tensor) -> Tensor:
        """Read label maps off images (B, 3, H, W) in [-1, 1]: logits (B, C, H / 4, W / 4); needs a label head."""
        assert self.label_head is not None
        return self.label_head(self.image_encoder(image))

    def conditions(self, label_map: Tensor, exemplar: Exemplar) -> tuple[Tensor, ...]:
        """concat[F_x1, F_c1] per scale, finest first: what both the synthesis and the feature decoder read."""
        targets = self.target_encoder(label_map)  # F_c1  (B, M1, H / 2^i, W / 2^i)
        per_scale = zip(self.layers, targets, exemplar.scales, strict=True)
        moved = [layer(c1, gathered) for layer, c1, gathered in per_scale]  # F_x1  (B, N, H / 2^i, W / 2^i)
        return join(moved, targets)  # (B, N + M1, H / 2^i, W / 2^i)

    def draw(self, label_map: Tensor, exemplar: Exemplar) -> Tensor:
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
        exemplar = self._gather(taps, exemplar_label_map)
        if index is not None:
            exemplar = exemplar.select(index)
        conditions = self.conditions(label_map, exemplar)
        if features_only:
            return Drawing(None, conditions)
        labels = self.label_head(taps) if self.label_head is not None else None
        return Drawing(self.synthesis(conditions), (), labels=labels)


def join(moved: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """concat[F_x1, F_c1] of every scale, in the precision of F_x1."""
    return tuple(beside(f, c) for f, c in zip(moved, targets, strict=True))
