"""How training scales: steps measured on one and two CPU processes here, and computed for GPUs by a formula that is printed.

    python -m benchmarks.speed.scaling --measure-here             # the first table of docs/many-gpus.md
    python -m benchmarks.speed.scaling                            # the second, computed

Data-parallel processes compute alike and exchange gradients. A ring of n of them moves 2 (n - 1) / n of the gradient's bytes
through the link of each, in 2 (n - 1) rounds:

    exchange(n) = 2 (n - 1) / n · bytes / bandwidth + 2 (n - 1) · latency
    step(n)     = step(1) + exchange(n)          if nothing overlaps: DDP exchanges while the backward pass goes on, so it is
                                                 at most this
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
import tyro

from benchmarks.common import ROOT, converted_scene
from benchmarks.speed.paper import entry_gigaflop, forward_gigaflop
from sceneswap.config import load_train_config
from sceneswap.data.loader import BatchStream
from sceneswap.labels.presets import load_schema
from sceneswap.models.build import build_discriminator, build_generator
from sceneswap.models.pretrained.vgg import TAP_CHANNELS
from sceneswap.procedural.render import scene
from sceneswap.training.phases import sampling_of
from sceneswap.training.setup import leave_processes, make_accelerator, make_networks, start_phase

LINKS = {"one node, NVLink": (8, 300.0, 5e-6), "eight nodes, 200 Gb/s each GPU": (64, 25.0, 10e-6)}
"""GPUs, GB/s that each of them moves, seconds of a round."""


def gradient_bytes() -> int:
    """Of generator and discriminator of the preset `paper` without VGG-19, which is frozen; 4 per parameter."""
    settings, classes = load_train_config("paper"), load_schema("coco-stuff").num_classes
    model = replace(settings.model, encoder="compact", compact_channels=TAP_CHANNELS)
    with torch.device("meta"):
        generator = build_generator(model, classes)
        discriminator = build_discriminator(settings.discriminator, classes)
    frozen = {id(p) for p in generator.image_encoder.parameters()}  # the stand-in for VGG-19
    parameters = [*(p for p in generator.parameters() if id(p) not in frozen), *discriminator.parameters()]
    return 4 * sum(p.numel() for p in parameters)


def computed(teraflops: float) -> None:
    """Print the table for GPUs."""
    phase = load_train_config("paper").phases[1]
    scenes = phase.batch_size
    entries = scenes * sampling_of(phase, load_train_config("paper")).entries_per_scene
    step = entries * entry_gigaflop(forward_gigaflop())["image"] / 1000 / teraflops
    size = gradient_bytes()
    print(
        f"{scenes} photographs a step and GPU, {step * 1e3:.0f} ms at {teraflops:g} TFLOP/s, {size / 1e6:.0f} MB of gradients\n"
    )
    print("| GPUs | link | exchange | step at most | photographs/s | of n times one |\n|--:|---|--:|--:|--:|--:|")
    print(f"| 1 | – | – | {step * 1e3:.0f} ms | {scenes / step:.0f} | 100 % |")
    for link, (count, bandwidth, latency) in LINKS.items():
        exchange = 2 * (count - 1) / count * size / (bandwidth * 1e9) + 2 * (count - 1) * latency
        whole = step + exchange
        rate = count * scenes / whole
        cells = (f"{exchange * 1e3:.1f} ms", f"{whole * 1e3:.0f} ms", f"{rate:.0f}", f"{step / whole:.0%}")
        print(f"| {count} | {link} | {' | '.join(cells)} |")


def measure(preset: str, steps: int) -> None:
    """Print the table for CPU processes of this machine, each with one thread."""
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| processes | scenes a step | median step | processor time of a process |\n|--:|--:|--:|--:|")
    for count in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count)]
            command += ["-m", "benchmarks.speed.scaling", "--worker", folder, "--preset", preset, "--steps", str(steps)]
            paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}, check=True)
            found = json.loads((Path(folder) / "times.json").read_text())
        print(f"| {count} | {found['scenes']} | {found['step'] * 1e3:.0f} ms | {found['processor'] * 1e3:.0f} ms |")


def work(preset: str, steps: int, out: Path) -> None:
    """One process of `measure`: take steps of the preset's first image phase on rendered scenes."""
    settings = load_train_config(preset)
    schema, accelerator = load_schema(settings.schema), make_accelerator(settings, "cpu")
    phase = next(p for p in settings.phases if p.objective == "image")
    networks = make_networks(settings, schema, accelerator, None, None)
    active = start_phase(phase, settings, networks, accelerator)
    source = [converted_scene(scene(seed, (phase.image_size, phase.image_size)), schema) for seed in range(8)]
    count = accelerator.num_processes
    seconds, processor = [], []
    with BatchStream(
        source, sampling_of(phase, settings), seed=0, rank=accelerator.process_index, world_size=count
    ) as stream:
        for _ in range(2 + steps):
            started, used = time.perf_counter(), time.process_time()
            active.step(next(stream))
            seconds.append(time.perf_counter() - started)
            processor.append(time.process_time() - used)
    if accelerator.is_main_process:
        found = {
            "scenes": phase.batch_size * count,
            "step": statistics.median(seconds[2:]),
            "processor": statistics.median(processor[2:]),
        }
        (out / "times.json").write_text(json.dumps(found))
    del active
    leave_processes()


def main(
    measure_here: bool = False,
    preset: str = "small",
    steps: int = 10,
    teraflops: float = 100.0,
    worker: Path | None = None,
) -> None:
    """Print how training scales.

    Args:
        measure_here: Measure one and two processes on this machine's processor, in place of computing for GPUs.
        preset: What is measured.
        steps: That are timed.
        teraflops: What a GPU sustains, in 10¹² operations a second; a tenth of an H100's peak in bf16 by default.
        worker: Of a process of the measurement: the folder for its times.
    """
    if worker is not None:
        work(preset, steps, worker)
    elif measure_here:
        measure(preset, steps)
    else:
        computed(teraflops)


if __name__ == "__main__":
    tyro.cli(main)
