"""A run that was killed in any phase, or stopped with Ctrl-C, ends bit for bit like an unbroken one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sceneswap.checkpoint import newest_state, read_state
from sceneswap.config import TrainConfig
from sceneswap.files import LEFTOVERS
from sceneswap.training.loop import train

STEPS = 12  # of each phase
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}

pytestmark = pytest.mark.slow


def start(preset: Path, data: Path, out: Path, *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sceneswap.cli.main", "train", "--preset", str(preset), "--data", str(data)]
    command += ["--out", str(out), "--device", "cpu", "--workers", "1", *flags]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(out: Path, step: int, process: subprocess.Popen[str]) -> None:
    """Wait until the state of `step` is there."""
    while process.poll() is None and (newest_state(out) is None or newest_step(out) < step):
        time.sleep(0.005)


def kill(process: subprocess.Popen[str], out: Path, step: int) -> int:
    """Kill a run once the state of `step` is there; return the exit code."""
    wait_for(out, step, process)
    process.kill()
    process.communicate(timeout=500)
    return process.returncode


def newest_step(out: Path) -> int:
    newest = newest_state(out)
    assert newest is not None
    return int(newest.stem.rpartition("-")[2])


def metrics(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("seconds", None)
    return lines


def assert_same_run(out: Path, unbroken: Path, settings: TrainConfig) -> None:
    total = STEPS * len(settings.phases)
    assert newest_step(out) == newest_step(unbroken) == total
    (tensors, meta), (expected, expected_meta) = (read_state(newest_state(o) or o) for o in (out, unbroken))
    assert set(tensors) == set(expected)
    assert [name for name in expected if not torch.equal(tensors[name], expected[name])] == []
    assert meta["progress"].pop("seconds") > 0
    assert expected_meta["progress"].pop("seconds") > 0
    assert meta == expected_meta
    assert metrics(out) == metrics(unbroken)
    assert len([line for line in metrics(out) if "terms" in line]) == total
    pictures = [sorted(p.name for p in (o / "samples").iterdir()) for o in (out, unbroken)]
    assert pictures[0] == pictures[1]
    for name in pictures[0]:
        assert (out / "samples" / name).read_bytes() == (unbroken / "samples" / name).read_bytes()


@pytest.fixture
def settings(short: Callable[..., TrainConfig], request: pytest.FixtureRequest) -> TrainConfig:
    return short(request.param, (STEPS,) * 3, checkpoint_every=1, sample_every=8)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Like the processes started here: the order of a sum depends on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("settings", ["msca"], indirect=True)
def test_killed_in_every_phase(
    settings: TrainConfig, data: Path, tmp_path: Path, as_toml: Callable[[TrainConfig], Path]
) -> None:
    preset, out = as_toml(settings), tmp_path / "killed"
    for phase in range(3):
        process = start(preset, data, out, *(["--resume"] if phase else []))
        assert kill(process, out, STEPS * phase + 3) == -signal.SIGKILL
        assert STEPS * phase < newest_step(out) <= STEPS * (phase + 1)
    train(settings, [data], out, resume=True, device="cpu")
    train(settings, [data], tmp_path / "unbroken", device="cpu")
    assert_same_run(out, tmp_path / "unbroken", settings)


@pytest.mark.parametrize("settings", ["msca"], indirect=True)
def test_killed_at_any_moment(
    settings: TrainConfig, data: Path, tmp_path: Path, as_toml: Callable[[TrainConfig], Path]
) -> None:
    """Not only between steps: while it starts, while it writes a state, its log, a picture."""
    preset, out, random = as_toml(settings), tmp_path / "killed", np.random.default_rng(0)
    kills = 0
    while kills < 8 and (newest_state(out) is None or newest_step(out) < STEPS * len(settings.phases)):
        process = start(preset, data, out, *(["--resume"] if newest_state(out) else []))
        wait_for(out, newest_step(out) + 1 if newest_state(out) else 1, process)
        time.sleep(random.uniform(0, 0.3))
        process.kill()
        process.communicate(timeout=500)
        kills += 1
    assert kills > 3
    assert [*(out / "checkpoints").glob("state-*.safetensors")]
    train(settings, [data], out, resume=True, device="cpu")
    train(settings, [data], tmp_path / "unbroken", device="cpu")
    assert_same_run(out, tmp_path / "unbroken", settings)
    assert not [*out.rglob(LEFTOVERS)]


@pytest.mark.parametrize("settings", ["spade-vae"], indirect=True)
def test_killed_and_interrupted(
    settings: TrainConfig, data: Path, tmp_path: Path, as_toml: Callable[[TrainConfig], Path]
) -> None:
    preset, out = as_toml(settings), tmp_path / "stopped"
    assert kill(start(preset, data, out), out, STEPS + 3) == -signal.SIGKILL
    process = start(preset, data, out, "--resume")
    wait_for(out, 2 * STEPS + 3, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=500)
    assert process.returncode == 130, errors
    assert errors.endswith("sceneswap: interrupted\n")
    assert newest_step(out) < 3 * STEPS
    train(settings, [data], out, resume=True, device="cpu")
    train(settings, [data], tmp_path / "unbroken", device="cpu")
    assert_same_run(out, tmp_path / "unbroken", settings)
