"""A look: what a user holds of an exemplar once it is encoded. It needs its photograph no more and weighs kilobytes.

look = swap.look("dusk.jpg")
look.save("dusk.look.safetensors")
picture = swap("beach.jpg", Look.load("dusk.look.safetensors"))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sceneswap.checkpoint import read_tensors, write_tensors
from sceneswap.errors import UserError
from sceneswap.files import LOOK_SUFFIX, is_look
from sceneswap.labels.presets import schema_from_dict
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.generator import Exemplar
from sceneswap.models.spade_vae import Latent

FORMAT = "sceneswap-look-1"
_SHARES = "shares"  # the tensor of a file that is not the model's
_KINDS: dict[str, type[Exemplar | Latent]] = {"values": Exemplar, "latent": Latent}


@dataclass(frozen=True, eq=False)
class Look:
    """An exemplar as a model reads it; draw any label map in it, blend it with others, save it.

    encoded: what was gathered (of the baseline SPADE_VAE a latent), batch of one, float32 on the CPU. name: of the scene.
    size: (height, width) at which it was read. schema: of the model that read it. model: SHA-256 of that model's weights.
    picture: SHA-256 of the exemplar's pixels. shares: (C+1,) how much of its label map each class covers, void last; none
    of a look saved before this was kept. Raises `UserError` for numbers that are not finite.
    """

    encoded: Exemplar | Latent
    name: str
    size: tuple[int, int]
    schema: LabelSchema
    model: str
    picture: str = ""
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if wrong := [name for name, t in self.encoded.tensors().items() if not bool(t.isfinite().all())]:
            raise UserError(f"the look {self.name} holds numbers that are not finite ({wrong[0]}); make it again")

    def save(self, path: Path | str) -> None:
        """Write the look to `path`, NAME.look.safetensors. Raises `UserError` for other names and failed writes.

        >>> look = swap.look("dusk.jpg")
        >>> look.save("dusk.look.safetensors")
        >>> Look.load("dusk.look.safetensors").name
        'dusk.jpg'
        """
        path = Path(path)
        if not is_look(path):
            raise UserError(f"the look {path} must be named {path.stem}{LOOK_SUFFIX}: commands know looks by that")
        meta = {
            "format": FORMAT,
            "kind": next(kind for kind, known in _KINDS.items() if isinstance(self.encoded, known)),
            "name": Path(self.name).name,  # in which folder it lay is nobody's business
            "size": list(self.size),
            "schema": self.schema.to_dict(),
            "model": self.model,
            "picture": self.picture,
        }
        shares = {_SHARES: torch.tensor(self.shares)} if self.shares else {}
        write_tensors(path, {**self.encoded.tensors(), **shares}, meta)

    @classmethod
    def load(cls, path: Path | str) -> "Look":
        """Open a saved look. Raises `UserError` when it is missing, damaged, no look, or holds numbers that are not finite."""
        path = Path(path)
        tensors, meta = read_tensors(path, "a look")
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise UserError(f"{path} is not a look of sceneswap; make one with Look.save")
        shares = tensors.pop(_SHARES, torch.zeros(0))
        try:
            height, width = (int(side) for side in meta["size"])
            schema = schema_from_dict(meta["schema"], str(path))
            if shares.shape not in ((0,), (schema.num_classes + 1,)) or not bool(shares.isfinite().all()):
                raise ValueError("its shares of classes do not fit its schema")
            return cls(
                _KINDS[meta["kind"]].of(tensors),
                str(meta["name"]),
                (height, width),
                schema,
                str(meta["model"]),
                str(meta["picture"]),
                tuple(shares.tolist()),
            )
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"the look {path} is not complete ({error}); make it again") from error


def known_shares(shares: Sequence[float]) -> NDArray[np.float64]:
    """(C,) the shares of what is not void, from `class_shares`; two of them intersect in the sum of their minima, 0 … 1."""
    known = np.asarray(shares, np.float64)[:-1]
    return known / max(float(known.sum()), 1e-9)


def joined(looks: Sequence[Look], device: torch.device) -> Exemplar | Latent:
    """Looks of one model as one batch on `device`."""
    named = [look.encoded.tensors() for look in looks]
    batch = {name: torch.cat([tensors[name] for tensors in named]).to(device) for name in named[0]}
    return type(looks[0].encoded).of(batch)
