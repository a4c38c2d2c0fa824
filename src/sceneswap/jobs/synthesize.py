"""Many drawings at once: read ahead, batched by size, resumable; a row that fails does not stop the others."""

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
from sceneswap.inference.exemplar import EncodedExemplar
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.manifest import Row
from sceneswap.jobs.note import picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.scene import LabelMap, Scene

_WINDOW = 4  # batches that are read ahead and sorted by size together
_CACHED_EXEMPLARS = 32


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

    def __init__(self, reader: SceneReader) -> None:
        self._reader = reader
        self._kept: OrderedDict[Any, EncodedExemplar | UserError] = OrderedDict()

    def __contains__(self, key: Any) -> bool:
        return key in self._kept

    def read(self, row: Row) -> Scene | UserError:
        """The exemplar's files as a scene; called ahead of time by the reading thread."""
        try:
            return self._reader.scene(row.exemplar, row.exemplar_label_map, row.exemplar_schema)
        except UserError as error:
            return error

    def get(self, row: Row, scenes: Mapping[Any, Scene | UserError]) -> EncodedExemplar:
        """The encoded exemplar of `row`, from the cache or the scenes read ahead. Raises its `UserError`."""
        if row.look not in self._kept:
            scene = (
                scenes[row.look] if row.look in scenes else self.read(row)
            )  # evicted since the reading thread looked
            try:
                self._kept[row.look] = scene if isinstance(scene, UserError) else self._reader.synthesizer.encode(scene)
            except UserError as error:
                self._kept[row.look] = error
            while len(self._kept) > _CACHED_EXEMPLARS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(row.look)
        look = self._kept[row.look]
        if isinstance(look, UserError):
            raise look
        return look


def run_manifest(
    synthesizer: Synthesizer,
    rows: Sequence[Row],
    *,
    reader: SceneReader | None = None,
    overwrite: bool = False,
    batch_size: int = 8,
    on_done: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Draw every row and write its output; rows that are there with the same settings inside are skipped.

    reader: of the files, where photographs stand for label maps. overwrite: draw them all the same. batch_size: the most
    pictures drawn at once; rows of equal size within a few batches are drawn together. The next rows are read while these
    are drawn, and a shared exemplar is encoded once.
    on_done: called with the number of rows just settled. A row that fails does not stop the others.
    """
    reader = reader or SceneReader(synthesizer)
    outcome, looks = Outcome(), _Looks(reader)
    length = _WINDOW * batch_size
    windows = [rows[start : start + length] for start in range(0, len(rows), length)]

    def fail(row: Row, error: UserError) -> None:
        outcome.failures.append(Failure(row.line, str(row.output), str(error)))
        on_done(1)

    def prepare(window: Sequence[Row]) -> tuple[list[_Ready | tuple[Row, UserError | None]], dict[Any, Any]]:
        settled = [_prepare(reader, row, overwrite) for row in window]
        wanted = {r.row.look: r.row for r in settled if isinstance(r, _Ready)}
        return settled, {key: looks.read(row) for key, row in wanted.items() if key not in looks}

    thread = ThreadPoolExecutor(1, thread_name_prefix="manifest")
    try:
        ahead = thread.submit(prepare, windows[0])
        for number in range(len(windows)):
            settled, scenes = ahead.result()
            if number + 1 < len(windows):
                ahead = thread.submit(prepare, windows[number + 1])
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
        thread.shutdown(cancel_futures=True)
    outcome.failures.sort(key=lambda failure: failure.line)
    return outcome


def failures_path(rows: Sequence[Row]) -> Path:
    """`errors.jsonl` in the folder that holds all outputs."""
    return Path(os.path.commonpath([row.output.absolute().parent for row in rows])) / "errors.jsonl"


def failure_lines(outcome: Outcome) -> str:
    """The failures as JSON lines: line (of the manifest), output, error."""
    return "".join(json.dumps(asdict(failure), ensure_ascii=False) + "\n" for failure in outcome.failures)


def row_note(reader: SceneReader, row: Row) -> dict[str, str]:
    """The PNG text of a row's output; see `picture_note`."""
    return picture_note(
        reader.synthesizer,
        label_map=reader.layout_note(row.label_map, row.schema, photo=row.from_photo),
        exemplar=(row.exemplar, None),
        exemplar_label_map=reader.map_note(row.exemplar, row.exemplar_label_map, row.exemplar_schema),
    )


# --- One row, one batch -----------------------------------------------------------------------------------------------


def _prepare(reader: SceneReader, row: Row, overwrite: bool) -> _Ready | tuple[Row, UserError | None]:
    """Read a row's layout; (row, None) if its output is there already, (row, error) if it cannot be drawn."""
    try:
        note = row_note(reader, row)
        if not overwrite and _is_there(row.output, note):
            return row, None
        return _Ready(row, reader.layout(row.label_map, row.schema, photo=row.from_photo), note)
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
