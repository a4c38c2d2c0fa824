"""The baseline SPADE_VAE: SPADE's generator on c1, the look as one latent vector of x2; no MSCA."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from sceneswap.models.encoders import CompactEncoder, LabelEncoder, LabelHead, VGGEncoder
from sceneswap.models.generator import Drawing
from sceneswap.models.spade import SpadeSynthesis


@dataclass(frozen=True)
class Latent:
    """An encoded exemplar of the baseline: mean μ and log_variance log σ², (B, Z) each."""

    mean: Tensor
    log_variance: Tensor

    def select(self, index: Tensor) -> "Latent":
        """Return the entries `index` (any length) of the batch."""
        return Latent(self.mean.index_select(0, index), self.log_variance.index_select(0, index))

    def tensors(self) -> dict[str, Tensor]:
        """Both of them under their names."""
        return {"mean": self.mean, "log_variance": self.log_variance}

    @staticmethod
    def of(tensors: Mapping[str, Tensor]) -> "Latent":
        """The inverse of `tensors`. Raises `KeyError` where one is missing."""
        return Latent(tensors["mean"], tensors["log_variance"])


class SpadeImageEncoder(nn.Module):
    """SPADE's image encoder up to its linear layers: six 3×3 convolutions of stride 2, spectral and instance norm.

    width: channels of the first; at most eight times as many. forward: image (B, 3, H, W) in [-1, 1], of any size and
    brought to 256×256 → one tap (B, 8 · width, 4, 4).
    """

    SIDE = 256

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [3, *(width * factor for factor in (1, 2, 4, 8, 8, 8))]
        self.channels = (widths[-1],)
        self.convolutions = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False)) for a, b in pairwise(widths)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        x = image
        if x.shape[2:] != (self.SIDE, self.SIDE):
            x = F.interpolate(x, size=(self.SIDE, self.SIDE), mode="bilinear", align_corners=False)
        for convolution in self.convolutions:
            x = F.leaky_relu(F.instance_norm(convolution(x)), 0.2)
        return (x,)


class SpadeVAE(nn.Module):
    """SPADE with an image encoder x2 → (μ, log σ²). The same label features and ladder as ours, so that only the way
    the exemplar enters differs. `draw` uses the mean, training a sample.

    encodes_target: in training every entry is drawn after its own photograph, as a variational autoencoder is trained,
    whatever its exemplar. grid: the latent becomes a feature map of grid × grid, enlarged to the coarsest scale of any size.
    """

    def __init__(
        self,
        *,
        image_encoder: CompactEncoder | VGGEncoder | SpadeImageEncoder,
        latent: int,
        width: int,
        target_encoder: LabelEncoder,
        synthesis: SpadeSynthesis,
        label_head: LabelHead | None = None,
        encodes_target: bool = False,
        grid: int = 4,
    ) -> None:
        super().__init__()
        self.encodes_target = encodes_target
        self.grid = grid
        self.label_head = label_head
        self.image_encoder = image_encoder
        channels = image_encoder.channels
        self.to_mean = nn.Linear(channels[-1] * grid**2, latent)
        self.to_log_variance = nn.Linear(channels[-1] * grid**2, latent)
        self.from_latent = nn.Linear(latent, width * grid**2)
        self.target_encoder = target_encoder
        self.synthesis = synthesis
        self.stride = int(2 ** (len(synthesis.blocks) - 1))

    def encode_exemplar(self, image: Tensor, label_map: Tensor) -> Latent:
        """Encode exemplars (B, 3, H2, W2) in [-1, 1]; the label map is not used by this baseline."""
        return self._encode(self.image_encoder(image))

    def _encode(self, taps: Sequence[Tensor]) -> Latent:
        features = F.adaptive_avg_pool2d(taps[-1], self.grid).flatten(1)
        return Latent(self.to_mean(features).float(), self.to_log_variance(features).float().clamp(-20, 10))

    def estimate_labels(self, image: Tensor) -> Tensor:
        """Read label maps off images (B, 3, H, W) in [-1, 1]: logits (B, C, H / 4, W / 4); needs a label head."""
        assert self.label_head is not None
        return self.label_head(self.image_encoder(image))

    def draw(self, label_map: Tensor, exemplar: Latent) -> Tensor:
        """Draw label maps (B, H, W) with the mean latents: image (B, 3, H, W) in [-1, 1]."""
        return self._synthesise(self.target_encoder(label_map), exemplar.mean)

    def forward(
        self,
        label_map: Tensor,
        exemplar_image: Tensor,
        exemplar_label_map: Tensor,
        index: Tensor | None = None,
        *,
        taps: Sequence[Tensor] | None = None,
    ) -> Drawing:
        """Training forward with a sampled latent; `index` and `taps` as in `Generator.forward`."""
        taps = self.image_encoder(exemplar_image) if taps is None else taps
        latent = self._encode(taps)
        if index is not None and not self.encodes_target:
            latent = latent.select(index)
        noise = torch.randn_like(latent.mean)
        conditions = self.target_encoder(label_map)
        image = self._synthesise(conditions, latent.mean + noise * (0.5 * latent.log_variance).exp())
        labels = self.label_head(taps) if self.label_head is not None else None
        return Drawing(image, (), (latent.mean, latent.log_variance), labels)

    def _synthesise(self, conditions: Sequence[Tensor], z: Tensor) -> Tensor:
        start = self.start(z, (conditions[-1].shape[2], conditions[-1].shape[3]))
        return self.synthesis(conditions, start.to(conditions[-1].dtype))

    def start(self, z: Tensor, size: tuple[int, int]) -> Tensor:
        """A latent (B, Z) as what the ladder starts from, (B, widths[-1], h, w) float32 at the coarsest scale's `size`."""
        start = self.from_latent(z).unflatten(1, (-1, self.grid, self.grid))
        return F.interpolate(start.float(), size=size, mode="bilinear", align_corners=False)
