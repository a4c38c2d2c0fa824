"""What is kept of training runs: curves of the losses, the numbers behind them, and sample grids over time.

    python -m benchmarks.outdoor.curves --runs ours=runs/msca GAP=runs/gap --out docs/results/outdoor

Photographs never leave the run folders: of the sample grids only label maps and drawings are shown, not the exemplars.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common import save_record, write_jpeg
from sceneswap.errors import UserError
from sceneswap.files import atomic_path, make_folder
from sceneswap.pictures import stacked
from sceneswap.scene import Photo

SHOWN = ("lpips", "style", "layout", "pixel", "labels", "real", "fake")
SMOOTHING = 5  # logged steps
CELL, GAP = 96, 4


def main(
    runs: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=DIR ...")],
    out: Path,
    steps: tuple[int, ...] = (),
    rows: tuple[int, ...] = (0, 2),
) -> None:
    """Write training.json, curves.png and samples.jpg.

    Args:
        runs: Run folders of `sceneswap train`; the grids shown are the first one's.
        out: Folder to write to.
        steps: Sample grids to show; five, evenly spread, unless given.
        rows: Layouts of the grids to show, counted from 0.
    """
    make_folder(out)
    folders = {name: Path(run) for name, _, run in (entry.partition("=") for entry in runs)}
    metrics = {name: read_metrics(run) for name, run in folders.items()}
    save_record(out / "training.json", {"runs": {name: summary(lines) for name, lines in metrics.items()}})
    with atomic_path(out / "curves.png") as path:
        curves(metrics).savefig(path, format="png", dpi=80)
    folder = next(iter(folders.values())) / "samples"
    there = sorted(int(path.stem) for path in folder.glob("*.png"))
    chosen = steps or tuple(there[i] for i in np.linspace(0, len(there) - 1, min(5, len(there))).round().astype(int))
    parts = [drawings(folder / f"{step:08d}.png", rows) for step in chosen]
    write_jpeg(out / "samples.jpg", stacked(*parts), 400_000)
    print(f"{out / 'samples.jpg'} shows the steps {', '.join(map(str, chosen))}, from top to bottom")


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl. Raises `UserError` when there are none."""
    try:
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise UserError(f"{run} holds no metrics.jsonl ({error}); name the folder of a training run") from error
    return [line for line in lines if "terms" in line]


def summary(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Per phase: last step, seconds so far, and every term averaged over the last fifth of its logged steps."""
    phases = dict.fromkeys(line["phase"] for line in lines)
    return {phase: _end([line for line in lines if line["phase"] == phase]) for phase in phases}


def _end(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    last = lines[-max(1, len(lines) // 5) :]
    terms = {name: round(float(np.mean([line["terms"][name] for line in last])), 4) for name in last[-1]["terms"]}
    return {"step": lines[-1]["step"], "seconds": round(lines[-1]["seconds"]), "terms": terms}


def curves(metrics: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """One panel per term over the steps, smoothed over five logged steps; a line per run, phases shaded in turn."""
    terms = [t for t in SHOWN if any(t in line["terms"] for lines in metrics.values() for line in lines)]
    figure = Figure(figsize=(11, 2.1 * -(-len(terms) // 2)), layout="constrained")
    panels = figure.subplots(-(-len(terms) // 2), 2, squeeze=False).ravel()
    first = next(iter(metrics.values()))
    for panel, term in zip(panels, terms, strict=False):
        for name, lines in metrics.items():
            points = [(line["step"], line["terms"][term]) for line in lines if term in line["terms"]]
            if points:
                at, values = np.array(points, float).T
                panel.plot(at, _smooth(values), label=name, linewidth=1.2)
        begin = 0
        for number, phase in enumerate(dict.fromkeys(line["phase"] for line in first)):
            end = max(line["step"] for line in first if line["phase"] == phase)
            if number % 2:
                panel.axvspan(begin, end, color="0.93", zorder=0)
            begin = end
        panel.set_title(term, fontsize=10)
        panel.tick_params(labelsize=8)
    for panel in panels[len(terms) :]:
        panel.set_axis_off()
    panels[0].legend(fontsize=8)
    return figure


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.ones(min(SMOOTHING, len(values)))
    return np.convolve(values, weights, "same") / np.convolve(np.ones_like(values), weights, "same")


def drawings(path: Path, rows: Sequence[int]) -> Photo:
    """Label maps and drawings of some rows of a sample grid, its header of exemplars left out."""
    picture = Image.open(path).convert("RGB")
    count = 6  # five scenes and the header
    side = (picture.width - GAP * (count + 1)) // count
    lines = []
    for row in rows:
        top = GAP + (row + 1) * (side + GAP)
        line = picture.crop((0, top, picture.width, top + side))
        lines.append(np.asarray(line.resize((count * (CELL + 2), CELL), Image.Resampling.LANCZOS)))
    return np.concatenate(lines)


if __name__ == "__main__":
    tyro.cli(main)
