"""Scenes from shards, each fetched by its place in a tar: any order, nothing unpacked, every byte compared with its hash."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.data.chosen import selected, void_share
from sceneswap.data.folder import Source, source_of
from sceneswap.data.pairing import fitted
from sceneswap.data.remote import Place, is_url, place_of
from sceneswap.data.shard import (
    INDEX,
    Places,
    Shard,
    digest_of,
    expand,
    fingerprint_of,
    parse_places,
    parse_shards,
    unpack,
)
from sceneswap.errors import DamagedError, UserError
from sceneswap.files import reading_error
from sceneswap.images import read_turned
from sceneswap.labels.io import read_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.member import Member
from sceneswap.scene import LabelMap, Scene


@dataclass(frozen=True)
class Placed:
    """A shard, where it lies, and the label schemas of its scenes by name."""

    place: Place
    shard: Shard
    schemas: dict[str, LabelSchema]


def find_shards(data: Iterable[str | Path], cache: Path | None = None) -> list[Placed]:
    """The shards that folders, names with braces (`shard-{000000..000127}.tar`) and URLs stand for, in that order.

    Raises `UserError` when one is missing, has another length than shards.json says, or shards.json does not know it.
    """
    known: dict[tuple[str, str], tuple[Place, dict[str, LabelSchema], dict[str, Shard]]] = {}
    found: list[Placed] = []
    for text in map(str, data):
        whole = not is_url(text) and Path(text).is_dir()
        for name in [f"{text}/{INDEX}"] if whole else expand(text):
            place, file = place_of(name, cache)
            identity = place.before, place.after
            if identity not in known:
                schemas, shards = parse_shards(place.read_shards(), place.named(INDEX))
                known[identity] = place, schemas, {shard.url: shard for shard in shards}
            place, schemas, rows = known[identity]
            if not whole and file not in rows:
                raise UserError(
                    f"{name} is none of the {len(rows):,} shards of {place.named(INDEX)}, {next(iter(rows))} to "
                    f"{next(reversed(rows))}; correct the range"
                )
            found += [Placed(place, shard, schemas) for shard in (rows.values() if whole else [rows[file]])]
    for one in found:
        one.place.check(one.shard)
    return found


class ShardDataset:
    """The scenes of shards that `sceneswap data shard` made, label maps converted into one schema. Order: as named.

    data: see `find_shards`. schema, only: as of `FolderDataset`. cache: the folder that keeps shards fetched from URLs;
    else `sceneswap/shards` in the user's cache. Every scene is one read and compared with its hash. Safe to read from
    several threads and, being pickled, from several processes.

    Raises `UserError` in the constructor as `find_shards` does; when reading as `FolderDataset` does, and `DamagedError` for
    bytes that have changed.
    """

    def __init__(
        self,
        data: Sequence[str | Path],
        schema: LabelSchema,
        *,
        only: Sequence[str] | None = None,
        cache: Path | None = None,
    ) -> None:
        self.schema = schema
        self._shards = find_shards(data, cache)
        self._sources: dict[LabelSchema, Source] = {}
        for one in self._shards:
            for own in one.schemas.values():
                if own not in self._sources:
                    index = one.place.named(INDEX)
                    self._sources[own] = source_of(own, schema, index, f"the schema of what {INDEX} was made of")
        self._ends = np.cumsum([one.shard.nsamples for one in self._shards])
        self._chosen: NDArray[np.int64] | None = None
        if only is not None:
            titles = [title for number in range(len(self._shards)) for title in self._read_places(number).titles]
            self._chosen = np.array(selected(titles, only), dtype=np.int64)
        self._places = lru_cache(maxsize=None)(self._spans)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_places"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._places = lru_cache(maxsize=None)(self._spans)

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._chosen is None else len(self._chosen)

    def __getitem__(self, index: int) -> Scene:
        """Read scene `index` (0 … len-1), its label map in the data set's schema."""
        photo, label_map, source = self._members(index)
        pixels, turned = read_turned(photo)
        read = source.mapping[read_label_map(label_map, source.schema)]
        size = (pixels.shape[0], pixels.shape[1])
        return Scene(pixels, fitted(read, str(label_map), str(photo), size, turned), str(photo))

    def fingerprint(self) -> str:
        """SHA-256 of what tells these scenes from others: schemas, hashes of the shards in their order, choice."""
        schemas = {name: schema for one in self._shards for name, schema in one.schemas.items()}
        return fingerprint_of(schemas, [one.shard for one in self._shards], self._chosen)

    def void_share(self, most: int = 64) -> float:
        """As of `FolderDataset`."""
        return void_share(self._label_map, len(self), self.schema, most)

    def _label_map(self, index: int) -> LabelMap:
        _, label_map, source = self._members(index)
        return source.mapping[read_label_map(label_map, source.schema)]

    def _members(self, index: int) -> tuple[Member, Member, Source]:
        """Photograph and label map of scene `index`, and what the latter's numbers mean."""
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of a data set of {len(self)}")
        number = index if self._chosen is None else int(self._chosen[index])
        at = int(np.searchsorted(self._ends, number, side="right"))
        one = self._shards[at]
        within = number - (int(self._ends[at]) - one.shard.nsamples)
        spans, digests = self._places(at)
        where, path = one.place.named(one.shard.url), one.place.tar(one.shard)
        data = read_span(path, *spans[within].tolist())
        if digest_of(data) != digests[within].tobytes():
            title = self._read_places(at).titles[within]
            raise DamagedError(
                f"the scene {title} in {where} is damaged: its bytes are not those that were written; {_DO}"
            )
        photo, label_map, about = unpack(data, where)
        own = one.schemas.get(str(about.get("schema")))
        if own is None:
            raise DamagedError(f"{photo} is labelled in a schema that {one.place.named(INDEX)} does not have; {_DO}")
        return photo, label_map, self._sources[own]

    def _spans(self, at: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        places = self._read_places(at)
        return places.spans, places.digests

    def _read_places(self, at: int) -> Places:
        one = self._shards[at]
        return parse_places(one.place.read_index(one.shard), one.shard, one.place.named(one.shard.index))


_DO = "copy the shard again (`sceneswap data verify` finds all that is damaged), or train with --skip-damaged"


def read_span(path: Path, start: int, size: int) -> bytes:
    """`size` bytes of a file from `start` on, fewer at its end. Raises `UserError` when it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            parts, at = [], start
            while at < start + size and (part := os.pread(file.fileno(), start + size - at, at)):
                parts.append(part)
                at += len(part)
    except OSError as error:
        raise reading_error(path, error, "the shard") from error
    return b"".join(parts)
