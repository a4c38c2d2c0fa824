"""The training loop: one loop over the rows of the plan. Start reading at `train`.

Everything random about step n (which scenes, which patches, latent noise) is seeded by n, so a training state needs no
random state and a resumed run equals an unbroken one bit for bit.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from sceneswap import checkpoint, config
from sceneswap.config import PhaseConfig, TrainConfig
from sceneswap.data.folder import FolderDataset
from sceneswap.data.loader import BatchStream
from sceneswap.errors import UserError
from sceneswap.files import make_folder, write_json
from sceneswap.guard import keep_files
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.progress import progress
from sceneswap.training import phases
from sceneswap.training.ema import update_average
from sceneswap.training.interruption import interruptions
from sceneswap.training.lock import run_lock
from sceneswap.training.log import RunLog
from sceneswap.training.samples import SampleGrid
from sceneswap.training.setup import ActivePhase, Networks, make_accelerator, make_networks, start_phase
from sceneswap.training.start import start_from
from sceneswap.training.state import Progress, SavedRun, read_run, replanned
from sceneswap.training.validation import Validation

CONFIG = "config.json"


@dataclass
class Run:
    """A run: what is trained, on what, and how far it is. fingerprint: of the dataset. start: what it began with, in words."""

    settings: TrainConfig
    schema: LabelSchema
    dataset: FolderDataset
    fingerprint: str
    accelerator: Accelerator
    networks: Networks
    out: Path
    workers: int
    validation: Validation | None = None
    progress: Progress = field(default_factory=Progress)
    start: str | None = None


def train(
    settings: TrainConfig,
    data: Sequence[Path],
    out: Path,
    *,
    resume: bool = False,
    replan: TrainConfig | None = None,
    init_from: Path | None = None,
    only: Sequence[str] | None = None,
    validation: Sequence[Path] = (),
    device: str = "auto",
    workers: int = 0,
    vgg19: Path | None = None,
    lpips: Path | None = None,
) -> Path:
    """Train and return the last state file, `out/checkpoints/state-*.safetensors`.

    data: folders as of `FolderDataset`. resume: go on from the newest state in `out`, bit for bit, with the settings it
    was started with; replan: with these settings instead, see `replanned`. init_from: a release folder or another run whose
    weights this one starts from, see `start_from`. only: stems of a fixed split. validation: folders of other scenes, on
    which the terms of the loss are measured whenever a sample grid is drawn. workers: threads that prepare batches.
    vgg19, lpips: weight files of the networks the losses need.
    Writes checkpoints, `metrics.jsonl`, `samples/*.png` and `config.json` into `out`. Raises `UserError`, also while
    another process trains there, and `KeyboardInterrupt` after Ctrl-C, when a state to resume from has been written.
    """
    with run_lock(out) if int(os.environ.get("RANK", "0")) == 0 else nullcontext():
        newest = _newest_state(out, resume)
        if newest is None:
            keep_files([out / CONFIG, out / "metrics.jsonl"])
        saved = read_run(newest) if newest else None
        if saved:
            if replan is not None:
                saved.state = replanned(saved.state, replan, str(newest))
            settings, schema = saved.state.config, saved.state.label_schema(saved.path)
        else:
            schema = load_schema(settings.schema)
        dataset = FolderDataset(data, schema, only=only, cache=True)
        dataset.void_share(most=1)  # refuses label maps that are void, all of them
        fingerprint = dataset.fingerprint()
        accelerator = make_accelerator(settings, device)
        if saved:
            _check_same_run(saved, len(dataset), fingerprint, accelerator, other_data=replan is not None)
        networks = make_networks(settings, schema, accelerator, vgg19, lpips)
        held_out = Validation(FolderDataset(validation, schema), settings, accelerator.device) if validation else None
        run = Run(settings, schema, dataset, fingerprint, accelerator, networks, out, workers, held_out)
        if saved:
            run.progress, run.start = saved.state.progress, saved.state.start
        elif init_from is not None:
            run.start = start_from(init_from, networks, settings, schema, vgg19)
        _run_phases(run, saved)
        return checkpoint.state_path(out, run.progress.step)


def _run_phases(run: Run, saved: SavedRun | None) -> None:
    """Run what is left of the plan, from the state `saved` on."""
    settings, accelerator, at = run.settings, run.accelerator, run.progress
    main = accelerator.is_main_process
    if main:
        make_folder(run.out / "checkpoints")
        write_json(run.out / CONFIG, {"format": "sceneswap-run-1", **config.to_dict(settings)})
    total = sum(row["steps"] for row in plan(settings, len(run.dataset), accelerator.num_processes))
    with (
        RunLog(run.out, at.step) if main else nullcontext() as writer,
        progress("train", total, at.step, shown=main) as advance,
        interruptions() as interrupted,
    ):
        if writer is not None:
            writer.settings(config.to_dict(settings))
        active = None
        for number in range(at.phase, len(settings.phases)):
            at.phase = number
            active = start_phase(settings.phases[number], settings, run.networks, accelerator, active)
            if saved:
                saved.restore(run.networks.kept, active.optimizers, accelerator.scaler)
                saved = None
            _run_phase(run, settings.phases[number], active, writer, advance, interrupted)
            if number + 1 < len(settings.phases):
                at.phase_step = at.position = 0


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
    active: ActivePhase,
    log: RunLog | None,
    advance: Callable[..., None],
    interrupted: threading.Event,
) -> None:
    """Run one row of the plan from `run.progress.phase_step` to its end."""
    settings, accelerator, at = run.settings, run.accelerator, run.progress
    total = phases.steps_of(phase, settings, len(run.dataset), accelerator.num_processes)
    samples = SampleGrid(run.dataset, settings, run.schema, accelerator.device) if log else None
    with batches(run, phase) as stream:
        while at.phase_step < total:
            terms = take_step(run, phase, active, stream, total)
            advance(1, phase.name, " ".join(f"{name} {value:.3f}" for name, value in terms.items()))
            last, stop = at.phase_step == total, _on_any_process(accelerator, interrupted.is_set())
            if log and (at.step % settings.log_every == 0 or last):
                log.metrics(at.step, phase.name, terms, at.seconds)
                log.rates(at.step, {name: o.param_groups[0]["lr"] for name, o in active.optimizers.items()})
            if log and samples and phase.objective == "image" and (at.step % settings.sample_every == 0 or last):
                grid = run.out / "samples" / f"{at.step:08d}.png"
                alarms = samples.draw(run.networks.average, grid)
                log.grid(at.step, grid)
                if alarms is not None:
                    log.alarms(at.step, alarms)
                if run.validation is not None:
                    log.validation(at.step, run.validation.measure(run.networks.average, run.networks.frozen))
            if at.step % settings.checkpoint_every == 0 or last or stop:
                _write_state(run, active.optimizers)
            if stop:
                raise KeyboardInterrupt


def batches(run: Run, phase: PhaseConfig) -> BatchStream:
    """The batches of a phase, from the run's position in it on."""
    return BatchStream(
        run.dataset,
        phases.sampling_of(phase, run.settings),
        seed=run.settings.seed + 1000 * run.progress.phase,
        position=run.progress.position,
        rank=run.accelerator.process_index,
        world_size=run.accelerator.num_processes,
        workers=run.workers,
    )


def take_step(run: Run, phase: PhaseConfig, active: ActivePhase, stream: BatchStream, total: int) -> dict[str, float]:
    """One optimiser step of the phase's `total`; returns the loss terms. The run is a step further then."""
    settings, accelerator, at = run.settings, run.accelerator, run.progress
    started = time.perf_counter()
    torch.manual_seed((settings.seed << 40) + (at.step << 12) + accelerator.process_index)
    _set_rates(phase, active.optimizers, phases.rate_factor(phase, at.phase_step, total))
    for _ in range(settings.accumulation):
        with accelerator.accumulate(*active.models):
            terms = active.step(next(stream).to(accelerator.device))
    update_average(run.networks.average, run.networks.generator, settings.ema_decay, at.step)
    at.phase_step, at.step, at.position = at.phase_step + 1, at.step + 1, stream.position
    at.seconds += time.perf_counter() - started
    return terms


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
                "data": run.fingerprint,
                "start": run.start,
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
    saved: SavedRun, scenes: int, fingerprint: str, accelerator: Accelerator, *, other_data: bool
) -> None:
    """Refuse other pictures, unless the plan is new; say so when the processes, and so the batch, have changed."""
    state = saved.state
    before = f"on {state.scenes} scenes, the data now hold {scenes}"
    if scenes == state.scenes:
        before = "" if state.data in (None, fingerprint) else "on other pictures or label maps than the data now hold"
    if before and not other_data:
        raise UserError(
            f"{saved.path} was trained {before}; resume with the same data, add --replan to go on with other data, or start "
            "a new run with --init-from"
        )
    if accelerator.num_processes != state.processes:
        accelerator.print(
            f"The run was started with {state.processes} processes and goes on with {accelerator.num_processes}: "
            "batches change, so the result is not the one of an unbroken run."
        )


def _on_any_process(accelerator: Accelerator, flag: bool) -> bool:
    """Whether `flag` is set on any process: all stop after the same step, or none."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(float(flag), device=accelerator.device)).item())
