"""The parts of the report that are to be looked at: a contact sheet of random swaps, every example in every look."""

from importlib import resources
from pathlib import Path
from typing import Any

from benchmarks.common import write_jpeg
from benchmarks.outdoor.settings import Report
from sceneswap.evaluation.figures import looks_figure
from sceneswap.evaluation.methods import ModelMethod
from sceneswap.evaluation.pairs import Scenes, random_pairs
from sceneswap.evaluation.protocol import folder_hash
from sceneswap.files import slug
from sceneswap.images import write_png
from sceneswap.labels.io import colorize
from sceneswap.pictures import captioned_grid, evenly_spread, shrink
from sceneswap.report import write_page
from sceneswap.scene import Photo

SHEET = 30
_ACROSS, _CELL = 3, 256  # swaps in a row of the sheet; pixels of a picture
_PUBLIC_ACROSS, _PUBLIC_CELL = 5, 160
_BYTES = 400_000


def sheet(report: Report) -> dict[str, Any]:
    """The first 30 of the random swaps by ours, numbered: layout, exemplar, photograph of the layout, drawing.

    The photographs are not ours to publish: they go into `private`/sheet, and layouts with drawings alone into `out`.
    """
    pairs = random_pairs(report.scenes, report.pairs, report.seed)
    method = report.drawers(pairs)[0]
    samples = [pairs[index] for index in range(min(SHEET, len(pairs)))]
    batches = [samples[first : first + report.batch_size] for first in range(0, len(samples), report.batch_size)]
    drawn = [photo for batch in batches for photo in method.draw(batch)]
    layouts = [colorize(sample.target.label_map, pairs.schema) for sample in samples]
    numbers = [str(number) for number in range(1, len(samples) + 1)]
    whole = [
        [layout, sample.exemplar.photo, photo] for layout, sample, photo in zip(layouts, samples, drawn, strict=True)
    ]
    cell = min(_CELL, report.size)
    folder = report.private / "sheet"
    write_png(folder / "sheet.png", _numbered(whole, numbers, _ACROSS, cell))
    titles = ["label map", "exemplar", "drawing", "target's photograph"]
    rows = [
        (f"{number}: {sample.target.name} in the look of {sample.exemplar.name}", [*pictures, sample.target.photo])
        for number, sample, pictures in zip(numbers, samples, whole, strict=True)
    ]
    lead = f"By {report.ours}, weights {report.weights[report.ours][:12]}…, {pairs.rule}, seed {report.seed}."
    write_page(folder / "index.html", "sheet.html", title="Random swaps", lead=lead, titles=titles, rows=rows)
    plain = [[layout, photo] for layout, photo in zip(layouts, drawn, strict=True)]
    write_jpeg(report.out / "sheet.jpg", _numbered(plain, numbers, _PUBLIC_ACROSS, _PUBLIC_CELL), 2 * _BYTES)
    listed = [{"layout": sample.target.name, "exemplar": sample.exemplar.name} for sample in samples]
    return report.publish("sheet.json", {"pairs": pairs.record, "file": "sheet.jpg", "shown": listed})


def _numbered(swaps: list[list[Photo]], numbers: list[str], across: int, cell: int) -> Photo:
    """Swaps as rows of `across`, each the pictures of one swap under its number."""
    rows, names = [], []
    for first in range(0, len(swaps), across):
        part = swaps[first : first + across]
        rows.append([shrink(photo, cell) for pictures in part for photo in pictures])
        names.append(" · ".join(numbers[first : first + across]))
    return captioned_grid(rows, (cell, cell), names=names)


def figures(report: Report) -> dict[str, Any]:
    """Every layout in every look of the examples that come with the package (CC0, none was trained on), for every model.

    The examples are outdoors. For other classes scenes of the test split take their place, whose photographs are not ours to
    publish: above a column stands its own layout in its look.
    """
    if report.scenes.schema.name != "outdoor":
        return _own_figures(report)
    with resources.as_file(resources.files("sceneswap") / "examples") as folder:
        examples = Scenes([folder], report.size, report.scenes.schema)
        scenes = [examples[number] for number in range(len(examples))]
        identity = {"data": folder_hash([folder]), "schema": examples.schema.name, "size": report.size}
        pairs = random_pairs(examples, 1, report.seed)  # for their schema
        names = {}
        for name, model in report.models.items():
            method = ModelMethod(name, model, pairs, report.batch_size)
            path = report.private / "figures" / f"{slug(name)}.png"
            names[name] = f"swaps-{slug(name)}.jpg"
            write_jpeg(report.out / names[name], looks_figure(method, pairs, scenes, scenes, path, identity), _BYTES)
    return report.publish("figures.json", {"files": names, "scenes": [Path(scene.name).name for scene in scenes]})


def _own_figures(report: Report) -> dict[str, Any]:
    scenes = evenly_spread(report.scenes, report.figure_scenes)
    pairs = random_pairs(report.scenes, 1, report.seed)  # for their schema
    names = {}
    for name, model in report.models.items():
        method = ModelMethod(name, model, pairs, report.batch_size)
        path = report.private / "figures" / f"{slug(name)}.png"
        names[name] = f"swaps-{slug(name)}.jpg"
        drawn = looks_figure(method, pairs, scenes, scenes, path, report.identity, photographs=False)
        write_jpeg(report.out / names[name], drawn, _BYTES)
    return report.publish("figures.json", {"files": names, "scenes": []})
