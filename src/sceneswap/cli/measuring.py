"""Runs what `cli/evaluate.py` declares: opens models and data, measures, prints the table. Loads PyTorch."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sceneswap.cli.options import EngineOptions, FolderOptions, LabellerOptions, MeasuringOptions
from sceneswap.cli.printing import print_actors, print_table
from sceneswap.data.folder import FolderDataset, read_folder_schema
from sceneswap.engines.on_ray import RayEngine
from sceneswap.errors import UserError, counted
from sceneswap.evaluation import labels, page
from sceneswap.evaluation.methods import ModelMethod
from sceneswap.evaluation.pairs import Scenes
from sceneswap.evaluation.results import evaluate, methods_of
from sceneswap.evaluation.tasks import (
    Extractors,
    Task,
    known_answer_task,
    layout_task,
    own_task,
    retrieve_task,
    swap_task,
)
from sceneswap.files import read_json
from sceneswap.inference.labelling import Labeller, SegmenterLabeller, choose_labeller
from sceneswap.inference.segmentation import load_segmenter
from sceneswap.inference.synthesizer import Synthesizer, choose_device
from sceneswap.labels.presets import load_schema
from sceneswap.notes import LOG
from sceneswap.progress import progress

TASKS: dict[str, Callable[[Scenes, int, int, Extractors], Task]] = {
    "swap": swap_task,
    "duplicate": partial(own_task, mirrored=False),
    "mirror": partial(own_task, mirrored=True),
    "retrieve": retrieve_task,
    "layout": layout_task,
}


def measure_folders(
    name: str,
    settings: FolderOptions,
    pairs: int,
    grid_scenes: int = 0,
    where: EngineOptions | None = None,
    **weights: Any,
) -> None:
    """Measure the task `name` on folders of scenes. weights: of `Extractors`."""
    networks = Extractors(choose_device(settings.device), settings.vgg19, **weights)
    models = settings.open()
    if settings.schema:
        classes = load_schema(settings.schema)
    else:
        own = [read_folder_schema(root) for root in settings.folders if root.is_dir()]  # others are named below
        same = own and all(one == own[0] for one in own)
        classes = own[0] if same else next(iter(models.values())).schema
    task = TASKS[name](Scenes(settings.folders, settings.size, classes), pairs, settings.seed, networks)
    if len(task.pairs) < pairs:
        LOG.info("the scenes give %s, fewer than --pairs %d", counted(len(task.pairs), "pair"), pairs)
    _measure(task, models, settings, grid_scenes, where.on_ray(settings) if where else None)


def measure_known_answers(settings: MeasuringOptions, pairs: int, lpips: Path | None) -> None:
    """Measure procedural swaps against the true pictures."""
    networks = Extractors(choose_device(settings.device), settings.vgg19, lpips)
    _measure(known_answer_task(pairs, settings.size, settings.seed, networks), settings.open(), settings)


def measure_estimates(roots: list[Path], out: Path, options: LabellerOptions, limit: int | None) -> None:
    """Judge what reads photographs for a model, or a segmenter, on folders of scenes; print the table and the page's path."""
    if options.model is not None and options.segmenter is not None:
        raise UserError("--model and --segmenter both name what is judged; leave out one of them")
    schema = load_schema("outdoor")
    labeller: Labeller
    if options.segmenter is not None:
        segmenter = load_segmenter(options.segmenter, device=choose_device(options.device))
        labeller = SegmenterLabeller(segmenter, schema)
        about = labeller.record
    else:
        synthesizer = options.open()
        labeller, schema = choose_labeller(synthesizer), synthesizer.schema
        about = {**labeller.record, **synthesizer.describe()}
    sizes = [len(FolderDataset([root], load_schema("outdoor"))) for root in roots]
    with progress("measuring", sum(size if limit is None else min(size, limit) for size in sizes)) as advance:
        written = labels.evaluate_labels(roots, labeller, schema, out, about=about, limit=limit, on_done=advance)
    record = read_json(out / "labels.json", "the results of an evaluation")
    print_table(*labels.score_rows(record), title="estimated label maps", wide=True)
    print(written)


def _measure(
    task: Task,
    models: dict[str, Synthesizer],
    settings: MeasuringOptions,
    grid_scenes: int = 0,
    ray: RayEngine | None = None,
) -> None:
    """Run a task, print its table and the page's path."""
    drawers = [ModelMethod(name, model, task.pairs, settings.batch_size) for name, model in models.items()]
    methods = methods_of(task, drawers, settings.baselines)
    names = [method.name for method in methods]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"two methods are named {twice[0]!r}; choose another NAME in --model NAME=PATH")
    with progress("measuring", len(methods) * len(task.pairs)) as advance:
        written = evaluate(
            task, drawers, settings.out, baselines=settings.baselines, batch_size=settings.batch_size,
            grid_scenes=grid_scenes, engine=ray, on_done=lambda count: advance(count, note=ray.note() if ray else ""),
        )  # fmt: skip
    print_actors(ray)
    record = read_json(settings.out / "results.json", "the results of an evaluation")
    print_scores(record)
    print(*record["notes"], written, sep="\n")


def print_scores(record: dict[str, Any]) -> None:
    """Print the scores of a results.json."""
    title = f"{record['protocol']['task']}: {counted(record['protocol']['pairs']['count'], 'pair')}"
    print_table(*page.score_rows(record), title=title, wide=True)
