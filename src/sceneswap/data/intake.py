"""One scene of an import: found unchanged, left out, copied, or left in place. What runs in the processes of an import."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.data.matlab import SUFFIX as MATLAB
from sceneswap.data.matlab import read_matlab_values
from sceneswap.data.pairing import Pair, fitted
from sceneswap.data.record import ImportOptions
from sceneswap.errors import UserError
from sceneswap.files import sha256, write_bytes
from sceneswap.guard import keep_files
from sceneswap.images import check_photo, read_turned, resize_photo, write_picture
from sceneswap.labels.convention import encode
from sceneswap.labels.io import read_label_map, read_values, resize_label_map, write_label_map
from sceneswap.labels.mend import mend
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap, Photo

_QUALITY = 95  # of the JPEG of a photograph that was shrunk or turned


@dataclass(frozen=True)
class Outcome:
    """What became of a scene. entry: its line of the record if it is imported, else reason or fault: why it is not.

    classes, counts: the indices (n,) of the target in its label map and their pixels. new: not found imported already.
    """

    name: str
    identity: dict[str, Any]
    entry: dict[str, Any] | None = None
    reason: str = ""
    fault: str = ""
    new: bool = True
    classes: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()


def import_scene(
    task: tuple[Pair, dict[str, Any] | None, dict[str, Any] | None], out: Path, options: ImportOptions
) -> Outcome:
    """Import one scene, unless it is there or to be left out."""
    pair, old, before = task
    try:
        identity = _identity(pair, options)
    except UserError as error:
        return Outcome(pair.name, {}, fault=str(error))
    if before is not None and identity.items() <= before.items() and "reason" in before:
        return Outcome(pair.name, identity, reason=before["reason"])
    if old is not None:
        photo, label_map = _paths(out, pair, old["photo"])
        if identity.items() <= old.items() and (options.in_place or photo.is_file()) and _map_is_there(old, label_map):
            classes, counts = _counted(old, label_map, options)
            return Outcome(pair.name, identity, entry=old, new=False, classes=classes, counts=counts)
    try:
        _make_way(pair, identity, old or {}, out, options)
    except UserError as error:
        return Outcome(pair.name, identity, fault=str(error))
    if options.hashes is not None and identity["sha256"] not in options.hashes:
        return Outcome(pair.name, identity, reason="not in the list of hashes")
    repairs: dict[str, int] = {}
    try:
        if options.repair and pair.label_map.suffix.lower() != MATLAB:
            mended = mend(pair.label_map, options.schema)
            values, repairs = options.schema.decode(mended.label_map), mended.steps
        else:
            values = _values(pair.label_map, options.schema)
        picture, size, turned = _photo(pair.photo, options)
    except UserError as error:
        return Outcome(pair.name, identity, fault=str(error))
    read = encode(values, options.schema, str(pair.label_map))  # foreign numbers end it all: the schema is a wrong one
    try:
        read = fitted(read, str(pair.label_map), str(pair.photo), size, turned)
    except UserError as error:
        return Outcome(pair.name, identity, fault=str(error))
    return _keep(pair, identity, (picture, turned != 1), (read, repairs), out, options)


def _photo(path: Path, options: ImportOptions) -> tuple[Photo | None, tuple[int, int], int]:
    """What is to be written of a photograph, nothing in place; its size (height, width), and how it lay. Raises `UserError`."""
    if options.in_place:
        return None, *check_photo(path)
    photo, turned = read_turned(path)
    return photo, (photo.shape[0], photo.shape[1]), turned


def _keep(
    pair: Pair,
    identity: dict[str, Any],
    photo: tuple[Photo | None, bool],
    label_map: tuple[LabelMap, dict[str, int]],
    out: Path,
    options: ImportOptions,
) -> Outcome:
    """Write what is read unless it is to be left out. photo: and whether it lay on its side. label_map: and its repairs."""
    schema, target = options.schema, options.target
    read, repairs = label_map
    if options.selection is not None:
        pixels = np.bincount(read.ravel(), minlength=schema.num_classes + 1)
        if options.selection.share(pixels, schema) < options.selection.min_share:
            return Outcome(pair.name, identity, reason=f"not {options.selection.keep} enough")
    converted = options.mapping[read]
    void = float(np.mean(converted == target.void_index))
    if void > options.max_void:
        return Outcome(pair.name, identity, reason=f"with more than {options.max_void:.0%} void")
    picture, turned = photo
    if picture is None:
        entry = _keep_in_place(pair, converted, out, options, write=bool(repairs))
    else:
        converted, entry = _copy(pair, (picture, turned), converted, out, options)
    classes, counts = np.unique(converted, return_counts=True)
    indices, numbers = tuple(classes.tolist()), tuple(counts.tolist())
    if options.in_place:
        entry["pixels"] = dict(zip(map(str, indices), numbers, strict=True))
    entry |= {"repairs": repairs} if repairs else {}
    entry |= {**identity, "size": list(converted.shape), "void": round(void, 4)}
    return Outcome(pair.name, identity, entry=entry, classes=indices, counts=numbers)


def _keep_in_place(
    pair: Pair, label_map: LabelMap, out: Path, options: ImportOptions, *, write: bool
) -> dict[str, Any]:
    """Leave the photograph, and the label map unless it is converted; a map that is written stands relative to `out`.

    write: the label map in any case, since it was mended.
    """
    where = pair.label_map.absolute()
    if write or options.target != options.schema or pair.label_map.suffix.lower() == MATLAB:
        where = Path("labels") / f"{pair.name}.png"
        write_label_map(out / where, label_map, options.target)
    return {"photo": str(pair.photo.absolute()), "label_map": where.as_posix()}


def _copy(
    pair: Pair, read: tuple[Photo, bool], label_map: LabelMap, out: Path, options: ImportOptions
) -> tuple[LabelMap, dict[str, Any]]:
    """Write photograph and label map, or neither; return the map as written, and the record's first field."""
    photo, turned = read
    size = _shrunk(label_map.shape, options.short_side)
    shrink = size != label_map.shape
    rewrite = shrink or turned  # what is stored needs no EXIF
    photo_path, map_path = _paths(out, pair, f"{pair.name}.jpg" if rewrite else pair.photo.name)
    with _both(photo_path, map_path):
        if shrink:
            label_map, photo = resize_label_map(label_map, size), resize_photo(photo, size)
        if rewrite:
            write_picture(photo_path, photo, quality=_QUALITY)
        else:
            write_bytes(photo_path, pair.photo.read_bytes())
        write_label_map(map_path, label_map, options.target)
    return label_map, {"photo": photo_path.name}


def _make_way(pair: Pair, identity: dict[str, Any], old: dict[str, Any], out: Path, options: ImportOptions) -> None:
    """Remove what was imported of a scene whose files have changed. Raises `UserError` for files that are not of an import."""
    photos = set() if options.in_place else {old.get("photo", pair.photo.name), pair.photo.name, f"{pair.name}.jpg"}
    copied = [one.get("sha256") for one in (identity, old)]
    paths = [path for path in (out / "images" / name for name in photos) if path.exists()]
    label_map = out / "labels" / f"{pair.name}.png"
    keep_files([*(path for path in paths if sha256(path) not in copied), label_map])
    if old:
        _remove(*paths, label_map)


def _identity(pair: Pair, options: ImportOptions) -> dict[str, Any]:
    """What tells that the files of a scene are still the same: their sums; in place, where nothing is copied, their dates."""
    if not options.in_place:
        return {"sha256": sha256(pair.photo), "label_sha256": sha256(pair.label_map)}
    sums = {"sha256": sha256(pair.photo)} if options.hashes is not None else {}
    try:
        states = [path.stat() for path in (pair.photo, pair.label_map)]
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
    return sums | {"files": [number for s in states for number in (s.st_size, s.st_mtime_ns)]}


def _values(path: Path, schema: LabelSchema) -> NDArray[Any]:
    """The numbers of a label map, not yet checked."""
    return read_matlab_values(path) if path.suffix.lower() == MATLAB else read_values(path, schema)


def _map_is_there(entry: dict[str, Any], label_map: Path) -> bool:
    return Path(entry.get("label_map", "")).is_absolute() or label_map.is_file()


def _counted(entry: dict[str, Any], label_map: Path, options: ImportOptions) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if "pixels" in entry:
        return tuple(map(int, entry["pixels"])), tuple(entry["pixels"].values())
    classes, counts = np.unique(read_label_map(label_map, options.target), return_counts=True)
    return tuple(classes.tolist()), tuple(counts.tolist())


def _shrunk(size: tuple[int, ...], short_side: int) -> tuple[int, int]:
    """(height, width) with the shorter side at most `short_side` (0: as it is), in the same proportion."""
    height, width = size
    if short_side == 0 or min(size) <= short_side:
        return height, width
    return round(height * short_side / min(size)), round(width * short_side / min(size))


def _paths(out: Path, pair: Pair, photo_name: str) -> tuple[Path, Path]:
    return out / "images" / photo_name, out / "labels" / f"{pair.name}.png"


@contextmanager
def _both(*paths: Path) -> Iterator[None]:
    """Leave all files or none: a photograph without its label map would spoil the folder."""
    try:
        yield
    except BaseException:
        _remove(*paths)
        raise


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
