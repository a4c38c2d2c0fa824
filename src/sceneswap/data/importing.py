"""A data folder made of anybody's labelled photographs: paired, checked, converted into one schema, shrunk if wanted.

What was imported, and how, lies beside the pictures in `import.json`; an import that was interrupted goes on.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneswap.data.pairing import Pair, some
from sceneswap.errors import UserError
from sceneswap.files import atomic_path, make_folder, read_json, sha256, write_bytes, write_json, write_text
from sceneswap.images import read_photo, resize_photo
from sceneswap.labels.io import read_label_map, resize_label_map, write_label_map
from sceneswap.labels.presets import PRESETS, load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap

RECORD = "import.json"
_QUALITY = 95  # of the JPEG of a photograph that was shrunk
_SAVED_EVERY = 1000  # pictures, in case the process is killed


@dataclass(frozen=True)
class ImportOptions:
    """What to do with every picture.

    schema: what the label maps hold. target: the schema to convert to; classes without a counterpart become void.
    short_side: shrink photographs whose shorter side is longer than this, in pixels; 0 leaves all as they are.
    max_void: leave out pictures of which more than this share, 0 … 1, is void after the conversion.
    hashes: import only photographs with one of these SHA-256 sums (hexadecimal) of their files; None: all.
    """

    schema: LabelSchema
    target: LabelSchema
    short_side: int = 0
    max_void: float = 1.0
    hashes: frozenset[str] | None = None


@dataclass
class ImportSummary:
    """What an import did. pixels, maps: (C+1,) int64 of the imported label maps, per class of the target, void last.

    written, present: pictures imported now, and found imported already. left_out: reason -> pictures.
    """

    pixels: NDArray[np.int64]
    maps: NDArray[np.int64]
    written: int = 0
    present: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def count(self, label_map: LabelMap) -> None:
        """Add one imported label map of class indices."""
        counts = np.bincount(label_map.ravel(), minlength=len(self.pixels))
        self.pixels += counts
        self.maps += counts > 0

    def leave_out(self, reason: str) -> None:
        """Note one picture that is not imported."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def read_hashes(path: Path, part: str) -> frozenset[str]:
    """Return the SHA-256 sums listed under `part` in a JSON file {"train": [...], "validation": [...], ...}.

    Raises `UserError` when the file is no such list or does not know the part.
    """
    lists = read_json(path, "lists of SHA-256 sums by part")
    if not isinstance(lists, dict) or not all(isinstance(value, list) for value in lists.values()):
        raise UserError(f'{path} does not hold lists of SHA-256 sums by part; write it as {{"train": ["…"]}}')
    if part not in lists:
        raise UserError(f"{path} has no part {part!r}; it has {', '.join(lists) or 'none'}")
    return frozenset(str(value).lower() for value in lists[part])


def import_pairs(
    pairs: Sequence[Pair],
    out: Path,
    options: ImportOptions,
    source: str,
    track: Callable[[Sequence[Pair]], Iterable[Pair]] = iter,
) -> ImportSummary:
    """Write a data folder `out` of `pairs`: images/, labels/, schema.toml and import.json.

    Photographs are copied byte for byte, or, when they are shrunk, written as JPEG; label maps become 8- or 16-bit
    PNGs. Pictures that an earlier run with the same options has imported are left alone. source: where the pictures
    come from, for import.json. track: passes the pairs on one by one, to show progress.

    Raises `UserError` for files that cannot be used, a folder that holds other data, and when no picture is left.
    """
    _check(options)
    record = _open_record(out, options, pairs)
    pictures: dict[str, dict[str, Any]] = record["pictures"]
    none = np.zeros(options.target.num_classes + 1, dtype=np.int64)
    summary = ImportSummary(pixels=none, maps=none.copy())
    make_folder(out)
    write_text(out / "schema.toml", schema_text(options.target))
    write_json(out / RECORD, {"source": source, **record})
    try:
        for number, pair in enumerate(track(pairs), start=1):
            _import_one(pair, out, options, pictures, summary)
            if number % _SAVED_EVERY == 0:
                write_json(out / RECORD, {"source": source, **record})
    finally:
        write_json(out / RECORD, {"source": source, **record})
    if not pictures:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary.left_out.items())
        raise UserError(f"no picture of {source} was imported: {reasons}; loosen the options")
    return summary


def _import_one(
    pair: Pair, out: Path, options: ImportOptions, pictures: dict[str, dict[str, Any]], summary: ImportSummary
) -> None:
    """Import one scene, unless it is there or to be left out; `pictures` and `summary` are brought up to date."""
    target = options.target
    sums = {"sha256": sha256(pair.photo), "label_sha256": sha256(pair.label_map)}
    old = pictures.get(pair.name)
    if old is not None:
        photo, label_map = _paths(out, pair.name, old["photo"])
        if sums.items() <= old.items() and photo.is_file() and label_map.is_file():
            summary.count(read_label_map(label_map, target))
            summary.present += 1
            return
        del pictures[pair.name]
        _remove(photo, label_map)
    if options.hashes is not None and sums["sha256"] not in options.hashes:
        summary.leave_out("not in the list of hashes")
        return
    pixels, converted = _read(pair, options.schema, target)
    void = float(np.mean(converted == target.void_index))
    if void > options.max_void:
        summary.leave_out(f"with more than {options.max_void:.0%} void")
        return
    size = _shrunk(converted.shape, options.short_side)
    shrink = size != converted.shape
    photo, label_map = _paths(out, pair.name, f"{pair.name}.jpg" if shrink else pair.photo.name)
    with _both(photo, label_map):
        if shrink:
            converted = resize_label_map(converted, size)
            _write_jpeg(photo, resize_photo(pixels, size))
        else:
            write_bytes(photo, pair.photo.read_bytes())
        write_label_map(label_map, converted, target)
    pictures[pair.name] = {"photo": photo.name, **sums, "size": list(size), "void": round(void, 4)}
    summary.count(converted)
    summary.written += 1


def _check(options: ImportOptions) -> None:
    schema, target = options.schema, options.target
    if options.short_side < 0:
        raise UserError(f"--short-side {options.short_side}: give a number of pixels, or 0 to leave photographs alone")
    if not 0 <= options.max_void <= 1:
        raise UserError(f"--max-void {options.max_void}: give a share from 0 to 1")
    if bool(np.all(schema.mapping_to(target) == target.void_index)):
        raise UserError(
            f"no class of schema {schema.name} has a counterpart in {target.name}, so everything would be void; "
            "choose another --to, or give the classes their counterparts in a schema file"
        )


def _open_record(out: Path, options: ImportOptions, pairs: Sequence[Pair]) -> dict[str, Any]:
    """What an earlier run has recorded in `out`, or a new record; a folder of anything else is refused."""
    path = out / RECORD
    header = {
        "schema": _described(options.schema),
        "to": _described(options.target),
        "short_side": options.short_side,
        "max_void": options.max_void,
        "hashes": None if options.hashes is None else _sum_of(options.hashes),
    }
    new: dict[str, Any] = {**header, "pictures": {}}
    if not path.exists():
        if any((out / name).exists() for name in ("images", "labels", "schema.toml")):
            raise UserError(f"{out} holds data that `data import` has not written; choose another folder")
        return new
    record = read_json(path, "the record of an import")
    try:
        pictures = record["pictures"]
        other = [name for name, value in header.items() if record[name] != value]
        strangers = sorted(set(pictures) - {pair.name for pair in pairs})
        sound = all(Path(entry["photo"]).name == entry["photo"] for entry in pictures.values())
    except (KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise UserError(f"{path} is not the record of an import; choose another folder")
    if not pictures and not any((out / name).is_dir() and any((out / name).iterdir()) for name in ("images", "labels")):
        return new
    if other:
        names = ", ".join(name.replace("_", " ") for name in other)
        raise UserError(
            f"{out} was imported with other options ({names}); give the same, choose another folder or remove this one"
        )
    if strangers:
        raise UserError(
            f"{out} holds {len(strangers)} pictures that the source does not have: {some(strangers)}; "
            "choose another folder for every source"
        )
    return {**header, "pictures": pictures}


def _described(schema: LabelSchema) -> str | dict[str, Any]:
    """The name of a preset, or every class of another schema."""
    return schema.name if _is_preset(schema) else schema.to_dict()


def _is_preset(schema: LabelSchema) -> bool:
    return schema.name in PRESETS and load_schema(schema.name) == schema


def _sum_of(hashes: frozenset[str]) -> str:
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def _read(pair: Pair, schema: LabelSchema, target: LabelSchema) -> tuple[NDArray[np.uint8], LabelMap]:
    """The photograph and its label map in the classes of `target`, of one size."""
    photo, label_map = read_photo(pair.photo), read_label_map(pair.label_map, schema)
    if photo.shape[:2] != label_map.shape:
        raise UserError(
            f"{pair.photo} is {photo.shape[1]} x {photo.shape[0]} pixels but {pair.label_map} is "
            f"{label_map.shape[1]} x {label_map.shape[0]} (width x height); they must be of one size"
        )
    return photo, schema.convert(label_map, target)


def _shrunk(size: tuple[int, ...], short_side: int) -> tuple[int, int]:
    """(height, width) with the shorter side at most `short_side` (0: as it is), in the same proportion."""
    height, width = size
    if short_side == 0 or min(size) <= short_side:
        return height, width
    return round(height * short_side / min(size)), round(width * short_side / min(size))


def _write_jpeg(path: Path, photo: NDArray[np.uint8]) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(photo).save(temporary, format="JPEG", quality=_QUALITY, subsampling=0)


def _paths(out: Path, name: str, photo_name: str) -> tuple[Path, Path]:
    return out / "images" / photo_name, out / "labels" / f"{name}.png"


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


def schema_text(schema: LabelSchema) -> str:
    """The text of a schema.toml: one line for a preset, else every class. (JSON's texts and numbers are TOML's too.)"""
    if _is_preset(schema):
        return f'preset = "{schema.name}"\n'
    whole = schema.to_dict()
    lines = [f"{key} = {json.dumps(value)}" for key, value in whole.items() if key != "classes"]
    lines.append("classes = [")
    for c in whole["classes"]:
        fields = (f"{key} = {json.dumps(value)}" for key, value in c.items() if value is not None)
        lines.append(f"  {{ {', '.join(fields)} }},")
    return "\n".join([*lines, "]", ""])
