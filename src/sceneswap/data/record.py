"""What an import is asked to do, and the files beside its pictures: what was imported and how (`import.json`), the index of
an import in place, the list of the scenes that a selection kept, and schema.toml."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.data.pairing import some
from sceneswap.data.selection import Selection
from sceneswap.errors import UserError
from sceneswap.files import MAX_TEXT, read_json
from sceneswap.guard import keep_folder
from sceneswap.labels.presets import PRESETS, load_schema
from sceneswap.labels.schema import LabelSchema

RECORD, INDEX, KEPT = "import.json", "index.json", "kept.json"


@dataclass(frozen=True)
class ImportOptions:
    """What to do with every picture.

    schema: what the label maps hold. target: the schema to convert to; classes without a counterpart become void.
    short_side: shrink photographs whose shorter side is longer than this, in pixels; 0 leaves all as they are.
    max_void: leave out pictures of which more than this share, 0 … 1, is void after the conversion.
    hashes: import only photographs with one of these SHA-256 sums (hexadecimal) of their files; None: all.
    selection: import only scenes that it keeps; None: all. in_place: leave the photographs where they are, and the label
    maps too unless they are converted. repair: mend label maps that are almost such (`labels.mend`).
    """

    schema: LabelSchema
    target: LabelSchema
    short_side: int = 0
    max_void: float = 1.0
    hashes: frozenset[str] | None = None
    selection: Selection | None = None
    in_place: bool = False
    repair: bool = False

    @cached_property
    def mapping(self) -> NDArray[np.int16]:
        """(C+1,) for every index of `schema` that of `target`."""
        return self.schema.mapping_to(self.target)


def open_record(out: Path, options: ImportOptions, names: Collection[str]) -> dict[str, Any]:
    """What an earlier run with the same options has recorded in `out`, or a new record; a folder of anything else is refused.

    names: of the scenes that the source has.
    """
    path = out / RECORD
    header: dict[str, Any] = {
        "schema": _described(options.schema),
        "to": _described(options.target),
        "short_side": options.short_side,
        "max_void": options.max_void,
        "hashes": None if options.hashes is None else _sum_of(options.hashes),
    }
    if options.selection is not None:
        header |= {"keep": options.selection.keep, "min_share": options.selection.min_share}
    if options.in_place:
        header["in_place"] = True
    if options.repair:
        header["repair"] = True
    new: dict[str, Any] = {**header, "pictures": {}, "left_out": {}}
    if not keep_folder(out, RECORD, ("images", "labels", "schema.toml", INDEX, KEPT), "`data import`"):
        return new
    record = read_json(path, "the record of an import", most=MAX_TEXT)
    try:
        pictures, left_out = record["pictures"], record.get("left_out", {})
        optional = {"keep", "min_share", "in_place", "repair"}
        other = [name for name, value in header.items() if name not in optional and record[name] != value]
        other += [name for name in sorted(optional) if record.get(name) != header.get(name)]
        strangers = sorted(set(pictures) - set(names))
        sound = all(isinstance(entry, dict) for entry in (*pictures.values(), *left_out.values()))
        if not options.in_place and "in_place" not in record:
            sound = sound and all(Path(entry["photo"]).name == entry["photo"] for entry in pictures.values())
    except (KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise UserError(f"{path} is not the record of an import; choose another folder")
    if not pictures and not any((out / name).is_dir() and any((out / name).iterdir()) for name in ("images", "labels")):
        return new
    if other:
        names_of = ", ".join(name.replace("_", " ") for name in other)
        raise UserError(
            f"{out} was imported with other options ({names_of}); give the same, choose another folder or remove this one"
        )
    if strangers:
        raise UserError(
            f"{out} holds {len(strangers)} pictures that the source does not have: {some(strangers)}; "
            "choose another folder for every source"
        )
    return {**header, "pictures": pictures, "left_out": left_out}


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


def _described(schema: LabelSchema) -> str | dict[str, Any]:
    """The name of a preset, or every class of another schema."""
    return schema.name if _is_preset(schema) else schema.to_dict()


def _is_preset(schema: LabelSchema) -> bool:
    return schema.name in PRESETS and load_schema(schema.name) == schema


def _sum_of(hashes: frozenset[str]) -> str:
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
