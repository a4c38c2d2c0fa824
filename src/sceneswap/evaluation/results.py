"""One evaluation from start to end: measure every method, sum up, draw the figures, write results.json and the page."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap import charts
from sceneswap.engines import Engine
from sceneswap.evaluation import figures
from sceneswap.evaluation.aggregate import binned, interval
from sceneswap.evaluation.methods import PHOTOGRAPH, Method
from sceneswap.evaluation.metrics import fid
from sceneswap.evaluation.page import write_results_page
from sceneswap.evaluation.protocol import FORMAT, versions
from sceneswap.evaluation.runner import PairResults, run
from sceneswap.evaluation.tasks import Task
from sceneswap.files import slug, write_bytes, write_json
from sceneswap.guard import keep_files
from sceneswap.images import write_png
from sceneswap.pictures import evenly_spread


def evaluate(
    task: Task,
    models: Sequence[Method],
    out: Path,
    *,
    baselines: bool = False,
    batch_size: int = 8,
    grid_scenes: int = figures.GRID_SCENES,
    sheet_rows: int = 8,
    engine: Engine | None = None,
    on_done: Callable[[int], None] = lambda count: None,
) -> Path:
    """Measure models (and trivial methods) on a task; return the page `out/index.html`.

    Writes results.json (all numbers with their protocol), pairs/NAME.jsonl (every pair), figures/*.png and the page.
    A folder with a part of the same evaluation is completed, one with another is refused with `UserError`. engine: see `run`.
    """
    methods = methods_of(task, models, baselines)
    pictures_of = ["side-by-side", "examples", "similarity", *(slug(method.name) for method in methods)]
    figures_there = [out / "figures" / f"{name}.{kind}" for name in pictures_of for kind in ("png", "json")]
    keep_files([out / "results.json", out / "index.html", *figures_there], task.scenes.files if task.scenes else ())
    kept = [
        run(task.pairs, method, task.scorer, out, task.protocol, batch_size=batch_size, engine=engine, on_done=on_done)
        for method in methods
    ]
    pictures = _draw(task, methods, models, out, grid_scenes, sheet_rows)
    record = summarise(task, methods, kept, pictures.grids, task.scorer.device.type)
    if task.scorer.metrics:
        panels = figures.panels(record["binned"], better_of(task))
        write_bytes(out / "figures" / "similarity.png", charts.curves(panels).png)
        pictures = replace(pictures, curves={title: charts.curves({title: one}).svg for title, one in panels.items()})
    write_json(out / "results.json", record)
    write_results_page(out / "index.html", task, record, pictures)
    return out / "index.html"


def methods_of(task: Task, models: Sequence[Method], baselines: bool) -> list[Method]:
    """All that is measured, in the order of the table: models, baselines, references."""
    return [*models, *(task.baselines if baselines else ()), *task.references]


def better_of(task: Task) -> dict[str, str]:
    """Metric → "lower" or "higher"."""
    return {metric.name: metric.better for metric in task.scorer.metrics}


def summarise(
    task: Task, methods: Sequence[Method], kept: Sequence[PairResults], grids: Sequence[figures.SwapGrid], device: str
) -> dict[str, Any]:
    """The content of results.json. The same rows give the same record but for `run`, which is never compared."""
    names = [metric.name for metric in task.scorer.metrics]
    columns = {r.name: {n: [row[n] for row in r.rows] for n in names} for r in kept}
    similarity = {r.name: [row["similarity"] for row in r.rows] for r in kept}
    return {
        "format": FORMAT,
        "protocol": task.protocol,
        "methods": {method.name: {**method.describe(), **_trained_on(method, task)} for method in methods},
        "better": {**better_of(task), **_OVERALL_BETTER},
        "scores": {name: {n: interval(v) for n, v in by_metric.items()} for name, by_metric in columns.items()},
        "overall": _overall(task, kept, columns, grids),
        "binned": {
            name: {n: binned(similarity[name], v) for n, v in by_metric.items()} for name, by_metric in columns.items()
        },
        "notes": notes(task),
        "versions": versions(),
        "run": {
            "device": device,
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "pairs_per_second": {r.name: round(r.pairs_timed / r.seconds, 3) for r in kept if r.seconds > 0},
        },
    }


def _trained_on(method: Method, task: Task) -> dict[str, str]:
    """What the training of a method compared in the very layers of VGG-19 that the metrics of the task read, in words."""
    read = {layer for metric in task.scorer.metrics for layer in metric.layers}
    if not read or method.trivial:
        return {}
    losses = method.losses()
    if losses is None:
        return {"trained_on": "not recorded"}
    found = {what: [layer for layer in layers if layer in read] for what, layers in losses.items()}
    return {"trained_on": "; ".join(f"{what} of {', '.join(same)}" for what, same in found.items() if same) or "none"}


def notes(task: Task) -> list[str]:
    """What must be said beside the numbers of a task."""
    said = []
    if task.scorer.features and (caution := fid.caution(len(task.pairs))):
        said.append(caution)
    if PHOTOGRAPH in task.references:
        said.append(f"“{PHOTOGRAPH.name}” is no method: its row shows what the measures say of a real picture.")
    return said


_OVERALL_BETTER = {"FID": "lower", "agreement / photograph's": "higher", "response": "higher"}


def _overall(
    task: Task, kept: Sequence[PairResults], columns: Mapping[str, Mapping[str, Sequence[float]]],
    grids: Sequence[figures.SwapGrid],
) -> dict[str, dict[str, float | bool]]:  # fmt: skip
    """Numbers of a whole method: FID, agreement relative to the photographs', the two alarms."""
    overall: dict[str, dict[str, float | bool]] = {result.name: {} for result in kept}
    if task.scorer.features:
        gaussians = {result.name: fid.gaussian(result.features()) for result in kept}
        real = gaussians[PHOTOGRAPH.name]
        for name, found in gaussians.items():
            overall[name]["FID"] = 0.0 if found is real else fid.frechet_distance(found, real)
    if task.name == "layout":
        photographs = np.mean(columns[PHOTOGRAPH.name]["layout agreement"])
        for name, by_metric in columns.items():
            if photographs > 0:
                overall[name]["agreement / photograph's"] = float(np.mean(by_metric["layout agreement"]) / photographs)
        for figure in grids:
            alarms = figure.alarms
            overall[figure.method] |= {
                "response": alarms.response, "ignores its exemplar": alarms.ignores, "copies its exemplar": alarms.copies
            }  # fmt: skip
    return overall


def _draw(
    task: Task, methods: Sequence[Method], models: Sequence[Method], out: Path, grid_scenes: int, sheet_rows: int
) -> figures.Pictures:
    """The swapping figure of every model (in the layout task of every method), and a sheet of examples."""
    grids: list[figures.SwapGrid] = []
    if task.scenes is not None and task.name in ("swap", "layout") and grid_scenes > 1:
        scenes = evenly_spread(task.scenes, grid_scenes)
        for method in methods if task.name == "layout" else models:
            grids.append(figures.swap_figure(method, task.pairs, scenes, out, task.protocol))
        if len(grids) > 1:
            write_png(out / "figures" / "side-by-side.png", figures.side_by_side(grids))
    shown = [method for method in methods if method is not PHOTOGRAPH]
    titles, lines, whole = figures.sheet(task.pairs, shown, sheet_rows)
    write_png(out / "figures" / "examples.png", whole)
    return figures.Pictures(tuple(grids), titles, lines)
