"""What shards are: scenes in tars, as WebDataset and Hugging Face datasets read them, and files that say where each lies.

    shards/
      shard-000000.tar     00000000-beach.jpg  00000000-beach.labels.png  00000000-beach.json  00000001-dusk.jpg  …
      shard-000000.json    bytes and SHA-256 of that tar; title, place and SHA-256 of every scene in it
      shards.json          every tar with its counts and hashes, and the label schemas

Photographs and label maps keep their bytes. A scene is one stretch of its tar, hashed with its headers, so that a
single read fetches it and no changed byte goes unnoticed.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import DamagedError, UserError
from sceneswap.files import parse_json, read_bytes, slug
from sceneswap.labels.presets import schema_from_dict
from sceneswap.labels.schema import LabelSchema
from sceneswap.member import Member

INDEX = "shards.json"
FORMAT, SHARD_FORMAT = "sceneswap-shards-1", "sceneswap-shard-1"
LABELS, ABOUT = "labels", "json"  # what the fields of a scene begin with, beside the photograph's
END = bytes(2 * tarfile.BLOCKSIZE)  # of a tar
_PLAIN = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}  # one spelling for what decodes alike
_ODD = {
    tarfile.SYMTYPE: "a link", tarfile.LNKTYPE: "a link", tarfile.CHRTYPE: "a device", tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe", tarfile.DIRTYPE: "a folder",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")  # of a file beside shards.json
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shard:
    """A row of shards.json: a tar with the number and bytes of its scenes, its index, and the SHA-256 of both."""

    url: str
    nsamples: int
    filesize: int
    sha256: str
    index: str
    index_sha256: str

    def __post_init__(self) -> None:
        if not (_NAME.fullmatch(self.url) and _NAME.fullmatch(self.index)):
            raise ValueError("a shard lies beside the index")
        if not (_HASH.fullmatch(self.sha256) and _HASH.fullmatch(self.index_sha256)):
            raise ValueError("a hash is no SHA-256")
        if not (0 < self.nsamples <= 10**9 and 0 < self.filesize < 2**60):
            raise ValueError("impossible counts")


@dataclass(frozen=True)
class Places:
    """Where the n scenes of a tar lie. titles: folder/stem. spans: (n, 2) int64, first byte and bytes. digests: (n, 32)."""

    titles: tuple[str, ...]
    spans: NDArray[np.int64]
    digests: NDArray[np.uint8]


def key_of(number: int, title: str) -> str:
    """The name of scene `number` in its tar, without a dot, which would end it."""
    return f"{number:08d}-{slug(title.partition('/')[2].replace('.', '-'))[:60]}"


def pack(key: str, photo: Path, label_map: Path, about: Mapping[str, Any]) -> bytes:
    """A scene as a stretch of a tar. Equal files give equal bytes: no date, no owner. Raises `UserError`."""
    suffix = photo.suffix.lower()
    files = {
        _PLAIN.get(suffix, suffix)[1:]: read_bytes(photo, "the photograph"),
        f"{LABELS}{label_map.suffix.lower()}": read_bytes(label_map, "the label map"),
        ABOUT: json.dumps({"key": key, **about}, ensure_ascii=False).encode("utf-8", "backslashreplace"),
    }
    parts = []
    for field, data in files.items():
        header = tarfile.TarInfo(f"{key}.{field}")
        header.size = len(data)
        parts += [header.tobuf(tarfile.USTAR_FORMAT), data, bytes(-len(data) % tarfile.BLOCKSIZE)]
    return b"".join(parts)


def unpack(data: bytes, where: str) -> tuple[Member, Member, dict[str, Any]]:
    """Photograph, label map and what the JSON says, of a scene that `pack` made. where: the tar.

    Raises `DamagedError` for anything else: links, devices, names that lead elsewhere, a file too few or too many.
    """
    found: dict[str, Member] = {}
    keys = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                check_member(member, where)
                key, _, field = member.name.partition(".")
                file = tar.extractfile(member)
                assert file is not None  # it is a regular file
                found[field] = Member(f"{where}/{member.name}", file.read())
                keys.add(key)
        about = parse_json(found.pop(ABOUT).data.decode())
        label_map = found.pop(next(field for field in found if field.startswith(f"{LABELS}.")))
        (photo,) = found.values()
        if len(keys) != 1 or not isinstance(about, dict):
            raise ValueError
    except (tarfile.TarError, OSError, KeyError, ValueError, StopIteration) as error:
        names = ", ".join(sorted(keys)) or "a stretch"
        raise DamagedError(
            f"{where}: {names} is not a photograph with its label map and JSON, no more and no less; make the shard again"
        ) from error
    return photo, label_map, about


def check_member(member: tarfile.TarInfo, where: str) -> None:
    """Raise `DamagedError` unless a member of a tar is a plain file with a plain name."""
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
        raise DamagedError(
            f"{where} holds {member.name}, {_ODD.get(member.type, 'no plain file')}, but a shard holds plain files alone; "
            "make it again"
        )
    if not _NAME.fullmatch(member.name):
        raise DamagedError(f"{where} holds the name {member.name!r}, which leads elsewhere; make the shard again")


def digest_of(data: bytes) -> bytes:
    """SHA-256 of a stretch, 32 bytes."""
    return hashlib.sha256(data).digest()


def parse_shards(data: bytes, where: str) -> tuple[dict[str, LabelSchema], list[Shard]]:
    """Label schemas by name and shards in order, from the bytes of a shards.json. Raises `UserError` naming `where`."""
    content = _parsed(data, where, FORMAT)
    try:
        rows = [Shard(**row) for row in content["shardlist"]]
        names = [row.url for row in rows]
        if not rows or len(set(names)) != len(names):
            raise ValueError("no shard, or one twice")
        schemas = dict(content["schemas"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(where, error) from error
    return {name: schema_from_dict(one, f"{where}: schema {name}") for name, one in schemas.items()}, rows


def parse_places(data: bytes, shard: Shard, where: str) -> Places:
    """The index of a tar. Raises `UserError` unless it is the one that shards.json names, and fits the tar."""
    if hashlib.sha256(data).hexdigest() != shard.index_sha256:
        raise UserError(f"{where} is not the index that {INDEX} names, or was changed; copy both again from one place")
    content = _parsed(data, where, SHARD_FORMAT)
    try:
        titles, starts, sizes, digests = zip(*content["scenes"], strict=True)
        spans = np.array([starts, sizes], dtype=np.int64).T
        places = Places(tuple(map(str, titles)), spans, np.frombuffer(bytes.fromhex("".join(digests)), np.uint8))
        places = Places(places.titles, spans, places.digests.reshape(len(spans), 32))
        inside = (spans >= 0).all() and (spans[:, 0] <= shard.filesize - spans[:, 1]).all()
        if len(spans) != shard.nsamples or not inside:
            raise ValueError("it does not fit the tar")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _foreign(where, error) from error
    return places


def expand(pattern: str) -> list[str]:
    """The names that braces stand for, as in a shell: `s-{000..127}.tar`, `{a,b}.tar`; a name without braces is itself.

    Raises `UserError` for a range that counts down or has more than a million numbers.
    """
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    numbers = re.fullmatch(r"(\d+)\.\.(\d+)", match[1])
    if numbers:
        first, last = int(numbers[1]), int(numbers[2])
        if not first <= last < first + 1_000_000:
            raise UserError(f"{pattern}: {{{match[1]}}} counts from {first} to {last}; write the smaller number first")
        width = len(numbers[1]) if len(numbers[1]) == len(numbers[2]) or numbers[1].startswith("0") else 0
        inner = [f"{number:0{width}d}" for number in range(first, last + 1)]
    elif "," in match[1]:
        inner = match[1].split(",")
    else:
        raise UserError(f"{pattern}: {{{match[1]}}} is no range of shards; write it as {{000000..000127}}")
    rest = expand(pattern[match.end() :])
    return [pattern[: match.start()] + one + end for one in inner for end in rest]


def fingerprint_of(
    schemas: Mapping[str, LabelSchema], shards: Sequence[Shard], chosen: NDArray[np.int64] | None
) -> str:
    """SHA-256 of what tells the scenes of shards from others; chosen: the numbers of those that are used, None for all."""
    digest = hashlib.sha256(json.dumps({name: one.to_dict() for name, one in schemas.items()}, sort_keys=True).encode())
    digest.update("\n".join(shard.sha256 for shard in shards).encode())
    digest.update(b"" if chosen is None else chosen.tobytes())
    return digest.hexdigest()


def _parsed(data: bytes, where: str, form: str) -> dict[str, Any]:
    try:
        content = parse_json(data.decode())
    except ValueError as error:
        raise _foreign(where, error) from error
    if not isinstance(content, dict) or content.get("format") != form:
        raise _foreign(where, ValueError(f"its format is not {form}"))
    return content


def _foreign(where: str, error: Exception) -> UserError:
    return UserError(
        f"{where} is not an index of `sceneswap data shard` ({error}); copy it again, or make the shards again"
    )
