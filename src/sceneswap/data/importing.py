"""A data folder made of anybody's labelled photographs: paired, checked, chosen, converted, shrunk if wanted.

What was imported, and how, lies beside the pictures in `import.json`; an import that was interrupted goes on. An import "in
place" copies no photographs: its folder holds an index of where they are.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.data.intake import Outcome, import_scene
from sceneswap.data.pairing import Pair
from sceneswap.data.record import INDEX, KEPT, RECORD, ImportOptions, open_record, schema_text
from sceneswap.data.selection import Selection
from sceneswap.errors import UserError
from sceneswap.files import MAX_TEXT, make_folder, read_json, write_json, write_text
from sceneswap.processes import mapping

_SAVED_EVERY = 30.0  # seconds, in case the process is killed
_INDENTED = 20_000  # scenes up to which the record is laid out for reading, which takes its time
_AT_ONCE = 128  # scenes at most that go to a process together


@dataclass
class ImportSummary:
    """What an import did. pixels, maps: (C+1,) int64 of the imported label maps, per class of the target, void last.

    written, present: pictures imported now, and found imported already. left_out: reason -> pictures. faults: a sentence
    for every file that cannot be used, by the scene's name. mended: label maps imported now that had to be mended; repairs:
    what was done to them -> pixels.
    """

    pixels: NDArray[np.int64]
    maps: NDArray[np.int64]
    written: int = 0
    present: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    mended: int = 0
    repairs: Counter[str] = field(default_factory=Counter)


def read_hashes(path: Path, part: str) -> frozenset[str]:
    """Return the SHA-256 sums listed under `part` in a JSON file {"train": [...], "validation": [...], ...}.

    Raises `UserError` when the file is no such list or does not know the part.
    """
    lists = read_json(path, "lists of SHA-256 sums by part", most=MAX_TEXT)
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
    workers: int = 1,
) -> ImportSummary:
    """Write a data folder `out` of `pairs`: images/, labels/, schema.toml and import.json; or, in place, an index of them.

    Photographs are copied byte for byte, or, when they are shrunk or lie on their side, written upright as JPEG; label
    maps become 8- or 16-bit PNGs. Pictures that an earlier run with the same options has imported are left alone. A file
    that cannot be used is listed and passed over. source: where the pictures come from, for import.json. track: passes the
    pairs on one by one, to show progress. workers: processes.

    Raises `UserError` for numbers that the schema does not know, a folder that holds other data, and when no picture is
    left.
    """
    _check(options)
    record = open_record(out, options, [pair.name for pair in pairs])
    record = {"source": source, **record}
    pictures, left_out = record["pictures"], record["left_out"]
    none = np.zeros(options.target.num_classes + 1, dtype=np.int64)
    summary = ImportSummary(pixels=none, maps=none.copy())
    make_folder(out)
    write_text(out / "schema.toml", schema_text(options.target))
    _save(out, record)
    tasks = ((pair, pictures.get(pair.name), left_out.get(pair.name)) for pair in pairs)
    saved = time.monotonic()
    try:
        at_once = max(8, min(_AT_ONCE, len(pairs) // (16 * workers)))
        with mapping(min(workers, len(pairs) // (4 * at_once)), at_once) as each:
            outcomes = each(partial(import_scene, out=out, options=options), tasks)
            for _, outcome in zip(track(pairs), outcomes, strict=True):
                _note(outcome, pictures, left_out, summary)
                if time.monotonic() - saved > _SAVED_EVERY:
                    _save(out, record)
                    saved = time.monotonic()
    finally:
        _save(out, record, indent=2 if len(pictures) + len(left_out) <= _INDENTED else None)
        if options.in_place:
            scenes = {name: [entry["photo"], entry["label_map"]] for name, entry in sorted(pictures.items())}
            write_json(out / INDEX, {"scenes": scenes}, indent=None)
    if options.selection is not None:
        _write_kept(out, options, options.selection, sorted(pictures), len(pairs))
    if not pictures:
        raise UserError(f"no picture of {source} was imported: {_why(summary)}")
    if not summary.pixels[:-1].any():
        raise UserError(
            f"what was imported to {out} is void everywhere: none of the classes that occur has a counterpart in "
            f"{options.target.name}; choose another --to, or correct --schema"
        )
    return summary


def _save(out: Path, record: dict[str, Any], indent: int | None = None) -> None:
    plain = {key: value for key, value in record.items() if key != "left_out" or value}
    write_json(out / RECORD, plain, indent=indent)


def _write_kept(out: Path, options: ImportOptions, selection: Selection, names: list[str], total: int) -> None:
    write_json(
        out / KEPT,
        {
            "rule": selection.describe(options.schema), "keep": selection.keep, "min_share": selection.min_share,
            "kept": len(names), "of": total, "stems": names,
        },
    )  # fmt: skip


def _why(summary: ImportSummary) -> str:
    reasons = [f"{count:,} {reason}" for reason, count in summary.left_out.items()]
    if summary.faults:
        first = next(iter(summary.faults.values()))
        return ", ".join([*reasons, f"{len(summary.faults):,} cannot be used, the first because {first}"])
    return f"{', '.join(reasons)}; loosen the options"


def _note(outcome: Outcome, pictures: dict[str, Any], left_out: dict[str, Any], summary: ImportSummary) -> None:
    """Bring the record and the summary up to date with what became of a scene."""
    name = outcome.name
    pictures.pop(name, None)
    left_out.pop(name, None)
    if outcome.entry is not None:
        pictures[name] = outcome.entry
        summary.pixels[list(outcome.classes)] += outcome.counts
        summary.maps[list(outcome.classes)] += 1
        summary.written += outcome.new
        summary.present += not outcome.new
        repairs = outcome.entry.get("repairs") if outcome.new else None
        summary.mended += bool(repairs)
        summary.repairs.update(repairs or {})
    elif outcome.fault:
        left_out[name] = {"fault": outcome.fault}
        summary.faults[name] = outcome.fault
    else:
        left_out[name] = {"reason": outcome.reason, **outcome.identity}
        summary.left_out[outcome.reason] = summary.left_out.get(outcome.reason, 0) + 1


def _check(options: ImportOptions) -> None:
    schema, target = options.schema, options.target
    if options.in_place and options.short_side:
        raise UserError("--in-place leaves photographs as they are, so it goes without --short-side")
    if options.selection is not None:
        options.selection.check(schema)
    if bool(np.all(schema.mapping_to(target) == target.void_index)):
        raise UserError(
            f"no class of schema {schema.name} has a counterpart in {target.name}, so everything would be void; "
            "choose another --to, or give the classes their counterparts in a schema file"
        )
