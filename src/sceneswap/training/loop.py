"""The training loop: one loop over the rows of the plan. Start reading at `train`.

Everything random about step n (which scenes, which patches, latent noise) is seeded by n, so a training state needs no
random state and a resumed run equals an unbroken one bit for bit.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from sceneswap import checkpoint, config
from sceneswap.config import PhaseConfig, TrainConfig
from sceneswap.data.folder import FolderDataset
from sceneswap.data.loader import Batch, BatchStream
from sceneswap.errors import UserError
from sceneswap.files import make_folder, write_json
from sceneswap.labels.presets import load_schema, schema_from_dict
from sceneswap.labels.schema import LabelSchema
from sceneswap.progress import progress
from sceneswap.training import phases
from sceneswap.training.ema import update_average
from sceneswap.training.log import RunLog
from sceneswap.training.samples import SampleGrid
from sceneswap.training.setup import Networks, make_accelerator, make_networks, start_phase


@dataclass
class Progress:
    """Where a run is. phase_step and position count within the phase, step over the whole run."""

    phase: int = 0
    phase_step: int = 0
    step: int = 0
    position: int = 0
    seconds: float = 0.0


@dataclass
class Run:
    """A run: what is trained, on what, and how far it is."""

    settings: TrainConfig
    schema: LabelSchema
    dataset: FolderDataset
    accelerator: Accelerator
    networks: Networks
    out: Path
    workers: int
    progress: Progress = field(default_factory=Progress)


def train(
    settings: TrainConfig,
    data: Sequence[Path],
    out: Path,
    *,
    resume: bool = False,
    replan: TrainConfig | None = None,
    init_from: Path | None = None,
    only: Sequence[str] | None = None,
    device: str = "auto",
    workers: int = 0,
    vgg19: Path | None = None,
    lpips: Path | None = None,
) -> Path:
    """Train and return the last state file, `out/checkpoints/state-*.safetensors`.

    data: folders as of `FolderDataset`. resume: go on from the newest state in `out`, bit for bit, with the settings it
    was started with; replan: with these settings instead, see `replanned`. init_from: a release folder whose weights the
    generator starts from. only: stems of a fixed split. workers: threads that prepare batches. vgg19, lpips: weight files
    of the networks the losses need.
    Writes checkpoints, `metrics.jsonl`, `samples/*.png` and `config.json` into `out`. Raises `UserError`, and
    `KeyboardInterrupt` after Ctrl-C, when a state to resume from has been written.
    """
    newest = _newest_state(out, resume)
    tensors, meta = checkpoint.read_state(newest) if newest else ({}, {})
    if newest:
        settings = config.from_dict(TrainConfig, meta["config"], str(newest))
        if replan is not None:
            settings, meta = replanned(settings, replan, meta, str(newest))
    schema = schema_from_dict(meta["schema"]) if newest else load_schema(settings.schema)
    dataset = FolderDataset(data, schema, only=only, cache=True)
    dataset.void_share(most=1)  # refuses label maps that are void, all of them
    accelerator = make_accelerator(settings, device)
    if newest:
        _check_same_run(meta, len(dataset), accelerator, newest, other_data=replan is not None)
    networks = make_networks(settings, schema, accelerator, vgg19, lpips)
    if init_from is not None and not newest:
        networks.start_from(checkpoint.load_release(init_from, vgg19), settings.model, schema, init_from)
    run = Run(settings, schema, dataset, accelerator, networks, out, workers, Progress(**meta.get("progress", {})))
    if accelerator.is_main_process:
        make_folder(out / "checkpoints")
        write_json(out / "config.json", config.to_dict(settings))

    total = sum(row["steps"] for row in plan(settings, len(dataset), accelerator.num_processes))
    main = accelerator.is_main_process
    log = RunLog(out, run.progress.step) if main else nullcontext()
    with (
        log as writer,
        progress("train", total, run.progress.step, shown=main) as advance,
        _interruptions() as interrupted,
    ):
        active = None
        for number in range(run.progress.phase, len(settings.phases)):
            run.progress.phase = number
            phase = settings.phases[number]
            active = start_phase(phase, settings, networks, accelerator, active)
            if newest:
                checkpoint.restore_state(
                    tensors, meta, networks=networks.kept, optimizers=active.optimizers, source=str(newest)
                )
                if accelerator.scaler is not None:
                    accelerator.scaler.load_state_dict(meta["scaler"])
                newest, tensors = None, {}
            _run_phase(run, phase, active.step, active.models, active.optimizers, writer, advance, interrupted)
            if number + 1 < len(settings.phases):
                run.progress.phase_step = run.progress.position = 0
    return checkpoint.state_path(out, run.progress.step)


def replanned(
    before: TrainConfig, after: TrainConfig, meta: dict[str, Any], source: str
) -> tuple[TrainConfig, dict[str, Any]]:
    """Go on with other settings, since people look at their pictures and act: the new ones, and the state's position in them.

    The run goes on in the phase of the same name, at the step it has reached in it. Networks must stay as they are.
    Raises `UserError` naming what does not fit.
    """
    for name in ("model", "discriminator", "schema", "pretrain_targets", "seed"):
        if getattr(before, name) != getattr(after, name):
            raise UserError(f"{source}: a run cannot go on with another {name}; start a new one, with --init-from")
    progress = meta["progress"]
    reached = before.phases[progress["phase"]]
    names = [phase.name for phase in after.phases]
    if reached.name not in names:
        raise UserError(
            f"{source} has reached the phase {reached.name}, which the new plan lacks; keep a row of that name"
        )
    number = names.index(reached.name)
    if after.phases[number].objective != reached.objective:
        raise UserError(f"{source}: the phase {reached.name} cannot change its objective while it runs")
    return after, {**meta, "progress": {**progress, "phase": number}}


def plan(settings: TrainConfig, scenes: int, processes: int = 1) -> list[dict[str, Any]]:
    """The phases of a run as a table: name, objective, task, patch size, epochs, entries per step, steps, learning rate."""
    return [
        {
            "phase": p.name,
            "objective": p.objective,
            "task": p.task,
            "patch": phases.sampling_of(p, settings).entry_size,
            "epochs": f"{p.epochs:g}" if p.epochs else "–",
            "entries per step": phases.sampling_of(p, settings).entries_per_scene
            * p.batch_size * processes * settings.accumulation,
            "steps": phases.steps_of(p, settings, scenes, processes),
            "learning rate": p.learning_rate,
        }
        for p in settings.phases
    ]  # fmt: skip


def _run_phase(
    run: Run,
    phase: PhaseConfig,
    step: Callable[[Batch], dict[str, float]],
    models: Sequence[nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    log: RunLog | None,
    advance: Callable[..., None],
    interrupted: threading.Event,
) -> None:
    """Run one row of the plan from `run.progress.phase_step` to its end."""
    settings, accelerator, at = run.settings, run.accelerator, run.progress
    total = phases.steps_of(phase, settings, len(run.dataset), accelerator.num_processes)
    samples = SampleGrid(run.dataset, settings, run.schema, accelerator.device) if log else None
    stream = BatchStream(
        run.dataset,
        phases.sampling_of(phase, settings),
        seed=settings.seed + 1000 * at.phase,
        position=at.position,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        workers=run.workers,
    )
    with stream:
        while at.phase_step < total:
            # --- Step ---------------------------------------------------------------------------------------------
            started = time.perf_counter()
            torch.manual_seed((settings.seed << 40) + (at.step << 12) + accelerator.process_index)
            _set_rates(phase, optimizers, phases.rate_factor(phase, at.phase_step, total))
            for _ in range(settings.accumulation):
                with accelerator.accumulate(*models):
                    terms = step(next(stream).to(accelerator.device))
            update_average(run.networks.average, run.networks.generator, settings.ema_decay, at.step)
            at.phase_step, at.step, at.position = at.phase_step + 1, at.step + 1, stream.position
            at.seconds += time.perf_counter() - started

            # --- Tell and keep --------------------------------------------------------------------------------------
            advance(1, phase.name, " ".join(f"{name} {value:.3f}" for name, value in terms.items()))
            last, stop = at.phase_step == total, _on_any_process(accelerator, interrupted.is_set())
            if log and (at.step % settings.log_every == 0 or last):
                log.metrics(at.step, phase.name, terms, at.seconds)
            if log and samples and phase.objective == "image" and (at.step % settings.sample_every == 0 or last):
                log.alarms(at.step, samples.draw(run.networks.average, run.out / "samples" / f"{at.step:08d}.png"))
            if at.step % settings.checkpoint_every == 0 or last or stop:
                _write_state(run, optimizers)
            if stop:
                raise KeyboardInterrupt


def _write_state(run: Run, optimizers: dict[str, torch.optim.Optimizer]) -> None:
    if run.accelerator.is_main_process:
        checkpoint.write_state(
            run.out,
            run.progress.step,
            networks=run.networks.kept,
            optimizers=optimizers,
            meta={
                "config": config.to_dict(run.settings),
                "schema": run.schema.to_dict(),
                "class_names": list(run.schema.names),
                "progress": vars(run.progress),
                "scenes": len(run.dataset),
                "processes": run.accelerator.num_processes,
                "device": str(run.accelerator.device),
                "scaler": run.accelerator.scaler.state_dict() if run.accelerator.scaler is not None else None,
            },
            keep=run.settings.keep_checkpoints,
        )


def _set_rates(phase: PhaseConfig, optimizers: dict[str, torch.optim.Optimizer], factor: float) -> None:
    rates = {"optimizer_g": phase.learning_rate, "optimizer_d": phase.discriminator_learning_rate}
    for name, optimizer in optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = rates[name] * factor


def _newest_state(out: Path, resume: bool) -> Path | None:
    newest = checkpoint.newest_state(out)
    if resume and newest is None:
        raise UserError(f"{out} holds no training state to resume from; leave out --resume to start a run there")
    if newest is not None and not resume:
        raise UserError(f"{out} already holds a run; go on with --resume or choose another folder with --out")
    return newest


def _check_same_run(
    meta: dict[str, Any], scenes: int, accelerator: Accelerator, state: Path, *, other_data: bool
) -> None:
    """Refuse a data set of another size, unless the plan is new; say so when the processes, and so the batch, have changed."""
    if scenes != meta["scenes"] and not other_data:
        raise UserError(
            f"{state} was trained on {meta['scenes']} scenes, the data now hold {scenes}; resume with the same data, "
            "add --replan to go on with other data, or start a new run with --init-from"
        )
    if accelerator.num_processes != meta["processes"]:
        accelerator.print(
            f"The run was started with {meta['processes']} processes and goes on with {accelerator.num_processes}: "
            "batches change, so the result is not the one of an unbroken run."
        )


def _on_any_process(accelerator: Accelerator, flag: bool) -> bool:
    """Whether `flag` is set on any process: all stop after the same step, or none."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(float(flag), device=accelerator.device)).item())


@contextmanager
def _interruptions() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets, so that the step in progress is finished; a second one stops at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def remember(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
