"""Shards made of data folders: several at once, the same bytes every time, gone on with when interrupted. See `shard`."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from sceneswap.data.folder import FolderDataset, file_print, read_folder_schema
from sceneswap.data.shard import END, FORMAT, INDEX, LABELS, SHARD_FORMAT, Shard, digest_of, key_of, pack
from sceneswap.errors import UserError
from sceneswap.files import atomic_path, make_folder, read_json, sha256, write_json
from sceneswap.guard import keep_files, may_overwrite
from sceneswap.labels.schema import LabelSchema
from sceneswap.processes import mapping

_HEADERS = 3 * 512 + 3 * 256  # bytes of a scene beside its files, roughly: headers, and what fills the last blocks
_ABOUT = 200  # bytes of its JSON, roughly


@dataclass(frozen=True)
class Source:
    """A scene to be packed. schema: the name under which shards.json has it."""

    number: int
    title: str
    photo: Path
    label_map: Path
    schema: str


@dataclass(frozen=True)
class Summary:
    """What was written. present: shards that were there already."""

    scenes: int
    shards: int
    bytes: int
    present: int


def shard_folders(
    roots: Sequence[Path],
    out: Path,
    *,
    size: int = 256 * 10**6,
    workers: int = 1,
    track: Callable[[Sequence[list[Source]]], Iterable[list[Source]]] = iter,
) -> Summary:
    """Write the scenes of data folders as shards of about `size` bytes, in the order in which training knows them.

    Shards that an earlier run has finished are left alone. track: passes the shards on one by one, to show progress.
    Raises `UserError` for what `FolderDataset` would, and for a folder that holds shards of other scenes or sizes.
    """
    schemas, sources = _sources(roots)
    plan = _plan(sources, size)
    _refuse_others(out, len(plan))
    make_folder(out)
    present = sum(_paths(out, number)[1].is_file() for number in range(len(plan)))
    with mapping(min(workers, len(plan)), 1) as each:
        done = each(partial(write_shard, out=out, overwrite=may_overwrite()), enumerate(plan))
        shards = [shard for _, shard in zip(track(plan), done, strict=True)]
    count, total = sum(s.nsamples for s in shards), sum(s.filesize for s in shards)
    write_json(
        out / INDEX,
        {
            "format": FORMAT, "scenes": count, "bytes": total,
            "schemas": {name: schema.to_dict() for name, schema in schemas.items()},
            "shardlist": [asdict(shard) for shard in shards],
        },
    )  # fmt: skip
    return Summary(count, len(shards), total, present)


def write_shard(task: tuple[int, list[Source]], out: Path, overwrite: bool = False) -> Shard:
    """Write one shard and its index, the tar first; what is there already from the same files stays. Raises `UserError`."""
    number, sources = task
    tar, index = _paths(out, number)
    origin = _origin(sources)
    if index.is_file():
        found = _finished(tar, index, origin)
        if found is not None:
            return found
        raise UserError(
            f"{index} is of other scenes or another size than these shards would be, or {tar.name} is not complete; remove "
            "both, or choose another folder"
        )
    scenes, at, whole = [], 0, hashlib.sha256()
    with atomic_path(tar) as temporary:
        with temporary.open("wb") as file:
            for source in sources:
                about = {
                    "title": source.title, "photo": source.photo.name, LABELS: source.label_map.name, "schema": source.schema
                }  # fmt: skip
                data = pack(key_of(source.number, source.title), source.photo, source.label_map, about)
                scenes.append([source.title, at, len(data), digest_of(data).hex()])
                at += len(data)
                whole.update(data)
                file.write(data)
            file.write(END)
            whole.update(END)
        if tar.exists() and not overwrite and sha256(tar) != whole.hexdigest():
            raise UserError(f"{tar} exists and is not what would be written; remove it, or choose another folder")
    write_json(
        index,
        {
            "format": SHARD_FORMAT, "tar": tar.name, "bytes": at + len(END), "sha256": whole.hexdigest(), "origin": origin,
            "scenes": scenes,
        },
        indent=None,
    )  # fmt: skip
    return Shard(tar.name, len(scenes), at + len(END), whole.hexdigest(), index.name, sha256(index))


def _sources(roots: Sequence[Path]) -> tuple[dict[str, LabelSchema], list[Source]]:
    """The schemas of data folders, each under a name of its own, and all scenes, in the order of `FolderDataset`."""
    if not roots:
        raise UserError("no data folder was given; name at least one folder with images/, labels/ and schema.toml")
    schemas: dict[str, LabelSchema] = {}
    sources: list[Source] = []
    for root in roots:
        schema = read_folder_schema(root)
        name, again = schema.name, 1
        while schemas.setdefault(name, schema) != schema:
            again += 1
            name = f"{schema.name}-{again}"
        scenes = FolderDataset([root], schema)
        rows = zip(scenes.titles, scenes.names, scenes.label_maps, strict=True)
        sources += [Source(len(sources) + n, t, Path(photo), m, name) for n, (t, photo, m) in enumerate(rows)]
    return schemas, sources


def _plan(sources: Sequence[Source], size: int) -> list[list[Source]]:
    """Which scenes go to which shard: in order, as many as fit, one at least."""
    plan: list[list[Source]] = [[]]
    room = size
    for source in sources:
        try:
            need = source.photo.stat().st_size + source.label_map.stat().st_size + _HEADERS + _ABOUT
        except OSError as error:
            raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
        if need > room and plan[-1]:
            plan.append([])
            room = size
        plan[-1].append(source)
        room -= need
    return plan


def _paths(out: Path, number: int) -> tuple[Path, Path]:
    return out / f"shard-{number:06d}.tar", out / f"shard-{number:06d}.json"


def _origin(sources: Sequence[Source]) -> str:
    """SHA-256 of what a shard is made of: names, sizes and both ends of its files."""
    digest = hashlib.sha256()
    for s in sources:
        digest.update(f"{s.number} {s.title!a} {s.schema!a} {file_print(s.photo)} {file_print(s.label_map)}\n".encode())
    return digest.hexdigest()


def _finished(tar: Path, index: Path, origin: str) -> Shard | None:
    """The shard that is there, if it is of these scenes and of the size that its index says."""
    content = read_json(index, "the index of a shard")
    try:
        same = content["origin"] == origin and tar.is_file() and tar.stat().st_size == content["bytes"]
        scenes, size, whole = len(content["scenes"]), int(content["bytes"]), str(content["sha256"])
        return Shard(tar.name, scenes, size, whole, index.name, sha256(index)) if same else None
    except (KeyError, TypeError, ValueError):
        return None


def _refuse_others(out: Path, count: int) -> None:
    """Refuse a folder with more shards than would be written, or with a shards.json of something else."""
    keep_files([out / INDEX])
    mine = {path.name for number in range(count) for path in _paths(out, number)}
    more = sorted(path.name for path in out.glob("shard-*.*") if path.name not in mine) if out.is_dir() else []
    if more:
        raise UserError(
            f"{out} holds {more[0]}, which these shards would not have; remove it, or choose another folder"
        )
