"""Many drawings from a list: a CSV or JSON-lines manifest, read ahead, batched, resumable.

    label_map,exemplar,exemplar_label_map,output
    maps/1.png,photos/dusk.jpg,photos/dusk.png,out/1.png

Two further columns may name the schemas of a row's maps: `schema` and `exemplar_schema`. Paths are relative to the
manifest. What is wrong with the list itself is said before any work; what is wrong with a row's files costs that row.
"""

import csv
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sceneswap.errors import UserError
from sceneswap.images import read_png_text, write_png
from sceneswap.inference.synthesizer import EncodedExemplar, Synthesizer, file_note, picture_note
from sceneswap.labels.schema import PRESETS, LabelSchema, load_schema
from sceneswap.scene import LabelMap, Scene

COLUMNS = ("label_map", "exemplar", "exemplar_label_map", "output")
SETTINGS = ("schema", "exemplar_schema")

_WINDOW = 4  # batches that are read ahead and sorted by size together
_CACHED_EXEMPLARS = 32


@dataclass(frozen=True)
class Row:
    """One drawing to make. line: in the manifest. schema, exemplar_schema: of the map files, None: the model's own."""

    line: int
    label_map: Path
    exemplar: Path
    exemplar_label_map: Path
    output: Path
    schema: LabelSchema | None = None
    exemplar_schema: LabelSchema | None = None

    @property
    def look(self) -> tuple[Path, Path, LabelSchema | None]:
        """What makes two rows share an exemplar."""
        return self.exemplar, self.exemplar_label_map, self.exemplar_schema


@dataclass(frozen=True)
class Failure:
    """A row that could not be drawn, and why in a sentence."""

    line: int
    output: str
    error: str


@dataclass
class Outcome:
    """What became of the rows: how many were drawn, how many were there already, which failed."""

    drawn: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class _Ready:
    """A row whose files have been read."""

    row: Row
    label_map: LabelMap
    note: dict[str, str]


class _Looks:
    """Encoded exemplars, the `_CACHED_EXEMPLARS` last used ones kept; what failed stays failed."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer
        self._kept: OrderedDict[Any, EncodedExemplar | UserError] = OrderedDict()

    def __contains__(self, key: Any) -> bool:
        return key in self._kept

    def read(self, row: Row) -> Scene | UserError:
        """The exemplar's files as a scene; called ahead of time by the reading thread."""
        try:
            return self._synthesizer.read_scene(row.exemplar, row.exemplar_label_map, row.exemplar_schema)
        except UserError as error:
            return error

    def get(self, row: Row, scenes: Mapping[Any, Scene | UserError]) -> EncodedExemplar:
        """The encoded exemplar of `row`, from the cache or the scenes read ahead. Raises its `UserError`."""
        if row.look not in self._kept:
            scene = (
                scenes[row.look] if row.look in scenes else self.read(row)
            )  # evicted since the reading thread looked
            try:
                self._kept[row.look] = scene if isinstance(scene, UserError) else self._synthesizer.encode(scene)
            except UserError as error:
                self._kept[row.look] = error
            while len(self._kept) > _CACHED_EXEMPLARS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(row.look)
        look = self._kept[row.look]
        if isinstance(look, UserError):
            raise look
        return look


def read_manifest(path: Path) -> list[Row]:
    """Read a manifest, `.csv` with a header or `.jsonl` with one object per line.

    Raises `UserError` when it is missing, not readable, lacks columns or values, names unknown columns or schemas, or
    when an output is no .png, occurs twice or is also an input.
    """
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise UserError(f"the manifest {path} is neither .csv nor .jsonl; write one of these")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"the manifest {path} does not exist; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the manifest {path} cannot be read: {error}") from error
    lines = _csv_lines(path, text) if path.suffix.lower() == ".csv" else _json_lines(path, text)
    schemas: dict[str, LabelSchema] = {}
    rows = [_row(path, number, values, schemas) for number, values in lines]
    if not rows:
        raise UserError(f"the manifest {path} has no rows; give it at least one")
    _check_outputs(path, rows)
    return rows


def run_manifest(
    synthesizer: Synthesizer,
    rows: Sequence[Row],
    *,
    overwrite: bool = False,
    batch_size: int = 8,
    on_done: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Draw every row and write its output; rows that are there with the same settings inside are skipped.

    overwrite: draw them all the same. batch_size: the most pictures drawn at once; rows of equal size within a few
    batches are drawn together. The next rows are read while these are drawn, and a shared exemplar is encoded once.
    on_done: called with the number of rows just settled. A row that fails does not stop the others.
    """
    outcome, looks = Outcome(), _Looks(synthesizer)
    length = _WINDOW * batch_size
    windows = [rows[start : start + length] for start in range(0, len(rows), length)]

    def fail(row: Row, error: UserError) -> None:
        outcome.failures.append(Failure(row.line, str(row.output), str(error)))
        on_done(1)

    def prepare(window: Sequence[Row]) -> tuple[list[_Ready | tuple[Row, UserError | None]], dict[Any, Any]]:
        settled = [_prepare(synthesizer, row, overwrite) for row in window]
        wanted = {r.row.look: r.row for r in settled if isinstance(r, _Ready)}
        return settled, {key: looks.read(row) for key, row in wanted.items() if key not in looks}

    reader = ThreadPoolExecutor(1, thread_name_prefix="manifest")
    try:
        ahead = reader.submit(prepare, windows[0])
        for number in range(len(windows)):
            settled, scenes = ahead.result()
            if number + 1 < len(windows):
                ahead = reader.submit(prepare, windows[number + 1])
            ready: list[tuple[_Ready, EncodedExemplar]] = []
            for item in settled:
                if not isinstance(item, _Ready):
                    row, error = item
                    if error is not None:
                        fail(row, error)
                    else:
                        outcome.skipped += 1
                        on_done(1)
                    continue
                try:
                    ready.append((item, looks.get(item.row, scenes)))
                except UserError as error:
                    fail(item.row, error)
            for batch in _batches(ready, batch_size):
                _draw(synthesizer, batch, outcome, fail, on_done)
    finally:
        reader.shutdown(cancel_futures=True)
    outcome.failures.sort(key=lambda failure: failure.line)
    return outcome


def failures_path(rows: Sequence[Row]) -> Path:
    """`errors.jsonl` in the folder that holds all outputs."""
    return Path(os.path.commonpath([row.output.absolute().parent for row in rows])) / "errors.jsonl"


def failure_lines(outcome: Outcome) -> str:
    """The failures as JSON lines: line (of the manifest), output, error."""
    return "".join(json.dumps(asdict(failure), ensure_ascii=False) + "\n" for failure in outcome.failures)


def row_note(synthesizer: Synthesizer, row: Row) -> dict[str, str]:
    """The PNG text of a row's output; see `picture_note`."""
    model = synthesizer.schema
    return picture_note(
        synthesizer,
        label_map=file_note(synthesizer, row.label_map, row.schema or model),
        exemplar=file_note(synthesizer, row.exemplar),
        exemplar_label_map=file_note(synthesizer, row.exemplar_label_map, row.exemplar_schema or model),
    )


def check_output(output: Path, inputs: Sequence[Path]) -> None:
    """Raise `UserError` when `output` is no .png or one of `inputs`."""
    if output.suffix.lower() != ".png":
        raise UserError(f"the output {output} must be named .png: other formats lose detail or the settings inside")
    if output.resolve() in {path.resolve() for path in inputs}:
        raise UserError(f"the output {output} would overwrite an input; choose another name")


# --- One row, one batch -----------------------------------------------------------------------------------------------


def _prepare(synthesizer: Synthesizer, row: Row, overwrite: bool) -> _Ready | tuple[Row, UserError | None]:
    """Read a row's label map; (row, None) if its output is there already, (row, error) if it cannot be drawn."""
    try:
        note = row_note(synthesizer, row)
        if not overwrite and _is_there(row.output, note):
            return row, None
        return _Ready(row, synthesizer.read_label_map(row.label_map, row.schema), note)
    except UserError as error:
        return row, error


def _is_there(output: Path, note: Mapping[str, str]) -> bool:
    """Whether `output` is a whole PNG with these settings inside."""
    if not output.exists():
        return False
    try:
        return read_png_text(output).items() >= note.items()
    except UserError:
        return False


def _batches(
    ready: Sequence[tuple[_Ready, EncodedExemplar]], batch_size: int
) -> Iterator[list[tuple[_Ready, EncodedExemplar]]]:
    """Group rows that can be drawn together."""
    groups: dict[Any, list[tuple[_Ready, EncodedExemplar]]] = {}
    for item, look in ready:
        groups.setdefault((item.label_map.shape, look.size), []).append((item, look))
    for group in groups.values():
        for start in range(0, len(group), batch_size):
            yield group[start : start + batch_size]


def _draw(
    synthesizer: Synthesizer,
    batch: Sequence[tuple[_Ready, EncodedExemplar]],
    outcome: Outcome,
    fail: Callable[[Row, UserError], None],
    on_done: Callable[[int], None],
) -> None:
    items, looks = [item for item, _ in batch], [look for _, look in batch]
    try:
        photos = synthesizer.draw_batch([item.label_map for item in items], looks, batch_size=len(batch))
    except UserError as error:
        for item in items:
            fail(item.row, error)
        return
    for item, photo in zip(items, photos, strict=True):
        try:
            write_png(item.row.output, photo, item.note)
        except UserError as error:
            fail(item.row, error)
            continue
        outcome.drawn += 1
        on_done(1)


# --- Reading the list -------------------------------------------------------------------------------------------------


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
    if missing := [name for name in COLUMNS if name not in names]:
        raise UserError(f"the manifest {path}: {where} lacks {', '.join(missing)}; the columns are {known}")
    if extra := [name for name in names if name not in COLUMNS + SETTINGS]:
        raise UserError(
            f"the manifest {path}: {where} has an unknown column {extra[0]!r}; the columns are {known} and, if wanted, "
            f"{' and '.join(SETTINGS)}"
        )


def _row(path: Path, line: int, values: Mapping[str, Any], schemas: dict[str, LabelSchema]) -> Row:
    files: list[Path] = []
    for column in COLUMNS:
        value = values[column]
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"the manifest {path}: line {line} has no {column}; name a file")
        files.append(path.parent / value.strip())
    schema: list[LabelSchema | None] = []
    for setting in SETTINGS:
        name = values.get(setting)
        if name is not None and not isinstance(name, str):
            raise UserError(
                f"the manifest {path}: line {line}: {setting} must be a preset or the path of a schema file"
            )
        schema.append(_schema(path, line, name.strip(), schemas) if name and name.strip() else None)
    label_map, exemplar, exemplar_label_map, output = files
    return Row(line, label_map, exemplar, exemplar_label_map, output, *schema)


def _schema(path: Path, line: int, name: str, schemas: dict[str, LabelSchema]) -> LabelSchema:
    if name not in schemas:
        try:
            schemas[name] = load_schema(name if name in PRESETS else str(path.parent / name))
        except UserError as error:
            raise UserError(f"the manifest {path}: line {line}: {error}") from error
    return schemas[name]


def _check_outputs(path: Path, rows: Sequence[Row]) -> None:
    inputs: set[Path] = set()
    for row in rows:
        inputs |= {row.label_map.resolve(), row.exemplar.resolve(), row.exemplar_label_map.resolve()}
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
