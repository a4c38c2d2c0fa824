"""The page of an evaluation, readable on its own: the table, the curves, the figures, and how it was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sceneswap.errors import counted
from sceneswap.evaluation.figures import Pictures
from sceneswap.evaluation.tasks import Task
from sceneswap.pictures import shrink
from sceneswap.report import write_page

PAPER = {
    "SPADE_VAE": ("1.13e-03", "6.24e-03", "1.80"),
    "ours_GAP": ("1.02e-03", "1.01e-02", "1.89"),
    "ours": ("8.08e-04", "3.91e-03", "1.68"),
}
"""Table 1 of the supplement: L_style, NN_pixel, NN_conv1."""

TRAINED_ON = "trained on the layers measured"
"""The column that tells whose training compared what a metric compares: such a row has an advantage."""

_GRID_SIDE, _EXAMPLE_SIDE = 1400, 256


def write_results_page(path: Path, task: Task, record: Mapping[str, Any], pictures: Pictures) -> None:
    """Write the page; it holds no date and no path: the same numbers and pictures give the same file."""
    paper = ["method (paper)", "L_style ↓", "NN_pixel ↓", "NN_conv1 ↓"], [[name, *v] for name, v in PAPER.items()]
    write_page(
        path,
        "results.html",
        title=f"{task.title}: {counted(len(task.pairs), 'pair')}",
        lead=task.lead,
        scores=score_rows(record),
        notes=record["notes"],
        paper=paper if task.name == "swap" else None,
        plots=pictures.curves,
        bins=_bin_counts(record) if pictures.curves else None,
        grids={f"{g.method}: rows are layouts, columns exemplars": g.picture(_GRID_SIDE) for g in pictures.grids},
        scenes=pictures.grids[0].names if pictures.grids else (),
        titles=pictures.titles,
        examples=[
            (f"{sample.similarity:.2f}", [shrink(photo, _EXAMPLE_SIDE) for photo in photos])
            for sample, photos in pictures.examples
        ],
        metrics=record["protocol"]["metrics"],
        protocol=_facts(record),
    )


def score_rows(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of scores, as text."""
    metrics = list(next(iter(record["scores"].values()), {}))
    overall = list(dict.fromkeys(name for values in record["overall"].values() for name in values))
    better = record["better"]
    arrows = {"lower": " ↓", "higher": " ↑"}
    header = ["method", *(f"{name}{arrows.get(better.get(name, ''), '')}" for name in [*metrics, *overall])]
    trained = {name: about.get("trained_on") for name, about in record["methods"].items()}
    header += [TRAINED_ON] if any(trained.values()) else []
    rows = []
    for name, scores in record["scores"].items():
        cells = [f"{s['mean']:.4g} [{s['low']:.4g}, {s['high']:.4g}]" for s in (scores[m] for m in metrics)]
        rows.append([name, *cells, *(_value(record["overall"].get(name, {}).get(m)) for m in overall)])
        rows[-1] += [trained[name] or "–"] if any(trained.values()) else []
    return header, rows


def _value(value: float | bool | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}"


def _bin_counts(record: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Header and row of the table that says how many pairs lie in each bin."""
    columns: Mapping[str, Sequence[Mapping[str, Any]]] = next(iter(record["binned"].values()))
    bins = next(iter(columns.values()))
    header = ["intersection", *(f"{b['from']:.1f}–{b['to']:.1f}" for b in bins)]
    return header, [["pairs", *(b["n"] for b in bins)]]


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    rules = {k: v for k, v in record["protocol"].items() if k != "metrics"}
    weights = {name: about.get("weights_sha256") or "no weights" for name, about in record["methods"].items()}
    return {"format": record["format"], **_flat(rules), **weights, **record["versions"]}


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}: ")
        else:
            flat[name] = ", ".join(map(str, value)) if isinstance(value, list) else value
    return flat
