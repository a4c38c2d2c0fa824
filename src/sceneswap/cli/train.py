"""`sceneswap train`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from sceneswap.bounds import Between
from sceneswap.cli.options import Device
from sceneswap.cli.printing import print_table
from sceneswap.config import TrainConfig, from_dict, load_train_config, to_dict
from sceneswap.errors import UserError, counted
from sceneswap.files import read_json
from sceneswap.labels.presets import load_schema
from sceneswap.progress import time_in_words

Data = Annotated[
    tuple[str, ...],
    tyro.conf.arg(
        metavar="DATA ...",
        help="Folders with images/, labels/ and schema.toml; or shards of `sceneswap data shard`: their folder, tars "
        "(shards/shard-{000000..000127}.tar) or URLs.",
    ),
]


def _resume(words: list[str]) -> bool | Literal["auto"]:
    if words not in ([], ["auto"]):
        raise ValueError("write --resume, or --resume auto")
    return "auto" if words else True


Resume = Annotated[
    bool | Literal["auto"],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="[auto]",
        instance_from_str=_resume,
        is_instance=lambda value: value in (True, False, "auto"),
        str_from_instance=lambda value: ["auto"] if value == "auto" else [],
    ),
]


def train(
    data: Data,
    out: Path,
    preset: str = "small",
    model: Literal["msca", "gap", "spade-vae"] | None = None,
    schema: str | None = None,
    resume: Resume = False,
    replan: bool = False,
    init_from: Path | None = None,
    split: Path | None = None,
    validation: tuple[Path, ...] = (),
    precision: Literal["fp32", "bf16", "fp16"] | None = None,
    scale_steps: Annotated[float, Between(1e-6, 1e6)] = 1.0,
    seed: Annotated[int, Between(0, 2**20 - 1)] | None = None,
    device: Device = "auto",
    workers: Annotated[int, Between(0, 256)] = 2,
    vgg19: Path | None = None,
    lpips: Path | None = None,
    skip_damaged: bool = False,
    shard_cache: Path | None = None,
    dry_run: bool = False,
    changes: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="set", metavar="NAME=VALUE")
    ] = (),
) -> None:
    """Train a model through the phases of its preset: attention first, then patches, then whole images.

    Stop it with Ctrl-C and go on with --resume: the result is the same, bit for bit. SIGTERM saves too and exits with 75, so
    that a scheduler starts it again. Several GPUs or processes: accelerate launch --module sceneswap train ...

    Try:

    sceneswap train --preset small --data scenes --out runs/first

    Args:
        out: Folder of the run: checkpoints, metrics.jsonl, sample grids.
        preset: paper, outdoor-small, small, tiny, or the path of a TOML file of the same form (see `sceneswap presets`).
        model: Overrides the preset's; msca is the method, gap and spade-vae are its baselines.
        schema: The classes to train on, a preset or a schema file (see `sceneswap labels list`); overrides the preset's.
        resume: Go on from the newest checkpoint in the run folder, with its settings; auto: if there is one.
        replan: With --resume: go on with the settings of --preset instead (the networks must be the same).
        init_from: Start from the weights of a model (its folder, or a name of the package) or of another run, on other
            classes too.
        split: JSON file with a list of image stems, or kept.json of `sceneswap data import`; only these are used.
        validation: Folders of scenes that are not learned from: with every sample grid, the terms of the loss on at most 16 of
            them go to metrics.jsonl, and to TensorBoard beside the others.
        precision: Overrides the preset's.
        scale_steps: Multiplies the length of every phase, for shorter or longer runs.
        seed: Overrides the preset's.
        device: auto takes a GPU where there is one.
        workers: Threads that prepare batches.
        vgg19: VGG-19 weights (safetensors); else SCENESWAP_VGG19, else the public download. Only where the preset needs it.
        lpips: LPIPS weights (safetensors); else SCENESWAP_LPIPS. Only where the preset needs it.
        skip_damaged: Where a scene cannot be read, take the next one and say so, in place of stopping.
        shard_cache: Folder that keeps shards fetched from URLs; sceneswap/shards in your cache unless given.
        changes: A setting that differs from the preset, such as loss.style=2 or phases.patch.steps=500; once per setting.
        dry_run: Check the data, print settings and plan, time three steps of every phase, say how long it will take, and stop.
    """
    _check_changes(resume, replan, changes)
    settings = load_train_config(preset, changes)
    settings = settings.with_model(model) if model else settings
    overrides = {"precision": precision, "seed": seed, "schema": schema}
    given = {name: value for name, value in overrides.items() if value is not None}
    settings = _scaled(from_dict(TrainConfig, to_dict(settings) | given, "sceneswap train"), scale_steps)
    only = _read_split(split) if split else None
    _must_have_accelerate()
    from sceneswap.training import loop
    from sceneswap.training.setup import leave_processes

    networks: Any = {"device": device, "workers": workers, "vgg19": vgg19, "lpips": lpips}
    try:
        if dry_run:
            _rehearse(settings, data, only, networks, shard_cache)
            return
        last = loop.train(
            settings,
            data,
            out,
            resume=resume,
            replan=settings if replan else None,
            init_from=_start(init_from),
            only=only,
            validation=validation,
            skip_damaged=skip_damaged,
            shard_cache=shard_cache,
            **networks,
        )
    finally:
        leave_processes()
    print(f"trained: {last}; make a model of it with: sceneswap export {out} --out MODEL")


def _check_changes(resume: bool | Literal["auto"], replan: bool, changes: Sequence[str]) -> None:
    """Raise `UserError` where settings would be changed of a run that goes on with its own."""
    if replan and not resume:
        raise UserError("--replan changes the settings of a run that goes on; give it together with --resume")
    if changes and resume is True and not replan:
        raise UserError(
            "--set changes the settings, and --resume goes on with those of the run; add --replan to change them"
        )


def _must_have_accelerate() -> None:
    try:
        import accelerate  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "accelerate":
            raise
        raise UserError("training needs the package accelerate: pip install 'sceneswap[train]'") from error


def _rehearse(
    settings: TrainConfig,
    data: Sequence[str],
    only: list[str] | None,
    networks: dict[str, Any],
    shard_cache: Path | None,
) -> None:
    """Check the data, print settings and plan, time some steps, and print how long it will take."""
    from sceneswap.data.sources import open_scenes
    from sceneswap.training import loop
    from sceneswap.training.rehearsal import rehearse

    classes = load_schema(settings.schema)
    dataset = open_scenes(data, classes, only=only, fetched=shard_cache)
    void = f"{dataset.void_share():.0%} void"
    title = f"{counted(len(dataset), 'scene')}, {classes.num_classes} classes of {classes.name}, {void}"
    rows = loop.plan(settings, len(dataset))
    _print_plan(settings, rows, title)
    _print_hours(rows, rehearse(settings, dataset, **networks))


def _start(given: Path | None) -> Path | None:
    """The folder that --init-from names: of a run, of a model, or of a model of the package."""
    from sceneswap.inference import hub

    if given is None or (given / "checkpoints").is_dir():
        return given
    return hub.local(given)


def _read_split(path: Path) -> list[str]:
    """The stems that a JSON file lists, by itself or under "stems" (kept.json of an import)."""
    content = read_json(path, "a list of image stems")
    names = content.get("stems") if isinstance(content, dict) else content
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f'the split {path} must be a list of image stems, such as ["beach", "dusk"]')
    return names


def _scaled(settings: TrainConfig, factor: float) -> TrainConfig:
    """The settings with every phase `factor` times as long, a step at least."""
    if factor == 1:
        return settings
    lengths = [
        {"steps": max(1, round(p.steps * factor))} if p.steps else {"epochs": p.epochs * factor}
        for p in settings.phases
    ]
    phases = tuple(replace(phase, **length) for phase, length in zip(settings.phases, lengths, strict=True))
    return replace(settings, phases=phases)


def _print_hours(rows: list[dict[str, Any]], seconds: list[float]) -> None:
    """Say how long the phases of a plan take. seconds: per step of each."""
    whole = [row["steps"] * each for row, each in zip(rows, seconds, strict=True)]
    cells = [
        (row["phase"], f"{row['steps']:,}", f"{each:.2f}", time_in_words(total))
        for row, each, total in zip(rows, seconds, whole, strict=True)
    ]
    title = "timed here, three steps each"
    print_table(
        ["phase", "steps", "seconds per step", "time"], cells, title=title, right=("steps", "seconds per step", "time")
    )
    print(f"in all {time_in_words(sum(whole))} of steps; sample grids and checkpoints come on top")


def _print_plan(settings: TrainConfig, rows: list[dict[str, object]], title: str) -> None:
    from rich.console import Console

    Console().print_json(data=to_dict(settings))
    print_table(list(rows[0]), [[str(value) for value in row.values()] for row in rows], title=title)


COMMANDS = train
