"""The list of many drawings: a CSV or JSON-lines manifest.

    label_map,exemplar,exemplar_label_map,output
    maps/1.png,photos/dusk.jpg,photos/dusk.png,out/1.png

A label_map may also be a photograph whose layout is wanted, and exemplar_label_map may be left out or empty: what is
missing is estimated. Two further columns may name the schemas of a row's maps: `schema` and `exemplar_schema`. Paths are
relative to the manifest. What is wrong with the list itself is said before any work (`jobs.synthesize` does it).
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneswap.errors import UserError
from sceneswap.files import read_text
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
    when an output is no .png, occurs twice or is also an input.
    """
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise UserError(f"the manifest {path} is neither .csv nor .jsonl; write one of these")
    text = read_text(path, "the manifest")
    lines = _csv_lines(path, text) if path.suffix.lower() == ".csv" else _json_lines(path, text)
    schemas: dict[str, LabelSchema] = {}
    rows = [_row(path, number, values, schemas) for number, values in lines]
    if not rows:
        raise UserError(f"the manifest {path} has no rows; give it at least one")
    _check_outputs(path, rows)
    return rows


def check_output(output: Path, inputs: Sequence[Path]) -> None:
    """Raise `UserError` when `output` is no .png or one of `inputs`."""
    if output.suffix.lower() != ".png":
        raise UserError(f"the output {output} must be named .png: other formats lose detail or the settings inside")
    if output.resolve() in {path.resolve() for path in inputs}:
        raise UserError(f"the output {output} would overwrite an input; choose another name")


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(), restkey="", strict=True, skipinitialspace=True)
    try:
        _check_columns(path, "its header", reader.fieldnames or [])
        for values in reader:
            if "" in values:
                raise UserError(f"the manifest {path}: line {reader.line_num} has more values than there are columns")
            yield reader.line_num, values
    except csv.Error as error:
        raise UserError(f"the manifest {path}: line {reader.line_num} is not valid CSV ({error})") from error


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"the manifest {path}: line {number} is not valid JSON ({error})") from error
        if not isinstance(values, dict):
            raise UserError(f"the manifest {path}: line {number} must be an object with {', '.join(COLUMNS)}")
        _check_columns(path, f"line {number}", values)
        yield number, values


def _check_columns(path: Path, where: str, names: Sequence[str] | Mapping[str, Any]) -> None:
    known = ", ".join(COLUMNS)
    if missing := [name for name in COLUMNS if name not in (*names, *OPTIONAL)]:
        raise UserError(f"the manifest {path}: {where} lacks {', '.join(missing)}; the columns are {known}")
    if extra := [name for name in names if name not in COLUMNS + SETTINGS]:
        raise UserError(
            f"the manifest {path}: {where} has an unknown column {extra[0]!r}; the columns are {known} and, if wanted, "
            f"{' and '.join(SETTINGS)}"
        )


def _row(path: Path, line: int, values: Mapping[str, Any], schemas: dict[str, LabelSchema]) -> Row:
    files: dict[str, Path] = {}
    for column in COLUMNS:
        value = values.get(column) or ""
        if isinstance(value, str) and value.strip():
            files[column] = path.parent / value.strip()
        elif column not in OPTIONAL or not isinstance(value, str):
            raise UserError(f"the manifest {path}: line {line} has no {column}; name a file")
    schemas_of_row: list[LabelSchema | None] = []
    for setting in SETTINGS:
        name = values.get(setting)
        if name is not None and not isinstance(name, str):
            raise UserError(
                f"the manifest {path}: line {line}: {setting} must be a preset or the path of a schema file"
            )
        schemas_of_row.append(_schema(path, line, name.strip(), schemas) if name and name.strip() else None)
    schema, exemplar_schema = schemas_of_row
    look = files["exemplar"], files.get("exemplar_label_map")
    return Row(line, files["label_map"], *look, files["output"], schema, exemplar_schema)


def _schema(path: Path, line: int, name: str, schemas: dict[str, LabelSchema]) -> LabelSchema:
    if name not in schemas:
        try:
            schemas[name] = load_schema(name if name in PRESETS else str(path.parent / name))
        except UserError as error:
            raise UserError(f"the manifest {path}: line {line}: {error}") from error
    return schemas[name]


def _check_outputs(path: Path, rows: Sequence[Row]) -> None:
    inputs = {file.resolve() for row in rows for file in row.inputs}
    seen: dict[Path, int] = {}
    for row in rows:
        try:
            check_output(row.output, ())
        except UserError as error:
            raise UserError(f"the manifest {path}: line {row.line}: {error}") from None
        output = row.output.resolve()
        if output in seen:
            raise UserError(
                f"the manifest {path}: lines {seen[output]} and {row.line} both write {row.output}; rename one of them"
            )
        if output in inputs:
            raise UserError(f"the manifest {path}: line {row.line} would overwrite the input {row.output}; rename it")
        seen[output] = row.line
