"""Pictures of an evaluation: the paper's swapping grid, sheets of examples, curves over semantic similarity."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from sceneswap.alarms import Alarms, measure
from sceneswap.evaluation.methods import Method
from sceneswap.evaluation.pairs import Pairs, Sample
from sceneswap.files import read_json, slug, write_json
from sceneswap.images import read_photo, write_png
from sceneswap.labels.io import colorize
from sceneswap.pictures import captioned_grid, evenly_spread, shrink, swap_grid
from sceneswap.scene import Photo, Scene
from sceneswap.tensors import to_images

GRID_SCENES = 12
_CELL = 256  # pixels at most, of a grid's pictures in its file


@dataclass(frozen=True)
class SwapGrid:
    """A method's swapping figure: the file, the scenes' names, and the two failure scores measured on it."""

    method: str
    path: Path
    names: tuple[str, ...]
    alarms: Alarms

    def picture(self, side: int) -> Photo:
        """The figure with its longer side at most `side` pixels."""
        return shrink(read_photo(self.path), side)


@dataclass(frozen=True)
class Pictures:
    """The figures of an evaluation. titles, examples: of the sheet; curves: title → SVG, empty without metrics."""

    grids: tuple[SwapGrid, ...]
    titles: list[str]
    examples: list[tuple[Sample, list[Photo]]]
    curves: dict[str, str] = field(default_factory=dict)


def swap_figure(method: Method, pairs: Pairs, scenes: Sequence[Scene], out: Path, protocol: dict[str, Any]) -> SwapGrid:
    """Draw every layout (row) in every exemplar's look (column), supplement §5: `out/figures/NAME.png`, kept once drawn."""
    path = out / "figures" / f"{slug(method.name)}.png"
    about = {"protocol": protocol, "method": method.describe(), "scenes": [scene.name for scene in scenes]}
    kept = _kept(path, about, ("response", "copy_distance"))
    if kept is None:
        drawn = method.grid(scenes, scenes)
        alarms = measure(torch.stack([to_images(row) for row in drawn]), to_images([s.photo for s in scenes]))
        kept = {"response": alarms.response, "copy_distance": alarms.copy_distance}
        _keep(path, about, swap_sheet(pairs, scenes, scenes, drawn), kept)
    return SwapGrid(method.name, path, tuple(about["scenes"]), Alarms(**kept))


def looks_figure(
    method: Method, pairs: Pairs, layouts: Sequence[Scene], exemplars: Sequence[Scene], path: Path, data: Any,
    photographs: bool = True,
) -> Photo:  # fmt: skip
    """The same for layouts (rows) and exemplars (columns) that are different scenes; kept as `path` once drawn.

    data: identifies the contents and size of the scenes. Without photographs, which must not always be passed on, layouts and
    exemplars are the same scenes, and above a column stands its own layout in its look as the method draws it.
    """
    names = [[scene.name for scene in scenes] for scenes in (layouts, exemplars)]
    about = {"data": data, "method": method.describe(), "layouts": names[0], "exemplars": names[1]}
    if not photographs:
        about |= {"photographs": False}
    if _kept(path, about) is None:
        drawn = method.grid(layouts, exemplars)
        if not photographs:
            exemplars = [replace(scene, photo=drawn[i][i], name="") for i, scene in enumerate(exemplars)]
            layouts = [replace(scene, name="") for scene in layouts]
        _keep(path, about, swap_sheet(pairs, layouts, exemplars, drawn), {})
    return read_photo(path)


def swap_sheet(
    pairs: Pairs, layouts: Sequence[Scene], exemplars: Sequence[Scene], drawn: Sequence[Sequence[Photo]]
) -> Photo:
    """The swapping figure of what is drawn: photographs of exemplars above, label maps of layouts on the left."""
    cell = min(_CELL, layouts[0].size[0])
    maps = [colorize(scene.label_map, pairs.schema) for scene in layouts]
    rows, columns = ([Path(scene.name).name for scene in scenes] for scenes in (layouts, exemplars))
    return swap_grid(maps, [scene.photo for scene in exemplars], drawn, (cell, cell), (rows, columns))


def side_by_side(grids: Sequence[SwapGrid], side: int = 1500) -> Photo:
    """Swapping figures of several methods next to one another, each under its name."""
    shown = [grid.picture(side) for grid in grids]
    cell = max(photo.shape[0] for photo in shown), max(photo.shape[1] for photo in shown)
    return captioned_grid([shown], cell, [grid.method for grid in grids])


def sheet(
    pairs: Pairs, methods: Sequence[Method], rows: int = 8, cell: int = 160
) -> tuple[list[str], list[tuple[Sample, list[Photo]]], Photo]:
    """Examples: column titles, (sample, pictures) of `rows` pairs evenly spread, and all of it as one picture.

    Columns: label map, exemplar, the true picture where there is one (else the target's photograph), each method.
    """
    samples = evenly_spread(pairs, rows)
    answered = samples[0].answer is not None
    titles = [
        "label map",
        "exemplar",
        "true picture" if answered else "target's photograph",
        *(m.name for m in methods),
    ]
    drawn = [method.draw(samples) for method in methods]
    lines = []
    for i, sample in enumerate(samples):
        truth = sample.target.photo if sample.answer is None else sample.answer
        layout = colorize(sample.target.label_map, pairs.schema)
        lines.append((sample, [layout, sample.exemplar.photo, truth, *(photos[i] for photos in drawn)]))
    cell = min(cell, samples[0].target.size[0])
    return titles, lines, captioned_grid([pictures for _, pictures in lines], (cell, cell), titles)


def panels(
    binned: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]], better: Mapping[str, str]
) -> dict[str, dict[str, Sequence[Mapping[str, float]]]]:
    """What `charts.curves` draws of every metric over semantic similarity: title of a panel → method → bins.

    binned: method → metric → bins of `aggregate.binned`. better: metric → "lower" or "higher".
    """
    metrics = next(iter(binned.values()))
    return {f"{m} ({better[m]} is better)": {name: columns[m] for name, columns in binned.items()} for m in metrics}


def _kept(path: Path, about: dict[str, Any], alarms: Collection[str] = ()) -> dict[str, float] | None:
    """The `alarms` that were measured on a figure of just this make; None when it is still to be drawn."""
    note = path.with_suffix(".json")
    if not (path.exists() and note.exists()):
        return None
    match read_json(note, "the record of a swapping figure"):
        case {"about": told, "alarms": dict(kept)} if told == about and kept.keys() == set(alarms):
            return kept if all(isinstance(value, float) for value in kept.values()) else None
    return None


def _keep(path: Path, about: dict[str, Any], picture: Photo, alarms: dict[str, float]) -> None:
    write_png(path, picture, {"sceneswap": json.dumps(about)})
    write_json(path.with_suffix(".json"), {"format": "sceneswap-figure-1", "about": about, "alarms": alarms})
