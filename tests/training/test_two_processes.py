"""Data-parallel training on two CPU processes (gloo)."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sceneswap.checkpoint import newest_state, read_state
from sceneswap.config import TrainConfig
from sceneswap.training.loop import train

SCRIPT = Path(__file__).with_name("two_processes.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not torch.distributed.is_available() or not torch.distributed.is_gloo_available(), reason="needs gloo"
    ),
]


def launch(data: Path, *runs: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*command, str(SCRIPT), str(data), *map(str, runs)], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr


def generator_of(out: Path) -> dict[str, Tensor]:
    """The trained weights, without biases that a normalisation cancels: Adam moves these by rounding errors."""
    tensors, _ = read_state(newest_state(out) or out)
    cancels = ("convolution_0.bias", "convolution_1.bias", "start.bias", "psi.bias")
    return {n: t for n, t in tensors.items() if n.startswith("generator/") and not n.endswith(cancels)}


def distance(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    return float(torch.stack([(a[n] - b[n]).square().sum() for n in b]).sum().sqrt())


def test_two_processes_agree_and_equal_one_with_the_double_batch(
    short: Callable[..., TrainConfig], as_toml: Callable[[TrainConfig], Path], data: Path, tmp_path: Path
) -> None:
    all_phases, patch = short(steps=(2, 2, 2), accumulation=2), short(steps=(0, 3, 0))
    unread = replace(short(steps=(0, 2, 0)), model=replace(patch.model, label_head=4))  # no loss trains the label head
    launch(  # compares the processes
        data, as_toml(all_phases), tmp_path / "all", as_toml(patch), tmp_path / "two", as_toml(unread), tmp_path / "head"
    )  # fmt: skip

    _, meta = read_state(newest_state(tmp_path / "all") or tmp_path)
    assert meta["processes"] == 2
    assert meta["progress"]["position"] == 2 * 2 * 2 * 1  # steps, micro-steps, processes, scenes

    double = replace(patch, phases=(replace(patch.phases[0], batch_size=4),))
    train(double, [data], tmp_path / "double", device="cpu")
    train(patch, [data], tmp_path / "half", device="cpu")
    two, one, half = (generator_of(tmp_path / name) for name in ("two", "double", "half"))
    assert distance(two, one) < 1e-3 * distance(half, one)
