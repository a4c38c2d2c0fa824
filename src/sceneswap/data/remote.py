"""Where shards lie: in a folder, or behind a URL that the library webdataset opens; then each is fetched once and kept."""

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sceneswap.data.shard import INDEX, Shard
from sceneswap.errors import DamagedError, UserError, first_line
from sceneswap.files import MAX_TEXT, atomic_path, read_bytes, reading_error

_URL = re.compile(r"pipe:|[A-Za-z][A-Za-z0-9+.-]+://")
_TAR = re.compile(r"[^/\s'\"]+\.tar(?![^\s'\"])")  # the name of the shard within a URL or a command
_CHUNK = 2**20


def is_url(text: str) -> bool:
    """Whether `text` names something to be fetched: a URL, or a command after `pipe:`."""
    return _URL.match(text) is not None


@dataclass(frozen=True)
class Place:
    """A folder of shards, or the URL around their names. cache: the folder that keeps what a URL brings."""

    before: str
    after: str = ""
    cache: Path = Path()
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def __getstate__(self) -> tuple[str, str, Path]:
        return self.before, self.after, self.cache

    def __setstate__(self, state: tuple[str, str, Path]) -> None:
        for name, value in zip(("before", "after", "cache"), state, strict=True):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_lock", threading.Lock())

    @property
    def remote(self) -> bool:
        """Whether the shards are to be fetched."""
        return is_url(self.before)

    def named(self, name: str) -> str:
        """How a file of this place is called, for messages and to open it."""
        return f"{self.before}{name}{self.after}"

    def read_shards(self) -> bytes:
        """The bytes of shards.json, fetched anew. Raises `UserError` where there is none."""
        where = self.named(INDEX)
        if self.remote:
            with _fetched(where) as chunks:
                return _at_most(chunks, where)
        if not Path(where).exists():
            raise UserError(
                f"{where} is missing: train on shards that `sceneswap data shard` made, and copy it with them"
            )
        return read_bytes(Path(where))

    def read_index(self, shard: Shard) -> bytes:
        """The bytes of a shard's index. Raises `UserError`."""
        where = self.named(shard.index)
        if not self.remote:
            return read_bytes(Path(where))
        kept = self.cache / f"{shard.index_sha256}.json"
        self._keep(where, kept, shard.index_sha256, MAX_TEXT)
        return read_bytes(kept)

    def tar(self, shard: Shard) -> Path:
        """The tar on this machine, fetched if it is not yet. Raises `UserError`."""
        where = self.named(shard.url)
        if not self.remote:
            return Path(where)
        kept = self.cache / f"{shard.sha256}.tar"
        self._keep(where, kept, shard.sha256, shard.filesize)
        return kept

    def check(self, shard: Shard) -> None:
        """Raise `UserError` unless the tar is there and as long as shards.json says; of a URL that shows when it is fetched."""
        if self.remote:
            return
        path = Path(self.named(shard.url))
        try:
            size = path.stat().st_size
        except OSError as error:
            raise reading_error(path, error, "the shard") from None
        if size != shard.filesize:
            raise UserError(
                f"the shard {path} has {size:,} bytes, but {INDEX} says {shard.filesize:,}; copy it again, or make it again"
            )

    def _keep(self, url: str, path: Path, sha256: str, most: int) -> None:
        """Fetch `url` into `path`, which its hash names, unless it is there."""
        with self._lock:
            if path.is_file():
                return
            digest, size = hashlib.sha256(), 0
            with atomic_path(path) as temporary, temporary.open("wb") as file, _fetched(url) as chunks:
                for chunk in chunks:
                    size += len(chunk)
                    if size > most:
                        break
                    digest.update(chunk)
                    file.write(chunk)
                if size > most or digest.hexdigest() != sha256:
                    raise DamagedError(
                        f"{url} is not what {INDEX} says: its hash differs; fetch it again, or put it back there"
                    )


def place_of(text: str, cache: Path | None) -> tuple[Place, str]:
    """The place of the shard that a path or URL names, and its name there. Raises `UserError`."""
    cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sceneswap" / "shards"
    if not is_url(text):
        path = Path(text)
        return Place(f"{path.parent}/", cache=cache), path.name
    matches = [*_TAR.finditer(text)]
    if not matches:
        raise UserError(
            f"{text} names no shard; write it to the end, such as https://host/data/shard-{{000000..000127}}.tar"
        )
    match = matches[-1]
    return Place(text[: match.start()], text[match.end() :], cache), match[0]


@contextmanager
def _fetched(url: str) -> Iterator[Iterator[bytes]]:
    """The bytes behind a URL, chunk by chunk. Raises `UserError` when they do not come, or not all."""
    try:
        from webdataset.gopen import gopen
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("webdataset", "braceexpand", "yaml"):
            raise
        raise UserError(
            f"{url}: shards behind URLs need the package webdataset: pip install 'sceneswap[shards]'"
        ) from error

    def chunks(stream: Any) -> Iterator[bytes]:
        while chunk := stream.read(_CHUNK):
            yield chunk

    try:
        with gopen(url, "rb") as stream:
            yield chunks(stream)
    except UserError:
        raise
    except Exception as error:  # of whatever opens URLs of this kind: commands, libraries of clouds
        raise UserError(
            f"{url} cannot be fetched ({first_line(error)}); check the address, and whether you may read it"
        ) from error


def _at_most(chunks: Iterator[bytes], where: str) -> bytes:
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > MAX_TEXT:
            raise UserError(f"{where} is larger than {MAX_TEXT >> 20} MB, too large to be what it should be")
    return bytes(found)
