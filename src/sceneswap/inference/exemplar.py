"""What a user holds of an exemplar once it is encoded."""

from dataclasses import dataclass

from sceneswap.labels.schema import LabelSchema
from sceneswap.models.generator import Exemplar
from sceneswap.models.spade_vae import Latent


@dataclass(frozen=True)
class EncodedExemplar:
    """An exemplar as the network reads it; needs its photograph no more.

    encoded: features and attention logits (of the baseline SPADE_VAE a latent), batch of one. name: of the scene.
    size: (height, width) at which it was read. schema: of the model that read it.
    """

    encoded: Exemplar | Latent
    name: str
    size: tuple[int, int]
    schema: LabelSchema
