"""Drawings from files, one or a whole manifest: read ahead, batched by size, resumable; a row that fails stops no other."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from sceneswap.errors import UserError
from sceneswap.files import is_look, parse_json, read_text
from sceneswap.guard import keep_files
from sceneswap.images import read_picture_text, write_picture
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.tiled import OnTile
from sceneswap.jobs.manifest import Row
from sceneswap.jobs.note import picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.scene import LabelMap, Scene

T = TypeVar("T")

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
    """A row whose layout has been read."""

    row: Row
    label_map: LabelMap
    note: dict[str, str]


def synthesize(reader: SceneReader, row: Row, on_tile: OnTile = lambda done, total: None) -> None:
    """Draw one row and write its output. on_tile: see `Synthesizer.draw`. Raises `UserError`."""
    keep_files([row.output], row.inputs)
    layout = reader.layout(row.label_map, row.schema, photo=row.from_photo)
    photo = reader.synthesizer.draw(layout, reader.look(*row.look), on_tile=on_tile)
    write_picture(row.output, photo, row_note(reader, row))


def run_manifest(
    reader: SceneReader,
    rows: Sequence[Row],
    *,
    overwrite: bool = False,
    batch_size: int = 1,
    on_done: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Draw every row and write its output; rows that are there with the same settings inside are skipped.

    overwrite: draw them all the same. batch_size: the most pictures drawn at once; rows of equal size within a few batches
    are drawn together. How rows are gathered changes no picture, see `Synthesizer.draw_batch`. The next rows are read while
    these are drawn, and a shared exemplar is encoded once. on_done: called with the number of rows just settled. A row that
    fails does not stop the others.
    """
    if any(row.exemplar_label_map is None and not is_look(row.exemplar) for row in rows):
        _ = reader.labeller  # says at once when there is none
    outcome, synthesizer = Outcome(), reader.synthesizer
    looks: dict[Any, Look | UserError] = {}  # the last used ones, newest last; what failed stays failed
    length = _WINDOW * batch_size
    windows = [rows[start : start + length] for start in range(0, len(rows), length)]

    def read(window: Sequence[Row]) -> tuple[list[_Ready | UserError | None], dict[Any, Scene | Look | UserError]]:
        items = [_attempt(partial(_read, reader, row, overwrite)) for row in window]
        wanted = dict.fromkeys(item.row.look for item in items if isinstance(item, _Ready))
        return items, {key: _attempt(partial(reader.exemplar, *key)) for key in wanted if key not in looks}

    def look_of(row: Row, scenes: Mapping[Any, Scene | Look | UserError]) -> Look | UserError:
        if row.look in looks:
            look = looks.pop(row.look)
        else:
            known = row.look in scenes  # if not, it was evicted since
            found = scenes[row.look] if known else _attempt(partial(reader.exemplar, *row.look))
            look = _attempt(partial(synthesizer.encode, found)) if isinstance(found, Scene) else found
        looks[row.look] = look
        while len(looks) > _CACHED_EXEMPLARS:
            del looks[next(iter(looks))]
        return look

    def settle(row: Row, error: UserError | None) -> None:
        if error is not None:
            outcome.failures.append(Failure(row.line, str(row.output), str(error)))
        on_done(1)

    if not rows:
        return outcome
    thread = ThreadPoolExecutor(1, thread_name_prefix="manifest")
    try:
        ahead = thread.submit(read, windows[0])
        for window, following in zip_longest(windows, windows[1:], fillvalue=()):
            items, scenes = ahead.result()
            ahead = thread.submit(read, following)
            groups: dict[Any, list[tuple[_Ready, Look]]] = {}  # what can be drawn together
            for row, item in zip(window, items, strict=True):
                if not isinstance(item, _Ready):
                    outcome.skipped += item is None
                    settle(row, item)
                elif isinstance(look := look_of(row, scenes), UserError):
                    settle(row, look)
                else:
                    groups.setdefault(item.label_map.shape, []).append((item, look))
            for group in groups.values():
                for start in range(0, len(group), batch_size):
                    for row, error in _draw(synthesizer, group[start : start + batch_size], batch_size):
                        outcome.drawn += error is None
                        settle(row, error)
    finally:
        thread.shutdown(cancel_futures=True)
    outcome.failures.sort(key=lambda failure: failure.line)
    return outcome


def failures_path(rows: Sequence[Row]) -> Path:
    """`errors.jsonl` in the folder that holds all outputs."""
    return Path(os.path.commonpath([row.output.absolute().parent for row in rows])) / "errors.jsonl"


def check_failures_path(path: Path) -> None:
    """Raise `UserError` unless the list of failures may be written to `path`: nothing is there, or an earlier such list."""
    if not path.exists():
        return
    try:
        lines = [parse_json(line) for line in read_text(path, "").splitlines()]
        ours = all(line.keys() == {f.name for f in fields(Failure)} for line in lines)
    except (UserError, ValueError, AttributeError):
        ours = False
    if not ours:
        raise UserError(f"{path} is no list of failed rows and would be overwritten; name another file with --errors")


def failure_lines(outcome: Outcome) -> str:
    """The failures as JSON lines: line (of the manifest), output, error."""
    return "".join(json.dumps(asdict(failure), ensure_ascii=False) + "\n" for failure in outcome.failures)


def row_note(reader: SceneReader, row: Row) -> dict[str, str]:
    """The text inside a row's output; see `picture_note`."""
    layout = reader.layout_note(row.label_map, row.schema, photo=row.from_photo)
    return picture_note(reader.synthesizer, label_map=layout, **reader.exemplar_notes(*row.look))


def _attempt(make: Callable[[], T]) -> T | UserError:
    try:
        return make()
    except UserError as error:
        return error


def _read(reader: SceneReader, row: Row, overwrite: bool) -> _Ready | None:
    """Read a row's layout; None if its output is there already. Raises `UserError`."""
    note = row_note(reader, row)
    if not overwrite and row.output.exists():
        there = _attempt(partial(read_picture_text, row.output))
        if isinstance(there, dict) and there.items() >= note.items():
            return None
        keep_files([row.output])
    return _Ready(row, reader.layout(row.label_map, row.schema, photo=row.from_photo), note)


def _draw(
    synthesizer: Synthesizer, batch: Sequence[tuple[_Ready, Look]], batch_size: int
) -> Iterator[tuple[Row, UserError | None]]:
    """Draw rows together and write their outputs; yield each with what kept it from being drawn."""
    items, looks = zip(*batch, strict=True)
    draw = partial(synthesizer.draw_batch, [item.label_map for item in items], looks, batch_size=batch_size)
    photos = _attempt(draw)
    for number, item in enumerate(items):
        if isinstance(photos, UserError):
            yield item.row, photos
        else:
            yield item.row, _attempt(partial(write_picture, item.row.output, photos[number], item.note))
