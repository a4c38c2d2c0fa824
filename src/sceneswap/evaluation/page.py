"""The page of an evaluation, readable on its own: the table, the curves, the figures, and how it was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sceneswap.evaluation.figures import Pictures
from sceneswap.evaluation.tasks import Task
from sceneswap.pictures import shrink
from sceneswap.report import Html, facts, figure, gallery, picture, picture_grid, section, table, text, write_page

PAPER = {
    "SPADE_VAE": ("1.13e-03", "6.24e-03", "1.80"),
    "ours_GAP": ("1.02e-03", "1.01e-02", "1.89"),
    "ours": ("8.08e-04", "3.91e-03", "1.68"),
}
"""Table 1 of the supplement: L_style, NN_pixel, NN_conv1."""

_GRID_SIDE, _EXAMPLE_SIDE = 1400, 256


def write_results_page(path: Path, task: Task, record: Mapping[str, Any], pictures: Pictures) -> None:
    """Write the page; it holds no date and no path: the same numbers and pictures give the same file."""
    count = len(task.pairs)
    sections = [section("Scores", score_table(record), *record["notes"])]
    if task.name == "swap":
        sections.append(_paper())
    if pictures.curves:
        sections.append(
            section(
                "Over semantic similarity",
                "Means of the pairs in each tenth of label-histogram intersection, with 95 % intervals; points are set "
                "apart sideways for reading.",
                picture(pictures.curves, "every metric over label-histogram intersection"),
                _bin_counts(record),
            )
        )
    if pictures.grids:
        grids = [
            figure(g.picture(_GRID_SIDE), f"{g.method}: rows are layouts, columns exemplars") for g in pictures.grids
        ]
        names = ", ".join(pictures.grids[0].names)
        sections.append(section("Every layout in every look", gallery(grids), f"Scenes in order: {names}"))
    sections.append(_examples(pictures))
    sections.append(section("What the metrics are", facts(record["protocol"]["metrics"])))
    sections.append(section("Protocol: numbers may be compared only where all of this is alike", _facts(record)))
    write_page(path, f"{task.title}: {count} pairs", sections, lead=task.lead)


def score_table(record: Mapping[str, Any]) -> Html:
    """A row per method, a column per metric: mean and 95 % interval; the best model's is set in bold."""
    header, rows = score_rows(record)
    return table(header, rows, caption="mean over pairs, in brackets the 95 % bootstrap interval")


def score_rows(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of scores, as text."""
    metrics = list(next(iter(record["scores"].values()), {}))
    overall = list(dict.fromkeys(name for values in record["overall"].values() for name in values))
    better = record["better"]
    arrows = {"lower": " ↓", "higher": " ↑"}
    header = ["method", *(f"{name}{arrows.get(better.get(name, ''), '')}" for name in [*metrics, *overall])]
    rows = []
    for name, scores in record["scores"].items():
        cells = [f"{s['mean']:.4g} [{s['low']:.4g}, {s['high']:.4g}]" for s in (scores[m] for m in metrics)]
        rows.append([name, *cells, *(_value(record["overall"].get(name, {}).get(m)) for m in overall)])
    return header, rows


def _value(value: float | bool | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}"


def _paper() -> Html:
    return section(
        "For reference: the paper's table 1",
        "NOT comparable with the scores above: the paper measured 2,500 pairs of COCO-Stuff outdoor scenes with models "
        "trained on them, and does not define its metrics to the last factor. Only the order of the methods can be "
        "held against it.",
        table(["method (paper)", "L_style ↓", "NN_pixel ↓", "NN_conv1 ↓"], [[k, *v] for k, v in PAPER.items()]),
    )


def _bin_counts(record: Mapping[str, Any]) -> Html:
    columns: Mapping[str, Sequence[Mapping[str, Any]]] = next(iter(record["binned"].values()))
    bins = next(iter(columns.values()))
    cells = [[f"{b['from']:.1f}–{b['to']:.1f}" for b in bins], [b["n"] for b in bins]]
    return table(["intersection", *cells[0]], [["pairs", *cells[1]]])


def _examples(pictures: Pictures) -> Html:
    rows = [
        (
            Html(f"{sample.similarity:.2f}"),
            [picture(shrink(p, _EXAMPLE_SIDE), title) for title, p in zip(pictures.titles, photos, strict=True)],
        )
        for sample, photos in pictures.examples
    ]
    columns = [text(title) for title in pictures.titles]
    return section("Examples", "Pairs evenly spread over the list.", picture_grid("similarity", columns, rows))


def _facts(record: Mapping[str, Any]) -> Html:
    rules = {k: v for k, v in record["protocol"].items() if k != "metrics"}
    values = {"format": record["format"], **_flat(rules)}
    for name, about in record["methods"].items():
        values[name] = about.get("weights_sha256") or "no weights"
    return facts({**values, **record["versions"]})


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}: ")
        else:
            flat[name] = ", ".join(map(str, value)) if isinstance(value, list) else value
    return flat
