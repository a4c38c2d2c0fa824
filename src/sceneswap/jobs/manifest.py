"""The list of many drawings: a CSV or JSON-lines manifest.

    label_map,exemplar,exemplar_label_map,output
    maps/1.png,photos/dusk.jpg,photos/dusk.png,out/1.png

A label_map may also be a photograph whose layout is wanted, and exemplar_label_map may be left out or empty: what is
missing is estimated. Two further columns may name the schemas of a row's maps: `schema` and `exemplar_schema`. Paths are
relative to the manifest. Semicolons or tabs may separate a CSV. What is wrong with the list itself is said before any work
(`jobs.synthesize` does it).
"""

import csv
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from sceneswap.errors import UserError
from sceneswap.files import parse_json, read_text
from sceneswap.guard import keep_inputs
from sceneswap.images import WRITTEN_SUFFIXES
from sceneswap.labels.presets import PRESETS, load_schema
from sceneswap.labels.schema import LabelSchema

COLUMNS = ("label_map", "exemplar", "exemplar_label_map", "output")
OPTIONAL = ("exemplar_label_map",)
SETTINGS = ("schema", "exemplar_schema")


@dataclass(frozen=True)
class Row:
    """One drawing to make. line: in the manifest. schema, exemplar_schema: of the map files, None: the model's own.

    label_map: the layout, a label map or a photograph. exemplar_label_map: None to estimate it. from_photo: whether the
    layout is a photograph; None: told by its content.
    """

    line: int
    label_map: Path
    exemplar: Path
    exemplar_label_map: Path | None
    output: Path
    schema: LabelSchema | None = None
    exemplar_schema: LabelSchema | None = None
    from_photo: bool | None = None

    @property
    def look(self) -> tuple[Path, Path | None, LabelSchema | None]:
        """What makes two rows share an exemplar."""
        return self.exemplar, self.exemplar_label_map, self.exemplar_schema

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that are read."""
        return tuple(p for p in (self.label_map, self.exemplar, self.exemplar_label_map) if p is not None)


def read_manifest(path: Path) -> list[Row]:
    """Read a manifest, `.csv` with a header or `.jsonl` with one object per line.

    Raises `UserError` when it is missing, not readable, lacks columns or values, names unknown columns or schemas, or
    when an output is no .png, .jpg or .webp, occurs twice or is also an input.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".jsonl"):
        raise UserError(f"the manifest {path} is neither .csv nor .jsonl; write one of these")
    text = read_text(path, "the manifest")
    lines: Iterator[tuple[int, dict[str, Any]]] = (_csv_lines if suffix == ".csv" else _json_lines)(text)
    number, rows = 0, list[Row]()
    schema_of = cache(lambda name: load_schema(name if name in PRESETS else str(path.parent / name)))
    try:
        for number, values in lines:
            rows.append(_row(path.parent, number, values, schema_of))
        _check_outputs(path, rows)
    except _ManifestError as error:
        raise UserError(f"the manifest {path}: {error}") from error
    except UserError as error:
        raise UserError(f"the manifest {path}: line {number}: {error}") from error
    if not rows:
        raise UserError(f"the manifest {path} has no rows; give it at least one")
    return rows


class _ManifestError(UserError):
    """Says itself where in the list the mistake is."""


def check_output(output: Path, inputs: Sequence[Path]) -> None:
    """Raise `UserError` when `output` is no kind of picture that is written (.png, .jpg, .webp), or one of `inputs`."""
    if output.suffix.lower() not in WRITTEN_SUFFIXES:
        raise UserError(f"the output {output} must be named .png (exact), .jpg or .webp; choose one of these")
    keep_inputs([output], inputs)


def _csv_lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(
        StringIO(text, newline=""), restkey="", strict=True, skipinitialspace=True, delimiter=_separator(text)
    )
    try:
        while reader.fieldnames and not reader.fieldnames[-1]:  # spreadsheets write empty ones
            reader.fieldnames = reader.fieldnames[:-1]
        _check_columns("its header", reader.fieldnames or [])
        for values in reader:
            beyond = any(values.pop("", []))
            if not beyond and not any(values.values()):
                continue
            if beyond:
                raise _ManifestError(f"line {reader.line_num} has more values than there are columns")
            yield reader.line_num, values
    except csv.Error as error:
        raise _ManifestError(f"line {reader.line_num} is not valid CSV ({error})") from error


def _separator(text: str) -> str:
    """The comma, or what spreadsheets of other languages write in its place: told by the header."""
    header = text.split("\n", 1)[0]
    known = set(COLUMNS + SETTINGS)
    return max(",;\t", key=lambda mark: len(known & {name.strip(' "\r') for name in header.split(mark)}))


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = parse_json(line)
        except ValueError as error:
            raise _ManifestError(f"line {number} is not valid JSON ({error})") from error
        if not isinstance(values, dict):
            raise _ManifestError(f"line {number} must be an object with {', '.join(COLUMNS)}")
        _check_columns(f"line {number}", values)
        yield number, values


def _check_columns(where: str, names: Collection[str]) -> None:
    known = ", ".join(COLUMNS)
    if missing := [name for name in COLUMNS if name not in (*names, *OPTIONAL)]:
        raise _ManifestError(f"{where} lacks {', '.join(missing)}; the columns are {known}")
    if extra := [name for name in names if name not in COLUMNS + SETTINGS]:
        raise _ManifestError(
            f"{where} has an unknown column {extra[0]!r}; the columns are {known} and, if wanted, {' and '.join(SETTINGS)}"
        )


def _row(folder: Path, line: int, values: Mapping[str, Any], schema_of: Callable[[str], LabelSchema]) -> Row:
    given: dict[str, Any] = {}
    for name in COLUMNS + SETTINGS:
        value = values.get(name) or ""
        if not isinstance(value, str) or not (value.strip() or name in OPTIONAL + SETTINGS):
            if name in SETTINGS:
                raise UserError(f"{name} must be a preset or the path of a schema file")
            raise _ManifestError(f"line {line} has no {name}; name a file")
        if any(c == "\0" or 0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise _ManifestError(f"line {line}: {name} {value!r} is not a name that a file can have")
        make = schema_of if name in SETTINGS else folder.joinpath
        given[name] = make(value.strip()) if value.strip() else None
    check_output(given["output"], ())
    return Row(line, **given)


def _check_outputs(manifest: Path, rows: Sequence[Row]) -> None:
    inputs = {os.path.realpath(file) for row in rows for file in row.inputs}
    seen: dict[str, int] = {}
    for row in rows:
        output = os.path.realpath(row.output)
        if output in seen:
            raise _ManifestError(f"lines {seen[output]} and {row.line} both write {row.output}; rename one of them")
        if output in inputs:
            raise _ManifestError(f"line {row.line} would overwrite the input {row.output}; rename it")
        seen[output] = row.line
    keep_inputs([row.output for row in rows], [manifest, *(file for row in rows for file in row.inputs)])
