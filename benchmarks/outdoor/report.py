"""The report on real photographs: docs/results/outdoor made by one command, for our model and the two baselines.

    python -m benchmarks.outdoor.report --data DATA/test/* --seen DATA/validation/* DATA/train/* \\
        --model ours=DIR GAP=DIR SPADE_VAE=DIR --out docs/results/outdoor

Style swapping, layout agreement, exemplar identification, FID, the transfer matrix and what labels take from their like,
swapping figures, speed. Every part goes on where it stopped, and measures anew only what was measured otherwise.

--out gets what may be published: numbers, charts, drawings, and only those photographs whose file names match --showable.
--private gets the rest: the pages of the evaluations, and a contact sheet of random swaps with all kinds of photographs.

The numbers need the weights named by SCENESWAP_VGG19, SCENESWAP_SEGMENTER and SCENESWAP_INCEPTION. One core takes about
5 seconds per pair for three small models (35 minutes for 400 pairs), two cores half of that.
"""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro

from benchmarks.common import ROOT, in_fresh_process, write_jpeg
from benchmarks.outdoor.kept import KeptMethod
from benchmarks.outdoor.like import ALIKE, like_to_like, publish_likeness
from benchmarks.outdoor.page import SWAP, command, markdown
from sceneswap import charts
from sceneswap.cli.options import MeasuringOptions
from sceneswap.data.folder import FolderDataset
from sceneswap.errors import UserError
from sceneswap.evaluation.aggregate import ratio
from sceneswap.evaluation.figures import looks_figure, panels
from sceneswap.evaluation.methods import ModelMethod
from sceneswap.evaluation.pairs import Scenes, random_pairs
from sceneswap.evaluation.protocol import folder_hash
from sceneswap.evaluation.results import evaluate, methods_of
from sceneswap.evaluation.runner import drop_unlike, read_rows
from sceneswap.evaluation.tasks import Extractors, Task, layout_task, swap_task
from sceneswap.files import read_json, slug, write_bytes, write_json, write_text
from sceneswap.inference.control import POOLED, control_matrices
from sceneswap.inference.synthesizer import Synthesizer, choose_device
from sceneswap.inference.transfer_matrix import transfer_matrix
from sceneswap.jobs.attention import write_matrix_page
from sceneswap.pictures import evenly_spread
from sceneswap.progress import progress
from sceneswap.scene import Scene

SHEET_ROWS = 30
UNTRAINED = 3  # seeds of the control beside the attention
FIGURE_BYTES = 400_000
WALLPAPERS = (
    "The photographs shown are desktop wallpapers that may be passed on: of Pop!_OS and elementary (from Unsplash), and of "
    "Debian's packages mate-backgrounds and plasma-workspace-wallpapers (GPL-2+) and lomiri-wallpapers (CC BY 4.0, CC BY-SA "
    "4.0 or CC0), whose authors the file names tell."
)


@dataclass(frozen=True)
class Report:
    """Settings of a report, and what its parts share."""

    data: tuple[Path, ...]
    """Folders of the test split."""
    model: tuple[str, ...]
    """NAME=DIR; ours first, the baselines after it. The paper's are called GAP and SPADE_VAE."""
    out: Path
    """Folder for README.md with its records and pictures, to be published."""
    private: Path = Path("runs/outdoor-report")
    """Folder for everything else; it goes on from what it finds there."""
    seen: tuple[Path, ...] = ()
    """Folders of other splits, for showable exemplars when the test split has too few; captions name the split."""
    showable: str = "wallpapers_*"
    """File names of photographs that may be published."""
    credit: str = WALLPAPERS
    """What is said of the photographs shown."""
    labels: Path | None = None
    """labels.json of `sceneswap evaluate labels`, to be included; once included it stays."""
    pairs: int = 400
    """Random swaps."""
    transfers: int = 400
    """Pairs for the transfer matrix."""
    figure_scenes: int = 12
    """Rows and columns of the swapping figures."""
    size: int = 256
    """Side in pixels to which whole pictures are resized."""
    locations: int = 4096
    """Random locations of a drawing that NN_conv1 looks at; 0 for all, which takes eight times as long."""
    runs: int = 20
    """Timed drawings of the speed record."""
    batch_size: int = 8
    """Pairs drawn and measured at once."""
    seed: int = 0
    """Of the pairs."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto takes a GPU where there is one."""
    threads: int | None = None
    """CPU threads; PyTorch's choice unless given."""

    @cached_property
    def models(self) -> dict[str, Synthesizer]:
        return MeasuringOptions(out=self.out, model=(self.model,), device=self.device).open()

    @property
    def ours(self) -> str:
        return next(iter(self.models))

    @cached_property
    def scenes(self) -> Scenes:
        return Scenes(self.data, self.size, self.models[self.ours].schema)

    @cached_property
    def networks(self) -> Extractors:
        return Extractors(choose_device(self.device))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The contents and size of the scenes."""
        return {"data": folder_hash(self.data), "schema": self.scenes.schema.name, "size": self.size}


def main(
    report: Annotated[Report, tyro.conf.arg(name="")],
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Make the report.

    Args:
        report: What is measured, and where it goes.
        quick: Very few of everything, to see that all is in place; the numbers mean nothing.
    """
    if quick:
        few: dict[str, Any] = {"pairs": 16, "transfers": 20, "figure_scenes": 3, "locations": 512, "runs": 2}
        report = replace(report, **few)
    docs = ROOT / "docs"
    if any(folder.resolve() in (report.private / "x").resolve().parents for folder in (report.out, docs)):
        raise UserError(
            f"--private {report.private} would be published; choose a folder outside of {report.out} and {docs}"
        )
    if report.threads:
        torch.set_num_threads(report.threads)
    parts: dict[str, Callable[[Report], dict[str, Any]]] = {
        "swap": swap, "layout": layout, "attention": attention, "figures": figures, "speed": speed, "labels": labels,
    }  # fmt: skip
    records = {}
    for name, part in parts.items():
        started, busy = time.monotonic(), time.process_time()
        records[name] = part(report)
        wall, busy = (time.monotonic() - started) / 60, (time.process_time() - busy) / 60
        print(f"{name}: {wall:.1f} min ({busy:.1f} min of a core)", flush=True)
    write_text(report.out / "README.md", markdown(records, command(report), report.credit))
    print(report.out / "README.md", report.private / "swap" / "figures" / "examples.png", sep="\n")


# --- Parts: each writes its record and pictures, and returns the record -----------------------------------------------


def swap(report: Report) -> dict[str, Any]:
    """The paper's table, identification, ratios of ours to the others, curves over similarity, the contact sheet."""
    task = swap_task(
        report.scenes, report.pairs, report.seed, report.networks, locations=report.locations or None, identify=True
    )
    record = _measure(report, task, "swap")
    rows = {name: read_rows(report.private / "swap", name) for name in record["methods"]}
    record["ratios"] = {
        f"{report.ours} / {other}": {
            metric: ratio([row[metric] for row in rows[report.ours]], [row[metric] for row in rows[other]])
            for metric in SWAP
        }
        for other in rows
        if other != report.ours
    }
    binned = {name: {metric: by[metric] for metric in SWAP} for name, by in record["binned"].items()}
    write_bytes(report.out / "similarity.png", charts.curves(panels(binned, record["better"])).png)
    return _publish(report, "swap.json", record)


def layout(report: Report) -> dict[str, Any]:
    """Layout agreement, copying, FID; the same drawings."""
    task = layout_task(report.scenes, report.pairs, report.seed, report.networks, identify=False, fid=True)
    return _publish(report, "layout.json", _measure(report, task, "layout"))


def attention(report: Report) -> dict[str, Any]:
    """The transfer matrix of ours, its dendrogram, and what labels take from their like."""
    model = report.models[report.ours]
    work = report.private / "attention" / f"{model.weights_sha256[:12]}-{report.transfers}"
    dataset = FolderDataset(report.data, model.schema, cache=True)
    with progress("transfer matrix", report.transfers * (1 + UNTRAINED)) as advance:
        matrix = transfer_matrix(model, dataset, report.transfers, work, seed=report.seed, on_pair=advance)
        controls = control_matrices(model, dataset, matrix, work, range(UNTRAINED), seed=report.seed, on_pair=advance)
    write_matrix_page(work, matrix, model, controls, dendrogram=True)
    like = like_to_like(matrix, untrained=[one for name, one in controls.items() if name != POOLED])
    publish_likeness(like, report.out / "like.png", report.ours)
    for name in ("transfer.png", "dendrogram.png"):
        shutil.copyfile(work / name, report.out / name)
    record = read_json(work / "transfer.json", "the transfer matrix")
    record |= {"groups": ALIKE, "like": [one.record() for one in like]}
    return _publish(report, "attention.json", record)


def figures(report: Report) -> dict[str, Any]:
    """Test layouts in the looks of photographs that may be shown, the same for every model."""
    found = _showable(report)[: report.figure_scenes]
    if not found:
        return {}
    exemplars, layouts = [scene for scene, _ in found], evenly_spread(report.scenes, report.figure_scenes)
    pairs = random_pairs(report.scenes, 1, report.seed)  # for their schema
    identity = {**report.identity, "exemplars": folder_hash([*report.data, *report.seen])}
    names = {}
    for name, model in report.models.items():
        method = ModelMethod(name, model, pairs, report.batch_size)
        path = report.private / "figures" / f"{slug(name)}.png"
        picture = looks_figure(method, pairs, layouts, exemplars, path, identity)
        names[name] = f"swaps-{slug(name)}.jpg"
        write_jpeg(report.out / names[name], picture, FIGURE_BYTES)
        print(f"swapping figure of {name} drawn", file=sys.stderr, flush=True)
    splits = [split for _, split in found]
    shown = [{"name": Path(scene.name).name, "split": split} for scene, split in found]
    unseen = splits.count(report.data[0].resolve().parent.name)
    return {"files": names, "exemplars": shown, "unseen": unseen, "layouts": len(layouts)}


def speed(report: Report) -> dict[str, Any]:
    """Seconds, memory and arithmetic of one drawing, by benchmarks/speed/synthesis.py in a process of its own."""
    path, model = report.out / "synthesis.json", report.models[report.ours]
    if path.exists():
        kept: dict[str, Any] = read_json(path, "the speed record")
        if (kept["model"], kept["size"], kept["runs"]) == (model.describe(), report.size, report.runs):
            return kept
    folder = dict(entry.partition("=")[::2] for entry in report.model)[report.ours]
    options = {"--model": folder, "--size": report.size, "--runs": report.runs, "--json": path}
    options |= {"--threads": report.threads} if report.threads else {}
    in_fresh_process("-m", "benchmarks.speed.synthesis", *(part for option in options.items() for part in option))
    return dict(read_json(path, "the speed record"))


def labels(report: Report) -> dict[str, Any]:
    """The accuracy of estimated label maps, where it has been measured."""
    kept = report.out / "labels.json"
    if report.labels is not None:
        return _publish(report, kept.name, read_json(report.labels, "the record of sceneswap evaluate labels"))
    return dict(read_json(kept, "the record of sceneswap evaluate labels")) if kept.exists() else {}


# --- What they share --------------------------------------------------------------------------------------------------


def _measure(report: Report, task: Task, name: str) -> dict[str, Any]:
    """Measure all models on a task, drawings kept from task to task; return its record."""
    folder = report.private / name
    models = [
        KeptMethod(ModelMethod(n, m, task.pairs, report.batch_size), report.private / "drawings", report.identity)
        for n, m in report.models.items()
    ]
    methods = methods_of(task, models, baselines=False)
    for method in methods:
        if drop_unlike(method, folder, task.protocol, batch_size=report.batch_size):
            print(f"{name}: {method.name} was measured otherwise; it is measured anew", file=sys.stderr)
    with progress(name, len(methods) * len(task.pairs)) as advance:
        evaluate(
            task, models, folder, batch_size=report.batch_size, grid_scenes=0, sheet_rows=SHEET_ROWS, on_done=advance
        )  # fmt: skip
    return dict(read_json(folder / "results.json", "the results of an evaluation"))


def _showable(report: Report) -> list[tuple[Scene, str]]:
    """Scenes whose photographs may be shown, with the names of their splits, the test split first."""
    others = [Scenes([root], report.size, report.scenes.schema) for root in report.seen]
    found = []
    for scenes in (report.scenes, *others):
        split = scenes.roots[0].resolve().parent.name
        chosen = [i for i, name in enumerate(scenes.names) if fnmatch(Path(name).name, report.showable)]
        found += [(scenes[i], split) for i in chosen]
    return found


def _publish(report: Report, name: str, record: dict[str, Any]) -> dict[str, Any]:
    write_json(report.out / name, record)
    return record


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except UserError as error:
        print(f"outdoor_report: {error}", file=sys.stderr)
        sys.exit(2)
