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
from sceneswap.inference.look_record import FORMAT, SHARES, fields_of, look_path, record_of
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.generator import Exemplar
from sceneswap.models.spade_vae import Latent
from sceneswap.remote import place

_KINDS: dict[str, type[Exemplar | Latent]] = {"values": Exemplar, "latent": Latent}


@dataclass(frozen=True, eq=False)
class Look:
    """An exemplar as a model reads it; draw any label map in it, blend it with others, save it.

    encoded: what was gathered (of the baseline SPADE_VAE a latent), batch of one, float32 on the CPU. name: of the scene.
    size: (height, width) at which it was read. schema: of the model that read it. model: SHA-256 of that model's weights.
    picture: SHA-256 of the exemplar's pixels. shares: (C+1,) how much of its label map each class covers, void last; none
    of a look saved before this was kept. thumbnail: the exemplar as a small WebP picture, see `inference.thumbnail`; empty
    where it was left out. Raises `UserError` for numbers that are not finite.
    """

    encoded: Exemplar | Latent
    name: str
    size: tuple[int, int]
    schema: LabelSchema
    model: str
    picture: str = ""
    shares: tuple[float, ...] = ()
    thumbnail: bytes = b""

    def __post_init__(self) -> None:
        if wrong := [name for name, t in self.encoded.tensors().items() if not bool(t.isfinite().all())]:
            raise UserError(f"the look {self.name} holds numbers that are not finite ({wrong[0]}); make it again")

    def save(self, path: Path | str, *, thumbnail: bool = True) -> None:
        """Write the look to `path`, NAME.look.safetensors. Raises `UserError` for other names and failed writes.

        thumbnail: whether the file shows, small, the photograph that it was made of.

        >>> look = swap.look("dusk.jpg")
        >>> look.save("dusk.look.safetensors")
        >>> Look.load("dusk.look.safetensors").name
        'dusk.jpg'
        """
        path = look_path(path)
        kind = next(kind for kind, known in _KINDS.items() if isinstance(self.encoded, known))
        shares = {SHARES: torch.tensor(self.shares)} if self.shares else {}
        write_tensors(path, {**self.encoded.tensors(), **shares}, record_of(self, kind, thumbnail))

    @classmethod
    def load(cls, path: Path | str) -> "Look":
        """Open a saved look. Raises `UserError` when it is missing, damaged, no look, or holds numbers that are not finite."""
        path = place(path)
        tensors, meta = read_tensors(path, "a look")
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise UserError(f"{path} is not a look of sceneswap; make one with Look.save")
        shares = tensors.pop(SHARES, torch.zeros(0)).numpy()
        try:
            return cls(_KINDS[meta["kind"]].of(tensors), **fields_of(meta, shares, str(path)))
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"the look {path} is not complete ({error}); make it again") from error


def known_shares(shares: Sequence[float]) -> NDArray[np.float64]:
    """(C,) the shares of what is not void, from `class_shares`; two of them intersect in the sum of their minima, 0 … 1."""
    known = np.asarray(shares, np.float64)[:-1]
    return known / max(float(known.sum()), 1e-9)


def alike(shares: Sequence[float], others: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Which of `others` (L, C), `known_shares` each, have at least `least` of their classes, 0 … 1, in common with `shares`."""
    return np.minimum(others, known_shares(shares)).sum(axis=1) >= least


def joined(looks: Sequence[Look], device: torch.device) -> Exemplar | Latent:
    """Looks of one model as one batch on `device`."""
    named = [look.encoded.tensors() for look in looks]
    batch = {name: torch.cat([tensors[name] for tensors in named]).to(device) for name in named[0]}
    return type(looks[0].encoded).of(batch)
