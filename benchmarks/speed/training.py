"""Steps per second of every phase of a preset on this machine, and how long the whole preset would take.

    python -m benchmarks.speed.training --preset small --steps 5 --json training.json

Real training steps (data, forward, losses, backward, both optimizers, moving average) on rendered scenes in memory.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.common import converted_scene, save_record
from sceneswap.config import PhaseConfig, load_train_config
from sceneswap.data.loader import BatchStream
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import scene
from sceneswap.training.ema import update_average
from sceneswap.training.phases import sampling_of, steps_of
from sceneswap.training.setup import make_accelerator, make_networks, start_phase


def main(
    preset: str = "small",
    model: Literal["msca", "gap", "spade-vae"] = "msca",
    steps: int = 5,
    warm_up: int = 2,
    scenes: int = 8,
    precision: Literal["fp32", "bf16", "fp16"] | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    threads: int | None = None,
    vgg19: Path | None = None,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure the training speed of a preset.

    Args:
        preset: paper, small, tiny, or a TOML file.
        model: msca, or one of the baselines.
        steps: Timed optimiser steps of every phase.
        warm_up: Steps before them.
        scenes: Scenes to render; they are used again and again.
        precision: Overrides the preset's.
        device: auto takes a GPU where there is one.
        threads: CPU threads; PyTorch's choice unless given.
        vgg19: VGG-19 weights, where the preset needs them; else SCENESWAP_VGG19.
        json_file: Write the record here.
    """
    if threads:
        torch.set_num_threads(threads)
    settings = load_train_config(preset).with_model(model)
    settings = replace(settings, precision=precision or settings.precision)
    schema = load_schema(settings.schema)
    accelerator = make_accelerator(settings, device)
    networks = make_networks(settings, schema, accelerator, vgg19, None)
    largest = max(phase.image_size for phase in settings.phases)
    source = [converted_scene(scene(seed, (largest, largest)), schema) for seed in range(scenes)]

    def measure(phase: PhaseConfig) -> dict[str, Any]:
        active = start_phase(phase, settings, networks, accelerator)
        sampling = sampling_of(phase, settings)
        data_seconds = step_seconds = 0.0
        with BatchStream(source, sampling, seed=settings.seed, position=0, rank=0, world_size=1) as stream:
            for number in range(warm_up + steps):
                started = time.perf_counter()
                batches = [next(stream).to(accelerator.device) for _ in range(settings.accumulation)]
                ready = time.perf_counter()
                for batch in batches:
                    with accelerator.accumulate(*active.models):
                        active.step(batch)  # returns the losses as numbers, so a GPU has finished
                update_average(networks.average, networks.generator, settings.ema_decay, number)
                if number >= warm_up:
                    data_seconds += ready - started
                    step_seconds += time.perf_counter() - ready
        planned = steps_of(phase, settings, len(source), 1) if phase.steps else None
        seconds = (data_seconds + step_seconds) / steps
        return {
            "phase": phase.name,
            "patch": sampling_of(phase, settings).entry_size,
            "entries_per_step": sampling.entries_per_scene * phase.batch_size * settings.accumulation,
            "steps_per_second": 1 / seconds,
            "data_share": data_seconds / (data_seconds + step_seconds),
            "planned_steps": planned,
            "planned_hours": planned * seconds / 3600 if planned else None,
        }

    rows = [measure(phase) for phase in settings.phases]
    title = f"{preset}, {model}, {settings.precision}, {accelerator.device}, {torch.get_num_threads()} threads"
    table = Table(*(name.replace("_", " ") for name in rows[0]), title=title)
    for row in rows:
        table.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(table)
    record = {"preset": preset, "model": model, "precision": settings.precision, "device": str(accelerator.device)}
    save_record(json_file, {**record, "timed_steps": steps, "phases": rows})


if __name__ == "__main__":
    tyro.cli(main)
