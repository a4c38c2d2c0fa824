"""Steps per second of every phase of a preset on this machine, and how long the whole preset would take.

    python -m benchmarks.speed.training --preset small --steps 5 --json training.json

Real training steps (data, forward, losses, backward, both optimizers, moving average) on rendered scenes in memory. Beside
the seconds stand the arithmetic of a step, counted (multiplications and additions, two per multiply-add), and the share it
makes of the machine's own ceiling: a 3×3 convolution of 128 channels and a matrix product in the preset's precision,
measured in the same run.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from accelerate import Accelerator
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import converted_scene, save_record
from sceneswap.config import PhaseConfig, TrainConfig, load_train_config
from sceneswap.data.loader import BatchStream
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import scene
from sceneswap.training.ema import update_average
from sceneswap.training.phases import sampling_of, steps_of
from sceneswap.training.setup import ActivePhase, Networks, make_accelerator, make_networks, start_phase


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

    ceilings = measured_ceilings(accelerator.device, settings.precision)

    def measure(phase: PhaseConfig) -> dict[str, Any]:
        active = start_phase(phase, settings, networks, accelerator)
        sampling = sampling_of(phase, settings)
        with BatchStream(source, sampling, seed=settings.seed, position=0, rank=0, world_size=1) as stream:
            data_seconds, step_seconds, flops = timed(active, stream, settings, networks, accelerator, warm_up, steps)
        planned = steps_of(phase, settings, len(source), 1) if phase.steps else None
        seconds = (data_seconds + step_seconds) / steps
        entries = sampling.entries_per_scene * phase.batch_size * settings.accumulation
        return {
            "phase": phase.name,
            "patch": sampling_of(phase, settings).entry_size,
            "entries_per_step": entries,
            "steps_per_second": 1 / seconds,
            "gflop_per_picture": flops / entries / 1e9,
            "gflop_per_second": flops / seconds / 1e9,
            "of_convolution_ceiling": flops / seconds / ceilings["convolution_gflop_per_second"] / 1e9,
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
    print(", ".join(f"{name.replace('_', ' ')} {value:.0f}" for name, value in ceilings.items()))
    save_record(json_file, {**record, "timed_steps": steps, **ceilings, "phases": rows})


def timed(
    active: ActivePhase, stream: BatchStream, settings: TrainConfig, networks: Networks, accelerator: Accelerator,
    warm_up: int, steps: int,
) -> tuple[float, float, int]:  # fmt: skip
    """Seconds of `steps` steps spent on data and on the steps themselves, and the arithmetic of one step in FLOP."""
    data_seconds = step_seconds = 0.0
    flops = 0
    for number in range(1 + warm_up + steps):
        started = time.perf_counter()
        batches = [next(stream).to(accelerator.device) for _ in range(settings.accumulation)]
        ready = time.perf_counter()
        if number == 0:  # counting slows a step, so it is done in a warm-up
            with FlopCounterMode(display=False) as counted:
                active.step(batches[0])
            flops = counted.get_total_flops() * settings.accumulation
            continue
        for batch in batches:
            with accelerator.accumulate(*active.models):
                active.step(batch)  # returns the losses as numbers, so a GPU has finished
        update_average(networks.average, networks.generator, settings.ema_decay, number)
        if number > warm_up:
            data_seconds += ready - started
            step_seconds += time.perf_counter() - ready
    return data_seconds, step_seconds, flops


def measured_ceilings(device: torch.device, precision: str) -> dict[str, float]:
    """GFLOP/s, forward and backward, of a 3×3 convolution of 128 channels at 8×64×64 and of a 2048² matrix product."""
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    place: dict[str, Any] = {"device": device, "dtype": kind}
    picture = torch.randn(8, 128, 64, 64, **place).contiguous(memory_format=torch.channels_last).requires_grad_()
    layer = torch.nn.Conv2d(128, 128, 3, padding=1, **place)
    layer = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs know tensors only
    left, right = (torch.randn(2048, 2048, **place).requires_grad_() for _ in range(2))

    def speed(flops: float, forward: Callable[[], torch.Tensor]) -> float:
        result = forward()
        gradient = torch.randn_like(result)
        result.backward(gradient)
        _synchronise(device)
        started = time.perf_counter()
        for _ in range(10):
            forward().backward(gradient)
        _synchronise(device)
        return 10 * flops / (time.perf_counter() - started) / 1e9

    return {
        "convolution_gflop_per_second": speed(3 * 2 * 8 * 64 * 64 * 128 * 128 * 9, lambda: layer(picture)),
        "matrix_gflop_per_second": speed(3 * 2 * 2048**3, lambda: left @ right),
    }


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    tyro.cli(main)
