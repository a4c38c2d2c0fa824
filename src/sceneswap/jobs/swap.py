"""The paper's style-structure grid: every layout drawn in the look of every exemplar, as pictures, a sheet and a page.

Or a single picture: the layout of one photograph in the look of another (`swap_two`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap.data.folder import FolderDataset, read_folder_schema
from sceneswap.errors import UserError
from sceneswap.files import make_folder, write_json
from sceneswap.images import PHOTO_SUFFIXES, write_png
from sceneswap.inference.exemplar import EncodedExemplar
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.note import file_note, picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.labels.io import SUFFIXES as LABEL_SUFFIXES
from sceneswap.labels.io import colorize, write_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import shrink, swap_grid
from sceneswap.report import facts, figure, legend, picture, picture_grid, section, write_page
from sceneswap.scene import LabelMap, Photo

_PAGE_PIXELS = 12_000_000  # of all pictures on the page: some 30 MB at most
_SHEET_PIXELS = 36_000_000
_LARGEST_ON_PAGE, _LARGEST_IN_SHEET = 512, 256  # pixels, the longer side


@dataclass(frozen=True)
class Source:
    """The files of a scene and the schema of its label map. name: unique among the scenes of a grid.

    label_map: None when it is to be estimated.
    """

    name: str
    photo: Path
    label_map: Path | None
    schema: LabelSchema


@dataclass(frozen=True)
class _Loaded:
    """What of a scene is needed to draw and to show it."""

    source: Source
    label_map: LabelMap
    look: EncodedExemplar
    photo: Photo  # shrunk for the page
    layout: Photo  # the label map in colours, shrunk
    photo_note: dict[str, Any]
    map_note: dict[str, Any]
    layout_note: dict[str, Any]


def find_sources(
    inputs: Sequence[Path], *, labels: Path | None, schema: LabelSchema, file_schema: LabelSchema | None, limit: int
) -> tuple[list[Source], int]:
    """Find the scenes of a grid, at most `limit`, evenly spread; return them and how many there were.

    inputs: folders with images/, labels/ and schema.toml, and photographs (or plain folders of them) whose maps lie in
    `labels` under the same stem; without `labels` their maps are to be estimated. schema: of the model. file_schema: of
    the maps in `labels`, the model's by default.
    Raises `UserError` when photographs and maps do not pair up.
    """
    if limit < 1:
        raise UserError("--limit must be at least 1")
    if labels is not None and not labels.is_dir():
        raise UserError(f"--labels {labels} is not a folder; name the folder with the label maps of the photographs")
    found: list[tuple[Path, Path | None, LabelSchema]] = []
    for path in inputs:
        if (path / "images").is_dir():
            photos = [Path(name) for name in FolderDataset([path], schema).names]
            own = read_folder_schema(path)
            found += [(photo, _map_of(photo, path / "labels"), own) for photo in photos]
            continue
        if not path.exists():
            raise UserError(
                f"{path} does not exist; name photographs, or a folder with images/, labels/ and schema.toml"
            )
        photos = [path]
        if path.is_dir():
            photos = sorted(p for p in path.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES and p.name[0] != ".")
            if not photos:
                raise UserError(f"the folder {path} has no folder images/ and holds no photographs; name another one")
        found += [(photo, _map_of(photo, labels) if labels else None, file_schema or schema) for photo in photos]
    if not found:
        raise UserError("there is nothing to swap; name a folder with images/, labels/ and schema.toml, or photographs")
    if file_schema is not None and labels is None:
        raise UserError("--schema is for the maps in --labels; a folder says its own in schema.toml")
    chosen = [found[i * len(found) // limit] for i in range(limit)] if limit < len(found) else found
    names = _unique([photo.stem for photo, _, _ in chosen])
    return [Source(name, *files) for name, files in zip(names, chosen, strict=True)], len(found)


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
    drawn: list[list[Photo]] = []
    for row in scenes:
        drawn.append([])
        for start in range(0, count, batch_size):
            columns = scenes[start : start + batch_size]
            looks = [column.look for column in columns]
            photos = synthesizer.draw_batch([row.label_map] * len(looks), looks, batch_size=batch_size)
            for column, photo in zip(columns, photos, strict=True):
                note = picture_note(
                    synthesizer, label_map=row.layout_note, exemplar=column.photo_note,
                    exemplar_label_map=column.map_note,
                )  # fmt: skip
                write_png(out / _file(row.source, column.source), photo, note)
                drawn[-1].append(shrink(photo, side))
            on_drawn(len(photos))

    layouts, exemplars = [s.layout for s in scenes], [s.photo for s in scenes]
    write_png(out / "grid.png", swap_grid(layouts, exemplars, drawn, _cell(exemplars)))
    write_json(out / "swap.json", _record(synthesizer, scenes))
    _write_page(out / "index.html", synthesizer, scenes, drawn)
    return out / "index.html"


def swap_two(
    synthesizer: Synthesizer,
    layout: Source,
    exemplar: Source,
    out: Path,
    *,
    reader: SceneReader,
    save_labels: Path | None = None,
) -> None:
    """Write the picture `out`: the layout of one scene in the look of the other. save_labels: see `swap`.

    Raises `UserError`.
    """
    of, after = (_load(reader, source, _LARGEST_ON_PAGE, save_labels) for source in (layout, exemplar))
    note = picture_note(
        synthesizer, label_map=of.layout_note, exemplar=after.photo_note, exemplar_label_map=after.map_note
    )
    write_png(out, synthesizer.draw(of.label_map, after.look), note)


def _load(reader: SceneReader, source: Source, side: int, save_labels: Path | None) -> _Loaded:
    synthesizer, estimated = reader.synthesizer, source.label_map is None
    scene = reader.scene(source.photo, source.label_map, source.schema)
    label_map = reader.fitted(scene.label_map, photo=estimated)
    if estimated and save_labels is not None:
        write_label_map(save_labels / f"{source.name}.png", scene.label_map, synthesizer.schema)
    return _Loaded(
        source,
        label_map=label_map,
        look=synthesizer.encode(scene),
        photo=shrink(scene.photo, side),
        layout=shrink(colorize(label_map, synthesizer.schema), side, exact=True),
        photo_note=file_note(synthesizer, source.photo),
        map_note=reader.map_note(source.photo, source.label_map, source.schema),
        layout_note=reader.layout_note(source.label_map or source.photo, source.schema, photo=estimated),
    )


def _file(row: Source, column: Source) -> str:
    return f"swaps/{row.name}__{column.name}.png"


def _cell(photos: Sequence[Photo]) -> tuple[int, int]:
    """Height and width of the sheet's cells: the largest picture's, within the limits of a sheet."""
    side = min(_LARGEST_IN_SHEET, int(_SHEET_PIXELS**0.5 / (len(photos) + 1)))
    shapes = [shrink(photo, side).shape for photo in photos]
    return max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)


def _record(synthesizer: Synthesizer, scenes: Sequence[_Loaded]) -> dict[str, Any]:
    return {
        "model": synthesizer.describe(),
        "scenes": [
            {
                "name": s.source.name,
                "photo": s.photo_note,
                "label_map": s.map_note,
                "size": {"height": s.label_map.shape[0], "width": s.label_map.shape[1]},
            }
            for s in scenes
        ],
        "pictures": [
            {"layout": row.source.name, "exemplar": column.source.name, "file": _file(row.source, column.source)}
            for row in scenes
            for column in scenes
        ],
    }


def _write_page(
    path: Path, synthesizer: Synthesizer, scenes: Sequence[_Loaded], drawn: Sequence[Sequence[Photo]]
) -> None:
    rows = []
    for row, photos in zip(scenes, drawn, strict=True):
        cells = [
            picture(photo, f"layout {row.source.name}, exemplar {column.source.name}")
            for column, photo in zip(scenes, photos, strict=True)
        ]
        rows.append((figure(row.layout, row.source.name), cells))
    indices = np.unique(np.concatenate([np.unique(s.label_map) for s in scenes]))
    names = (*synthesizer.schema.names, "void")
    model = synthesizer.describe()
    write_page(
        path,
        "Style and structure swapped",
        [
            section(
                "Every layout in every look",
                "Each picture has the layout of its row and the look of its column; on the diagonal both are of one "
                "scene. Click a picture to enlarge it.",
                picture_grid(
                    "layout ↓ exemplar →", [figure(s.photo, s.source.name) for s in scenes], rows
                ),
            ),
            section("Classes", legend({names[i]: synthesizer.schema.colors[i] for i in indices})),
            section(
                "How it was made",
                facts(
                    {
                        "model": model["name"],
                        "weights (SHA-256)": model["weights_sha256"],
                        "label schema": model["schema"],
                        **labels_by([s.map_note for s in scenes]),
                        "sceneswap": model["sceneswap"],
                        "files": "swaps/ holds every picture in full size, swap.json the list",
                    }
                ),
            ),
        ],
        lead=f"{len(scenes)} scenes, {len(scenes) ** 2} pictures, drawn by {model['name']}",
    )  # fmt: skip


def labels_by(notes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a page says of label maps that were estimated: by what, and how many; nothing when none was.

    notes: of all label maps, see `SceneReader.map_note`.
    """
    by = [note["estimated_by"]["network"] for note in notes if "estimated_by" in note]
    return {"label maps": f"{len(by)} of {len(notes)} estimated from the photographs by {by[0]}"} if by else {}


def _map_of(photo: Path, folder: Path) -> Path:
    """The label map of the same stem as `photo` in `folder`."""
    maps = [path for path in (folder / f"{photo.stem}{suffix}" for suffix in LABEL_SUFFIXES) if path.is_file()]
    if not maps:
        raise UserError(f"the photograph {photo} has no label map {photo.stem}.png in {folder}; add it there")
    return maps[0]


def _unique(stems: Sequence[str]) -> list[str]:
    """Make names unique: a repeated one gets -2, -3 …"""
    names: list[str] = []
    for stem in stems:
        name, number = stem, 2
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names
