"""The paper's style-structure grid: every layout drawn in the look of every exemplar, as pictures, a sheet and a page.

Or a single picture: the layout of one photograph in the look of another (`swap_two`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap.errors import UserError
from sceneswap.files import is_look, keep_inputs, make_folder, write_json
from sceneswap.images import write_png
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.note import class_colors, made, picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source, unique_names
from sceneswap.labels.io import colorize, write_label_map
from sceneswap.pictures import page_side, placeholder, shrink, swap_grid
from sceneswap.report import write_page
from sceneswap.scene import LabelMap, Photo

_SHEET_PIXELS, _LARGEST_IN_SHEET = 36_000_000, 256  # pixels of the sheet; the longer side of a picture in it


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
    pictures: Sequence[list[Photo]]
    files: Sequence[Sequence[str]]


def swap(
    synthesizer: Synthesizer,
    sources: Sequence[Source],
    out: Path,
    *,
    reader: SceneReader | None = None,
    save_labels: Path | None = None,
    batch_size: int = 8,
    on_drawn: Callable[[int], None] = lambda count: None,
) -> Path:
    """Draw every layout in every look; return the page `out/index.html`. Saved looks are columns only.

    Writes `out/swaps/ROW__COLUMN.png`, each at the size of its layout, `grid.png`, `swap.json` and `index.html`, which
    hold no date and no absolute path: the same pictures and model give the same files. reader: of the files, where label
    maps are estimated. save_labels: a folder for the maps that are. on_drawn: called with the number of pictures just
    drawn. Raises `UserError`.
    """
    reader = reader or SceneReader(synthesizer)
    if any(source.label_map is None and not is_look(source.photo) for source in sources):
        _ = reader.labeller  # says at once when there is none
    if all(is_look(source.photo) for source in sources):
        raise UserError("a look has no layout; name at least one photograph beside it")
    kept = [save_labels / f"{source.name}.png" for source in sources] if save_labels else []
    outputs = [*(out / name for name in ("grid.png", "swap.json", "index.html")), *kept]
    keep_inputs(outputs, [f for source in sources for f in source.files], filled=[out / "swaps"])
    make_folder(out / "swaps")
    side = page_side(len(sources) * (len(sources) + 2))
    loaded = [_load(reader, source, side, save_labels) for source in sources]
    layouts, exemplars = [layout for layout, _ in loaded if layout is not None], [exemplar for _, exemplar in loaded]
    swaps = _draw(synthesizer, layouts, exemplars, out, side, batch_size, on_drawn)
    shown = [exemplar.photo for exemplar in exemplars]
    names = [row.name for row in layouts], [column.name for column in exemplars]
    write_png(out / "grid.png", swap_grid([row.shown for row in layouts], shown, swaps.pictures, _cell(shown), names))
    write_json(out / "swap.json", _record(synthesizer, swaps))
    write_page(
        out / "index.html",
        "swap.html",
        swaps=swaps,
        model=synthesizer.name,
        colors=class_colors(synthesizer.schema, {int(i) for row in layouts for i in np.unique(row.label_map)}),
        made=made(
            synthesizer,
            "swaps/ holds every picture in full size, swap.json the list",
            [e.notes["exemplar_label_map"] for e in _scenes(swaps)],
        ),
    )
    return out / "index.html"


def swap_two(
    layout: Source, exemplar: Source, out: Path, *, reader: SceneReader, save_labels: Path | None = None
) -> None:
    """Write the picture `out`: the layout of one scene in the look of the other. save_labels: see `swap`.

    Raises `UserError`.
    """
    kept = [save_labels / f"{source.name}.png" for source in (layout, exemplar)] if save_labels else []
    keep_inputs([out, *kept], [*layout.files, *exemplar.files])
    (of, _), (_, after) = (_load(reader, source, page_side(1), save_labels) for source in (layout, exemplar))
    if of is None:
        raise UserError(f"{layout.photo} is a look, which has no layout; name a photograph first, then the look")
    note = picture_note(reader.synthesizer, label_map=of.note, **after.notes)
    write_png(out, reader.synthesizer.draw(of.label_map, after.look), note)


def _load(reader: SceneReader, source: Source, side: int, save_labels: Path | None) -> tuple[_Layout | None, _Exemplar]:
    """A scene as a row and as a column; a saved look is no row."""
    synthesizer, estimated = reader.synthesizer, source.label_map is None
    scene = reader.exemplar(source.photo, source.label_map, source.schema)
    notes = reader.exemplar_notes(source.photo, source.label_map, source.schema)
    if isinstance(scene, Look):
        return None, _Exemplar(source.name, scene, placeholder(f"saved look\n{source.name}"), notes)
    label_map = reader.fitted(scene.label_map, photo=estimated)
    if estimated and save_labels is not None:
        write_label_map(save_labels / f"{source.name}.png", scene.label_map, synthesizer.schema)
    layout = _Layout(
        source.name,
        label_map,
        shrink(colorize(label_map, synthesizer.schema), side, exact=True),
        reader.layout_note(source.label_map or source.photo, source.schema, photo=estimated),
    )
    return layout, _Exemplar(source.name, synthesizer.encode(scene), shrink(scene.photo, side), notes)


def _draw(
    synthesizer: Synthesizer,
    layouts: Sequence[_Layout],
    exemplars: Sequence[_Exemplar],
    out: Path,
    side: int,
    batch_size: int,
    on_drawn: Callable[[int], None],
) -> Swaps:
    """Draw the grid row by row; every picture is written when it is drawn, and kept in the size of the page."""
    names = iter(unique_names(f"{row.name}__{column.name}" for row in layouts for column in exemplars))
    files_of = [[f"swaps/{next(names)}.png" for _ in exemplars] for _ in layouts]
    swaps = Swaps(layouts, exemplars, [[] for _ in layouts], files_of)
    for row, shown, files in zip(layouts, swaps.pictures, swaps.files, strict=True):
        for start in range(0, len(exemplars), batch_size):
            columns = exemplars[start : start + batch_size]
            looks = [column.look for column in columns]
            photos = synthesizer.draw_batch([row.label_map] * len(looks), looks, batch_size=batch_size)
            for column, photo, file in zip(columns, photos, files[start:], strict=False):
                write_png(out / file, photo, picture_note(synthesizer, label_map=row.note, **column.notes))
            shown.extend(shrink(photo, side) for photo in photos)
            on_drawn(len(photos))
    return swaps


def _scenes(swaps: Swaps) -> list[_Exemplar]:
    """The exemplars that are photographs: those with a row too."""
    return [exemplar for exemplar in swaps.exemplars if "exemplar_label_map" in exemplar.notes]


def _cell(photos: Sequence[Photo]) -> tuple[int, int]:
    """Height and width of the sheet's cells: the largest picture's, within the limits of a sheet."""
    side = min(_LARGEST_IN_SHEET, int(_SHEET_PIXELS**0.5 / (len(photos) + 1)))
    shapes = [shrink(photo, side).shape for photo in photos]
    return max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)


def _record(synthesizer: Synthesizer, swaps: Swaps) -> dict[str, Any]:
    return {
        "model": synthesizer.describe(),
        "scenes": [
            {
                "name": row.name,
                "photo": column.notes["exemplar"],
                "label_map": column.notes["exemplar_label_map"],
                "size": {"height": row.label_map.shape[0], "width": row.label_map.shape[1]},
            }
            for row, column in zip(swaps.layouts, _scenes(swaps), strict=True)
        ],
        "looks": [
            {"name": e.name, **e.notes["exemplar"]} for e in swaps.exemplars if "exemplar_label_map" not in e.notes
        ],
        "pictures": [
            {"layout": row.name, "exemplar": column.name, "file": file}
            for row, files in zip(swaps.layouts, swaps.files, strict=True)
            for column, file in zip(swaps.exemplars, files, strict=True)
        ],
    }
