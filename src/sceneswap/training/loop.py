"""The training loop: one loop over the rows of the plan. Start reading at `train`.

Everything random about step n (which scenes, which patches, latent noise) is seeded by n, so a training state needs no
random state and a resumed run equals an unbroken one bit for bit.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator

from sceneswap import checkpoint, config
from sceneswap.config import PhaseConfig, TrainConfig
from sceneswap.data.loader import BatchStream
from sceneswap.data.sources import open_scenes
from sceneswap.files import make_folder, write_json
from sceneswap.guard import keep_files
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.progress import progress
from sceneswap.scene import SceneSource
from sceneswap.training import phases
from sceneswap.training.ema import update_average
from sceneswap.training.interruption import Stop, interruptions, stopped_by
from sceneswap.training.lock import run_lock
from sceneswap.training.log import RunLog
from sceneswap.training.resuming import check_same_run, newest_state, open_source
from sceneswap.training.samples import SampleGrid
from sceneswap.training.setup import ActivePhase, Networks, make_accelerator, make_networks, start_phase
from sceneswap.training.start import start_from
from sceneswap.training.state import Progress, SavedRun, read_run, replanned
from sceneswap.training.validation import Validation

CONFIG = "config.json"


@dataclass
class Run:
    """A run: what is trained, on what, and how far it is. fingerprint: of the dataset. start: what it began with, in words.

    processes: that it was started with; others go on with the same scenes per step (`phases.shares`).
    """

    settings: TrainConfig
    schema: LabelSchema
    dataset: SceneSource
    fingerprint: str | None
    accelerator: Accelerator
    networks: Networks
    out: Path
    workers: int
    processes: int
    validation: Validation | None = None
    progress: Progress = field(default_factory=Progress)
    start: str | None = None


def train(
    settings: TrainConfig,
    data: Sequence[str | Path] | SceneSource,
    out: Path,
    *,
    resume: bool | Literal["auto"] = False,
    replan: TrainConfig | None = None,
    init_from: Path | None = None,
    only: Sequence[str] | None = None,
    validation: Sequence[Path] = (),
    device: str = "auto",
    workers: int = 0,
    vgg19: Path | None = None,
    lpips: Path | None = None,
    skip_damaged: bool = False,
    shard_cache: Path | None = None,
) -> Path:
    """Train and return the last state file, `out/checkpoints/state-*.safetensors`.

    data: folders or shards as of `open_scenes`; or any source of scenes whose label maps are in the settings' schema (its
    `fingerprint()`, if it has one, tells a resumed run that the pictures are the same). resume: go on from the newest state
    in `out`, bit for bit, with the settings it was started with; "auto": if there is one; replan: with these settings instead,
    see `replanned`. init_from: a release folder or another run whose weights this one starts from, see `start_from`.
    only: stems of a fixed split. validation: folders or shards of other scenes, on which the terms of the loss are measured
    whenever a sample grid is drawn.
    workers: threads that prepare batches. vgg19, lpips: weight files of the networks the losses need. skip_damaged: see
    `SkippingDamaged`. shard_cache: where shards behind URLs are kept.
    Writes checkpoints, `metrics.jsonl`, `samples/*.png` and `config.json` into `out`. Raises `UserError`, also while
    another process trains there, and `KeyboardInterrupt` after Ctrl-C, `PreemptedError` after SIGTERM, when a state to
    resume from has been written.
    """
    with interruptions() as stop, run_lock(out) if int(os.environ.get("RANK", "0")) == 0 else nullcontext():
        newest = newest_state(out, resume)
        if newest is None:
            keep_files([out / CONFIG, out / "metrics.jsonl"])
        saved = read_run(newest) if newest else None
        if saved:
            if replan is not None:
                saved.state = replanned(saved.state, replan, str(newest))
            elif saved.state.config != settings and resume == "auto":
                LOG.warning("%s goes on with the settings it was started with, not with those given now", out)
            settings, schema = saved.state.config, saved.state.label_schema(saved.path)
        else:
            schema = load_schema(settings.schema)
        dataset, fingerprint = open_source(data, schema, only, skip_damaged=skip_damaged, shard_cache=shard_cache)
        accelerator = make_accelerator(settings, device)
        if saved:
            check_same_run(saved, len(dataset), fingerprint, accelerator, other_data=replan is not None)
        networks = make_networks(settings, schema, accelerator, vgg19, lpips)
        held_out = Validation(open_scenes(validation, schema), settings, accelerator.device) if validation else None
        processes = saved.state.processes if saved and replan is None else accelerator.num_processes
        run = Run(settings, schema, dataset, fingerprint, accelerator, networks, out, workers, processes, held_out)
        if saved:
            run.progress, run.start = saved.state.progress, saved.state.start
        elif init_from is not None:
            run.start = start_from(init_from, networks, settings, schema, vgg19)
        _run_phases(run, saved, stop)
        return checkpoint.state_path(out, run.progress.step)


def _run_phases(run: Run, saved: SavedRun | None, stop: Stop) -> None:
    """Run what is left of the plan, from the state `saved` on."""
    settings, accelerator, at = run.settings, run.accelerator, run.progress
    main = accelerator.is_main_process
    if main:
        make_folder(run.out / "checkpoints")
        write_json(run.out / CONFIG, {"format": "sceneswap-run-1", **config.to_dict(settings)})
    total = sum(row["steps"] for row in plan(settings, len(run.dataset), run.processes))
    with (
        RunLog(run.out, at.step) if main else nullcontext() as writer,
        progress("train", total, at.step, shown=main) as advance,
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
            stop.training = True
            _run_phase(run, settings.phases[number], active, writer, advance, stop)
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
    stop: Stop,
) -> None:
    """Run one row of the plan from `run.progress.phase_step` to its end."""
    settings, accelerator, at = run.settings, run.accelerator, run.progress
    total = phases.steps_of(phase, settings, len(run.dataset), run.processes)
    samples = SampleGrid(run.dataset, settings, run.schema, accelerator.device) if log else None
    with batches(run, phase) as stream:
        while at.phase_step < total:
            terms = take_step(run, phase, active, stream, total)
            advance(1, phase.name, " ".join(f"{name} {value:.3f}" for name, value in terms.items()))
            last, asked = at.phase_step == total, _on_any_process(accelerator, stop.asked)
            noted = at.step % settings.log_every == 0 or last
            if noted:
                terms = _over_processes(accelerator, terms)
            if log and noted:
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
            if at.step % settings.checkpoint_every == 0 or last or asked:
                _write_state(run, active.optimizers)
            if asked:
                raise stopped_by(asked)


def batches(run: Run, phase: PhaseConfig) -> BatchStream:
    """The batches of a phase, from the run's position in it on."""
    now = run.accelerator.num_processes
    batch_size, _ = phases.shares(phase, run.settings, run.processes, now)
    return BatchStream(
        run.dataset,
        phases.sampling_of(phase, run.settings, batch_size),
        seed=run.settings.seed + 1000 * run.progress.phase,
        position=run.progress.position,
        rank=run.accelerator.process_index,
        world_size=now,
        workers=run.workers,
        ring=phase.batch_size * run.processes,
    )


def take_step(run: Run, phase: PhaseConfig, active: ActivePhase, stream: BatchStream, total: int) -> dict[str, float]:
    """One optimiser step of the phase's `total`; returns the loss terms. The run is a step further then."""
    settings, accelerator, at = run.settings, run.accelerator, run.progress
    started = time.perf_counter()
    torch.manual_seed((settings.seed << 40) + (at.step << 12) + accelerator.process_index)
    _set_rates(phase, active.optimizers, phases.rate_factor(phase, at.phase_step, total))
    _, micro_steps = phases.shares(phase, settings, run.processes, accelerator.num_processes)
    accelerator.gradient_accumulation_steps, accelerator.step = micro_steps, 0
    for _ in range(micro_steps):
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
                "processes": run.processes,
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


def _over_processes(accelerator: Accelerator, terms: dict[str, float]) -> dict[str, float]:
    """The terms of a step, averaged over the processes."""
    if accelerator.num_processes == 1:
        return terms
    values = torch.tensor(list(terms.values()), device=accelerator.device)
    return dict(zip(terms, accelerator.reduce(values, reduction="mean").tolist(), strict=True))


def _on_any_process(accelerator: Accelerator, asked: int) -> int:
    """The signal that asked any process to stop, 0 for none: all stop after the same step, or none."""
    if accelerator.num_processes == 1:
        return asked
    signals = (signal.SIGTERM, signal.SIGINT)
    flags = torch.tensor([float(asked == one) for one in signals], device=accelerator.device)
    found = accelerator.reduce(flags).tolist()
    return next((int(one) for one, count in zip(signals, found, strict=True) if count), 0)
