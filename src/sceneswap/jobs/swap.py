"""The paper's style-structure grid: every layout drawn in the look of every exemplar, as pictures, a sheet and a page.

Or a single picture: the layout of one photograph in the look of another (`swap_two`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap.files import make_folder, write_json
from sceneswap.images import write_png
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.note import classes_section, made_section, picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source, unique_names
from sceneswap.labels.io import colorize, write_label_map
from sceneswap.pictures import shrink, swap_grid
from sceneswap.report import figure, picture, picture_grid, section, write_page
from sceneswap.scene import LabelMap, Photo

_PAGE_PIXELS = 12_000_000  # of all pictures on the page: some 30 MB at most
_SHEET_PIXELS = 36_000_000
_LARGEST_ON_PAGE, _LARGEST_IN_SHEET = 512, 256  # pixels, the longer side


@dataclass(frozen=True)
class _Loaded:
    """What of a scene is needed to draw and to show it."""

    name: str
    label_map: LabelMap
    look: Look
    photo: Photo  # shrunk for the page
    layout: Photo  # the label map in colours, shrunk
    layout_note: dict[str, Any]
    notes: dict[str, dict[str, Any]]  # of it as an exemplar


@dataclass(frozen=True)
class Swaps:
    """A grid that is drawn: its scenes, and per row (layout) and column (exemplar) the picture, shrunk, and its file."""

    scenes: Sequence[_Loaded]
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
    """Draw every layout in every look; return the page `out/index.html`.

    Writes `out/swaps/ROW__COLUMN.png`, each at the size of its layout, `grid.png`, `swap.json` and `index.html`, which
    hold no date and no absolute path: the same pictures and model give the same files. reader: of the files, where label
    maps are estimated. save_labels: a folder for the maps that are. on_drawn: called with the number of pictures just
    drawn. Raises `UserError`.
    """
    reader = reader or SceneReader(synthesizer)
    if any(source.label_map is None for source in sources):
        _ = reader.labeller  # says at once when there is none
    make_folder(out / "swaps")
    count = len(sources)
    side = int(np.clip((_PAGE_PIXELS / (count * (count + 2))) ** 0.5, 64, _LARGEST_ON_PAGE))
    scenes = [_load(reader, source, side, save_labels) for source in sources]
    swaps = _draw(synthesizer, scenes, out, side, batch_size, on_drawn)
    exemplars = [scene.photo for scene in scenes]
    write_png(out / "grid.png", swap_grid([s.layout for s in scenes], exemplars, swaps.pictures, _cell(exemplars)))
    write_json(out / "swap.json", _record(synthesizer, swaps))
    _write_page(out / "index.html", synthesizer, swaps)
    return out / "index.html"


def swap_two(
    layout: Source, exemplar: Source, out: Path, *, reader: SceneReader, save_labels: Path | None = None
) -> None:
    """Write the picture `out`: the layout of one scene in the look of the other. save_labels: see `swap`.

    Raises `UserError`.
    """
    of, after = (_load(reader, source, _LARGEST_ON_PAGE, save_labels) for source in (layout, exemplar))
    note = picture_note(reader.synthesizer, label_map=of.layout_note, **after.notes)
    write_png(out, reader.synthesizer.draw(of.label_map, after.look), note)


def _load(reader: SceneReader, source: Source, side: int, save_labels: Path | None) -> _Loaded:
    synthesizer, estimated = reader.synthesizer, source.label_map is None
    scene = reader.scene(source.photo, source.label_map, source.schema)
    label_map = reader.fitted(scene.label_map, photo=estimated)
    if estimated and save_labels is not None:
        write_label_map(save_labels / f"{source.name}.png", scene.label_map, synthesizer.schema)
    return _Loaded(
        source.name,
        label_map=label_map,
        look=synthesizer.encode(scene),
        photo=shrink(scene.photo, side),
        layout=shrink(colorize(label_map, synthesizer.schema), side, exact=True),
        layout_note=reader.layout_note(source.label_map or source.photo, source.schema, photo=estimated),
        notes=reader.exemplar_notes(source.photo, source.label_map, source.schema),
    )


def _draw(
    synthesizer: Synthesizer,
    scenes: Sequence[_Loaded],
    out: Path,
    side: int,
    batch_size: int,
    on_drawn: Callable[[int], None],
) -> Swaps:
    """Draw the grid row by row; every picture is written when it is drawn, and kept in the size of the page."""
    count = len(scenes)
    names = iter(unique_names(f"{row.name}__{column.name}" for row in scenes for column in scenes))
    swaps = Swaps(scenes, [[] for _ in scenes], [[f"swaps/{next(names)}.png" for _ in scenes] for _ in scenes])
    for row, shown, files in zip(scenes, swaps.pictures, swaps.files, strict=True):
        for start in range(0, count, batch_size):
            columns = scenes[start : start + batch_size]
            looks = [column.look for column in columns]
            photos = synthesizer.draw_batch([row.label_map] * len(looks), looks, batch_size=batch_size)
            for column, photo, file in zip(columns, photos, files[start:], strict=False):
                write_png(out / file, photo, picture_note(synthesizer, label_map=row.layout_note, **column.notes))
            shown.extend(shrink(photo, side) for photo in photos)
            on_drawn(len(photos))
    return swaps


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
                "name": s.name,
                "photo": s.notes["exemplar"],
                "label_map": s.notes["exemplar_label_map"],
                "size": {"height": s.label_map.shape[0], "width": s.label_map.shape[1]},
            }
            for s in swaps.scenes
        ],
        "pictures": [
            {"layout": row.name, "exemplar": column.name, "file": file}
            for row, files in zip(swaps.scenes, swaps.files, strict=True)
            for column, file in zip(swaps.scenes, files, strict=True)
        ],
    }


def _write_page(path: Path, synthesizer: Synthesizer, swaps: Swaps) -> None:
    scenes = swaps.scenes
    rows = [
        (
            figure(row.layout, row.name),
            [picture(p, f"layout {row.name}, exemplar {s.name}") for p, s in zip(photos, scenes, strict=True)],
        )
        for row, photos in zip(scenes, swaps.pictures, strict=True)
    ]
    sections = [
        section(
            "Every layout in every look",
            "Each picture has the layout of its row and the look of its column; on the diagonal both are of one "
            "scene. Click a picture to enlarge it.",
            picture_grid("layout ↓ exemplar →", [figure(s.photo, s.name) for s in scenes], rows),
        ),
        classes_section(synthesizer.schema, {int(i) for s in scenes for i in np.unique(s.label_map)}),
        made_section(
            synthesizer,
            "swaps/ holds every picture in full size, swap.json the list",
            [s.notes["exemplar_label_map"] for s in scenes],
        ),
    ]
    lead = f"{len(scenes)} scenes, {len(scenes) ** 2} pictures, drawn by {synthesizer.name}"
    write_page(path, "Style and structure swapped", sections, lead=lead)
