"""The looks of a restyled data set: each encoded once and kept, and which of them a picture gets."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError, encoded
from sceneswap.files import LOOK_SUFFIX, is_look, slug
from sceneswap.inference.look import Look, alike, known_shares
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source
from sceneswap.scene import Scene


@dataclass(frozen=True)
class NamedLook:
    """A look and where it comes from. source: a photograph or a saved look. notes: see `SceneReader.exemplar_notes`."""

    name: str
    look: Look
    source: Path
    notes: dict[str, dict[str, Any]]

    @property
    def sha256(self) -> str:
        """Of the file `source`."""
        return str(self.notes["exemplar"]["sha256"])


@dataclass(frozen=True)
class Looks:
    """The looks to choose from."""

    named: Sequence[NamedLook]

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """(L, C) of every look, see `known_shares`."""
        return np.stack([known_shares(one.look.shares) for one in self.named])

    def check_shares(self) -> None:
        """Raise `UserError` for a look that does not tell the classes of its exemplar."""
        for one in self.named:
            if not one.look.shares:
                raise UserError(
                    f"the look {one.source} was saved without the classes of its photograph, which --overlap asks for; "
                    "encode it again, or leave out --overlap"
                )

    def fitting(
        self, image: str, *, seed: int, photo_sha256: str, shares: Sequence[float] = (), overlap: float = 0.0
    ) -> list[NamedLook]:
        """The looks for a picture, in the order in which its copies take them.

        The order is a pure function of (seed, image, look): a look more or less leaves that of the others alone. The
        picture's own photograph is none of them. shares: (C+1,) of the picture's label map. overlap: see
        `RestyleSettings`.
        """
        near = alike(shares, self._shares, overlap) if overlap > 0 else np.ones(len(self.named), np.bool_)
        fit = [one for one, is_near in zip(self.named, near, strict=True) if is_near and one.sha256 != photo_sha256]
        return sorted(fit, key=lambda one: hashlib.sha256(encoded(f"{seed}\n{image}\n{one.name}")).digest())


def encode_looks(
    reader: SceneReader,
    sources: Sequence[Source],
    kept: Path,
    track: Callable[[Sequence[Source]], Iterable[Source]] = iter,
) -> Looks:
    """Encode every exemplar once, into the folder `kept`, where a later run and other machines find it.

    Raises `UserError` for the first that cannot be used; looks of another model are refused.
    """
    return Looks([_encode(reader, source, kept) for source in track(sources)])


def _encode(reader: SceneReader, source: Source, kept: Path) -> NamedLook:
    notes = reader.exemplar_notes(source.photo, source.label_map, source.schema)
    if is_look(source.photo):
        return NamedLook(source.name, reader.look(source.photo), source.photo, notes)
    made_of = json.dumps({**notes, "read_at": reader.long_side, "model": reader.synthesizer.describe()}, sort_keys=True)
    path = kept / f"{slug(source.name)}-{hashlib.sha256(encoded(made_of)).hexdigest()[:12]}{LOOK_SUFFIX}"
    if path.exists():
        look = Look.load(path)
        reader.synthesizer.check_look(look)
    else:
        scene = reader.exemplar(source.photo, source.label_map, source.schema)
        assert isinstance(scene, Scene)
        look = reader.synthesizer.encode(scene)
        look.save(path)
    return NamedLook(source.name, look, source.photo, notes)
