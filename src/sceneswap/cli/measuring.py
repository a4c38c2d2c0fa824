"""What the commands of `sceneswap evaluate` share: their settings, opening models and data, progress, the table."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from sceneswap.progress import progress

if TYPE_CHECKING:
    from sceneswap.evaluation.pairs import Scenes
    from sceneswap.evaluation.tasks import Networks, Task
    from sceneswap.inference.synthesizer import Synthesizer

Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Settings:
    """What every task asks for."""

    out: Path
    """Folder for results.json, index.html, figures/ and every pair's numbers; an interrupted evaluation goes on there."""
    model: Annotated[
        tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], tyro.conf.arg(metavar="NAME=PATH ...")
    ] = ()
    """Models: a name for the table and a model folder or hub id. The model that comes with the package if none is named."""
    baselines: bool = False
    """Measure trivial methods too: a copy of the exemplar, every class filled with its mean colour."""
    size: int = 256
    """Side in pixels to which whole pictures are resized."""
    seed: int = 0
    """Chooses the pairs."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    batch_size: int = 8
    """Pairs drawn and measured at once."""
    vgg19: Path | None = None
    """VGG-19 weights (safetensors); else SCENESWAP_VGG19, else downloaded once and hash-checked."""


def evaluate_folders(
    data: tuple[tuple[Path, ...], ...],
    settings: Settings,
    schema: str | None,
    pairs: int,
    build: Callable[["Scenes", int, int, "Networks"], "Task"],
    grid_scenes: int = 0,
    *,
    lpips: Path | None = None,
    inception: Path | None = None,
    segmenter: str | None = None,
) -> None:
    """Measure a task on folders of scenes."""
    import sys

    from sceneswap.data.folder import read_folder_schema
    from sceneswap.evaluation.pairs import Scenes
    from sceneswap.evaluation.tasks import Networks
    from sceneswap.inference.synthesizer import choose_device
    from sceneswap.labels.presets import load_schema

    check(settings, pairs)
    networks = Networks(choose_device(settings.device), settings.vgg19, lpips, inception, segmenter)
    models = open_models(settings)
    roots = [root for group in data for root in group]
    if schema:
        classes = load_schema(schema)
    else:
        own = [read_folder_schema(root) for root in roots if root.is_dir()]  # others are named below
        same = own and all(one == own[0] for one in own)
        classes = own[0] if same else next(iter(models.values())).schema
    task = build(Scenes(roots, settings.size, classes), pairs, settings.seed, networks)
    if len(task.pairs) < pairs:
        print(f"sceneswap: the scenes give {len(task.pairs):,} pairs, fewer than --pairs {pairs:,}", file=sys.stderr)
    measure(task, models, settings, grid_scenes)


def evaluate_estimates(
    roots: list[Path], out: Path, model: str | None, segmenter: str | None, limit: int | None, device: "Device"
) -> None:
    """Judge the label head of a model, or a segmenter, on folders of scenes; print the table and the page's path."""
    from sceneswap.data.folder import FolderDataset
    from sceneswap.errors import UserError
    from sceneswap.evaluation.labels import evaluate_labels, score_rows
    from sceneswap.files import read_json
    from sceneswap.inference.labelling import HeadLabeller, Labeller, SegmenterLabeller
    from sceneswap.inference.segmentation import load_segmenter
    from sceneswap.inference.synthesizer import Synthesizer, choose_device
    from sceneswap.labels.presets import load_schema

    if model is not None and segmenter is not None:
        raise UserError("--model and --segmenter both name what is judged; leave out one of them")
    if limit is not None and limit < 1:
        raise UserError("--limit must be at least 1")
    schema = load_schema("outdoor")
    labeller: Labeller
    if segmenter is not None:
        labeller = SegmenterLabeller(load_segmenter(segmenter, device=choose_device(device)), schema)
        about = labeller.record
    else:
        synthesizer = Synthesizer.from_pretrained(model, device=device)
        labeller, schema = HeadLabeller(synthesizer), synthesizer.schema
        about = {**labeller.record, **synthesizer.describe()}
    sizes = [len(FolderDataset([root], load_schema("outdoor"))) for root in roots]
    with progress("measuring", sum(size if limit is None else min(size, limit) for size in sizes)) as advance:
        page = evaluate_labels(roots, labeller, schema, out, about=about, limit=limit, on_done=advance)
    print_rows(
        *score_rows(read_json(out / "labels.json", "the results of an evaluation")), title="estimated label maps"
    )
    print(page)


def measure(task: "Task", models: dict[str, "Synthesizer"], settings: Settings, grid_scenes: int) -> None:
    """Run a task, print its table and the page's path."""
    from sceneswap.errors import UserError
    from sceneswap.evaluation.methods import ModelMethod
    from sceneswap.evaluation.results import evaluate, methods_of
    from sceneswap.files import read_json

    drawers = [ModelMethod(name, model, task.pairs, settings.batch_size) for name, model in models.items()]
    methods = methods_of(task, drawers, settings.baselines)
    names = [method.name for method in methods]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"two methods are named {twice[0]!r}; choose another NAME in --model NAME=PATH")
    with progress("measuring", len(methods) * len(task.pairs)) as advance:
        page = evaluate(
            task,
            drawers,
            settings.out,
            baselines=settings.baselines,
            batch_size=settings.batch_size,
            grid_scenes=grid_scenes,
            on_done=advance,
        )
    record = read_json(settings.out / "results.json", "the results of an evaluation")
    print_table(record)
    print(*record["notes"], page, sep="\n")


def check(settings: Settings, pairs: int) -> None:
    """Raise `UserError` for settings that make no sense."""
    from sceneswap.errors import UserError

    if pairs < 1 or settings.batch_size < 1:
        raise UserError("--pairs and --batch-size must be at least 1")
    if settings.size < 64:
        raise UserError(f"--size {settings.size}: the feature networks need at least 64 pixels")
    if settings.seed < 0:
        raise UserError(f"--seed {settings.seed}: give 0 or more")


def open_models(settings: Settings) -> dict[str, "Synthesizer"]:
    """Open the models by name. Raises `UserError` for one that is no NAME=PATH or named twice."""
    from sceneswap.errors import UserError
    from sceneswap.inference.synthesizer import Synthesizer

    named: dict[str, str | None] = {}
    for entry in (entry for group in settings.model for entry in group):
        name, _, path = entry.partition("=")
        if not name.strip() or not path:
            raise UserError(f"--model {entry}: give a name for the table and a model folder, such as ours=models/first")
        if name in named:
            raise UserError(f"two models are named {name!r}; give each --model another name")
        named[name] = path
    return {
        name: Synthesizer.from_pretrained(path, device=settings.device, vgg19=settings.vgg19)
        for name, path in (named or {"shipped": None}).items()
    }


def print_table(record: dict[str, Any]) -> None:
    """Print the scores of a results.json."""
    from sceneswap.evaluation.page import score_rows

    print_rows(*score_rows(record), title=f"{record['protocol']['task']}: {record['protocol']['pairs']['count']} pairs")


def print_rows(header: list[str], rows: list[list[str]], title: str) -> None:
    """Print a table, of the terminal's width or wide enough for a file."""
    import sys

    from rich.console import Console
    from rich.table import Table

    printed = Table(*header, title=title)
    for row in rows:
        printed.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 200).print(printed)
