"""The paper's style-structure grid: every layout drawn in the look of every exemplar, as pictures, a sheet and a page.

Or a single picture: the layout of one photograph in the look of another (`swap_two`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap.engines.local import in_order
from sceneswap.errors import UserError
from sceneswap.files import is_look, make_folder, write_json
from sceneswap.guard import keep_files
from sceneswap.images import write_picture, write_png
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.thumbnail import shown_look
from sceneswap.inference.tiled import OnTile
from sceneswap.jobs.note import class_colors, made, picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source, unique_names
from sceneswap.labels.io import colorize, write_label_map
from sceneswap.pictures import page_side, shrink, swap_grid
from sceneswap.report import write_page
from sceneswap.scene import LabelMap, Photo, Scene

_SHEET_PIXELS, _LARGEST_IN_SHEET = 36_000_000, 256  # pixels of the sheet; the longer side of a picture in it
_MAP = "exemplar_label_map"  # the note of one, which saved looks lack


@dataclass(frozen=True)
class _Exemplar:
    """A column of the grid: what is needed to draw after an exemplar and to show it."""

    name: str
    look: Look
    photo: Photo  # shrunk for the page
    notes: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _Layout:
    """A row of the grid."""

    name: str
    label_map: LabelMap
    shown: Photo  # the label map in colours, shrunk
    note: dict[str, Any]


@dataclass(frozen=True)
class Swaps:
    """A grid that is drawn: per row (layout) and column (exemplar) the picture, shrunk, and its file."""

    layouts: Sequence[_Layout]
    exemplars: Sequence[_Exemplar]
    pictures: list[list[Photo]]
    files: Sequence[Sequence[str]]


def swap(
    synthesizer: Synthesizer,
    sources: Sequence[Source],
    out: Path,
    *,
    looks: Sequence[Source] | None = None,
    reader: SceneReader | None = None,
    save_labels: Path | None = None,
    suffix: str = ".png",
    quality: int = 92,
    batch_size: int = 1,
    workers: int = 1,
    on_drawn: Callable[[int], None] = lambda count: None,
) -> Path:
    """Draw every layout in every look; return the page `out/index.html`.

    sources: scenes, which are rows and columns both, and saved looks, which are columns only. looks: the columns, if others
    are wanted; the sources are then rows, and may be label maps alone.
    Writes `out/swaps/ROW__COLUMN.png` (or another `suffix`, see `images.write_picture`), each at the size of its layout,
    `grid.png`, `swap.json` and `index.html`, which hold no date and no absolute path: the same pictures and model give the
    same files. reader: of the files, where label maps are estimated. save_labels: a folder for the maps that are. workers:
    batches worked at at once. on_drawn: called with the number of pictures just drawn. Raises `UserError`.
    """
    reader = reader or SceneReader(synthesizer)
    columns = sources if looks is None else looks
    _check(reader, sources, looks)
    kept = [save_labels / f"{source.name}.png" for source in sources] if save_labels else []
    rows = [one.name for one in sources if not is_look(one.photo)]
    files = _files(rows, [one.name for one in columns], suffix)
    outputs = [*(out / name for name in ("grid.png", "swap.json", "index.html", *chain(*files))), *kept]
    keep_files(outputs, [f for source in (*sources, *columns) for f in source.files], filled=[out / "swaps"])
    make_folder(out / "swaps")
    side = page_side(len(sources) * (len(columns) + 1) + len(columns))
    if looks is None:
        loaded = [_load(reader, source, side, save_labels) for source in sources]
        layouts, exemplars = [row for row, _ in loaded if row is not None], [column for _, column in loaded]
    else:
        layouts = [_layout(reader, source, side, save_labels) for source in sources]
        exemplars = [_exemplar(reader, source, side) for source in looks]
    swaps = Swaps(layouts, exemplars, [], files)
    _draw(synthesizer, swaps, out, side, quality, batch_size, workers, on_drawn)
    shown = [row.shown for row in layouts], [exemplar.photo for exemplar in exemplars]
    names = [row.name for row in layouts], [column.name for column in exemplars]
    write_png(out / "grid.png", swap_grid(*shown, swaps.pictures, _cell(*shown), names))
    write_json(out / "swap.json", _record(synthesizer, swaps))
    maps = [row.note for row in layouts] + [e.notes[_MAP] for e in exemplars if _MAP in e.notes]
    write_page(
        out / "index.html",
        "swap.html",
        swaps=swaps,
        model=synthesizer.name,
        colors=class_colors(synthesizer.schema, {int(i) for row in layouts for i in np.unique(row.label_map)}),
        made=made(
            synthesizer,
            "swaps/ holds every picture in full size, swap.json the list",
            {note["sha256"]: note for note in maps}.values(),
        ),
    )
    return out / "index.html"


def swap_two(
    layout: Source,
    exemplar: Source,
    out: Path,
    *,
    reader: SceneReader,
    save_labels: Path | None = None,
    on_tile: OnTile = lambda done, total: None,
) -> None:
    """Write the picture `out`: the layout of one scene in the look of the other. save_labels: see `swap`.

    on_tile: see `Synthesizer.draw`. Raises `UserError`.
    """
    kept = [save_labels / f"{source.name}.png" for source in (layout, exemplar)] if save_labels else []
    keep_files([out, *kept], [*layout.files, *exemplar.files])
    (of, _), (_, after) = (_load(reader, source, page_side(1), save_labels) for source in (layout, exemplar))
    if of is None:
        raise UserError(f"{layout.photo} is a look, which has no layout; name a photograph first, then the look")
    note = picture_note(reader.synthesizer, label_map=of.note, **after.notes)
    write_picture(out, reader.synthesizer.draw(of.label_map, after.look, on_tile=on_tile), note)


def _check(reader: SceneReader, sources: Sequence[Source], looks: Sequence[Source] | None) -> None:
    """Raise `UserError` when nothing reads the photographs, or there is no layout."""
    photos = [one for one in (*sources, *(looks or ())) if one.label_map is None and not is_look(one.photo)]
    if any(one not in sources or looks is None or reader.is_photo(one.photo, one.schema) for one in photos):
        _ = reader.labeller  # says at once when there is none
    without = [one for one in sources if is_look(one.photo)]
    if looks is None and len(without) == len(sources):
        raise UserError("a look has no layout; name at least one photograph beside it")
    if looks is not None and without:
        raise UserError(f"{without[0].photo} is a look, which has no layout; name it with --looks")


def _load(reader: SceneReader, source: Source, side: int, save_labels: Path | None) -> tuple[_Layout | None, _Exemplar]:
    """A scene as a row and as a column; a saved look is no row."""
    found = reader.exemplar(source.photo, source.label_map, source.schema)
    layout = None if isinstance(found, Look) else _layout(reader, source, side, save_labels, found)
    return layout, _exemplar(reader, source, side, found)


def _layout(
    reader: SceneReader, source: Source, side: int, save_labels: Path | None, scene: Scene | None = None
) -> _Layout:
    """A row: of a scene, a photograph, or a label map alone."""
    schema, label_file = reader.synthesizer.schema, source.label_map
    if scene is None and label_file is None and not reader.is_photo(source.photo, source.schema):
        label_file = source.photo
    estimated = label_file is None
    if scene is None and label_file is not None:
        label_map = reader.layout(label_file, source.schema, photo=False)
    else:
        whole = (scene or reader.scene(source.photo)).label_map
        if estimated and save_labels is not None:
            write_label_map(save_labels / f"{source.name}.png", whole, schema)
        label_map = reader.fitted(whole, photo=estimated)
    shown = shrink(colorize(label_map, schema), side, exact=True)
    note = reader.layout_note(label_file or source.photo, source.schema, photo=estimated)
    return _Layout(source.name, label_map, shown, note)


def _exemplar(reader: SceneReader, source: Source, side: int, found: Scene | Look | None = None) -> _Exemplar:
    """A column."""
    found = found or reader.exemplar(source.photo, source.label_map, source.schema)
    notes = reader.exemplar_notes(source.photo, source.label_map, source.schema)
    if isinstance(found, Look):
        return _Exemplar(source.name, found, shown_look(found.thumbnail, source.name), notes)
    return _Exemplar(source.name, reader.synthesizer.encode(found), shrink(found.photo, side), notes)


def _files(rows: Sequence[str], columns: Sequence[str], suffix: str) -> list[list[str]]:
    """The file of every picture, in the folder of the page."""
    names = iter(unique_names(f"{row}__{column}" for row in rows for column in columns))
    return [[f"swaps/{next(names)}{suffix}" for _ in columns] for _ in rows]


def _draw(
    synthesizer: Synthesizer,
    swaps: Swaps,
    out: Path,
    side: int,
    quality: int,
    batch_size: int,
    workers: int,
    on_drawn: Callable[[int], None],
) -> None:
    """Draw the grid row by row; every picture is written when it is drawn, and kept in the size of the page."""
    width = len(swaps.exemplars)

    def draw(batch: tuple[int, int]) -> list[Photo]:
        row, files = swaps.layouts[batch[0]], swaps.files[batch[0]][batch[1] :]
        columns = swaps.exemplars[batch[1] : batch[1] + batch_size]
        looks = [column.look for column in columns]
        photos = synthesizer.draw_batch([row.label_map] * len(looks), looks, batch_size=batch_size)
        for column, photo, file in zip(columns, photos, files, strict=False):
            note = picture_note(synthesizer, label_map=row.note, **column.notes)
            write_picture(out / file, photo, note, quality=quality)
        return [shrink(photo, side) for photo in photos]

    swaps.pictures.extend([] for _ in swaps.layouts)
    batches = [(row, start) for row in range(len(swaps.layouts)) for start in range(0, width, batch_size)]
    for (row, _), photos in zip(batches, in_order(draw, batches, workers), strict=True):
        swaps.pictures[row].extend(photos)
        on_drawn(len(photos))


def _cell(rows: Sequence[Photo], columns: Sequence[Photo]) -> tuple[int, int]:
    """Height and width of the sheet's cells: the largest picture's, within the limits of a sheet."""
    side = min(_LARGEST_IN_SHEET, int((_SHEET_PIXELS / ((len(rows) + 1) * (len(columns) + 1))) ** 0.5))
    shapes = [shrink(photo, side).shape for photo in (*rows, *columns)]
    return max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)


def _record(synthesizer: Synthesizer, swaps: Swaps) -> dict[str, Any]:
    layouts, exemplars = swaps.layouts, swaps.exemplars
    return {
        "model": synthesizer.describe(),
        "layouts": [
            {"name": one.name, **one.note, "size": dict(zip(("height", "width"), one.label_map.shape, strict=True))}
            for one in layouts
        ],
        "exemplars": [
            {"name": one.name, **one.notes["exemplar"], **({"label_map": one.notes[_MAP]} if _MAP in one.notes else {})}
            for one in exemplars
        ],
        "pictures": [
            {"layout": row.name, "exemplar": column.name, "file": file}
            for row, files in zip(layouts, swaps.files, strict=True)
            for column, file in zip(exemplars, files, strict=True)
        ],
    }
