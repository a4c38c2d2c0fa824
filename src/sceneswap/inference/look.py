"""A look: what a user holds of an exemplar once it is encoded. It needs its photograph no more and weighs kilobytes."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sceneswap.checkpoint import read_tensors, write_tensors
from sceneswap.errors import UserError
from sceneswap.labels.presets import schema_from_dict
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.generator import EncodedExemplar
from sceneswap.models.spade_vae import Latent

FORMAT = "sceneswap-look-1"
SUFFIX = ".look.safetensors"
_FIELDS = ("values", "mass", "summary")


@dataclass(frozen=True, eq=False)
class Look:
    """An exemplar as a model reads it, batch of one; draw any label map in it, blend it with others, save it.

    encoded: per scale the values of the attention maps (of the baseline SPADE_VAE a latent). name: of the scene. size:
    (height, width) at which it was read. schema: of the model that read it. model: SHA-256 of that model's weights.
    picture: SHA-256 of the exemplar's pixels.
    """

    encoded: EncodedExemplar | Latent
    name: str
    size: tuple[int, int]
    schema: LabelSchema
    model: str
    picture: str = ""

    def save(self, path: Path | str) -> None:
        """Write the look as a small safetensors file (its name best ends in `.look.safetensors`).

        Raises `UserError` when it cannot be written.
        """
        meta = {
            "format": FORMAT,
            "kind": _kind(self.encoded),
            "name": self.name,
            "size": list(self.size),
            "schema": self.schema.to_dict(),
            "model": self.model,
            "picture": self.picture,
        }
        write_tensors(Path(path), _tensors(self.encoded), meta)

    @classmethod
    def load(cls, path: Path | str) -> "Look":
        """Open a saved look. Raises `UserError` when it is missing, damaged, no look, or holds numbers that are not finite."""
        path = Path(path)
        tensors, meta = read_tensors(path, "a look")
        if meta.get("format") != FORMAT:
            raise UserError(f"{path} is not a look of sceneswap; make one with Look.save")
        if wrong := [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]:
            raise UserError(f"the look {path} holds numbers that are not finite ({wrong[0]}); make it again")
        try:
            height, width = (int(side) for side in meta["size"])
            encoded = _encoded(tensors, str(meta["kind"]))
            return cls(
                encoded,
                str(meta["name"]),
                (height, width),
                schema_from_dict(meta["schema"], str(path)),
                str(meta["model"]),
                str(meta["picture"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"the look {path} is not complete ({error}); make it again") from error

    def to(self, device: torch.device | str) -> "Look":
        """The look on a device."""
        moved = _encoded({name: t.to(device) for name, t in _tensors(self.encoded).items()}, _kind(self.encoded))
        return Look(moved, self.name, self.size, self.schema, self.model, self.picture)


def is_look(path: Path | str) -> bool:
    """Whether a path names a saved look, by its suffix."""
    return str(path).endswith(SUFFIX)


def _kind(encoded: EncodedExemplar | Latent) -> str:
    return "latent" if isinstance(encoded, Latent) else "values"


def _tensors(encoded: EncodedExemplar | Latent) -> dict[str, Tensor]:
    if isinstance(encoded, Latent):
        return {"mean": encoded.mean, "log_variance": encoded.log_variance}
    return {f"{name}.{scale}": t for name in _FIELDS for scale, t in enumerate(getattr(encoded, name))}


def _encoded(tensors: dict[str, Tensor], kind: str) -> EncodedExemplar | Latent:
    if kind == "latent":
        return Latent(tensors["mean"], tensors["log_variance"])
    scales = range(len(tensors) // len(_FIELDS))
    return EncodedExemplar(*(tuple(tensors[f"{name}.{scale}"] for scale in scales) for name in _FIELDS))
