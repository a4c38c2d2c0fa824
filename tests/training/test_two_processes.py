"""Data-parallel training on two CPU processes (gloo)."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneswap.checkpoint import newest_state, read_state
from sceneswap.config import TrainConfig
from sceneswap.training import setup
from sceneswap.training.loop import train
from tests.training.plain import plainly

SCRIPT = Path(__file__).with_name("two_processes.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not torch.distributed.is_available() or not torch.distributed.is_gloo_available(), reason="needs gloo"
    ),
]


def launch(data: Path, *runs: Path, plain: bool = False) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*command, str(SCRIPT), *(["--plain"] if plain else []), str(data), *map(str, runs)],
        capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
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


READ = {"layout": 0.5, "labels": 0.5}
SEEN = {"style": 1.0, "energy": 1.0, "look_by_class": 0.5, "style_layers": ("relu1_2",)}
IMAGES = {"objective": "image", "discriminator_learning_rate": 0.004}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # name: (of the phase, of the settings)
    "labels": ({"objective": "labels", "task": "global"}, {}),
    "label-head": ({"objective": "label-head", "task": "patch"}, {}),
    "features": ({"objective": "features", "task": "patch"}, {}),
    "patch": ({**IMAGES, "task": "patch"}, {}),
    "global": ({**IMAGES, "task": "global"}, {"loss": {"self_weight": 1.0}}),
    "swap": (
        {**IMAGES, "task": "swap"},
        {"model": {"encoder": "vgg19", "encoder_taps": 2}, "loss": READ | SEEN, "view_shift": 3},
    ),
    "whole": ({**IMAGES, "task": "whole"}, {"loss": READ, "model": {"normalisation": "sync-batch"}, "recompute": True}),
}


def test_ten_steps_of_every_kind_equal_those_of_one_process_with_the_double_batch(
    short: Callable[..., TrainConfig], as_toml: Callable[[TrainConfig], Path], data: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Without Adam, which divides rounding errors by themselves where a gradient is nearly zero."""

    def settings_of(kind: str, batch_size: int) -> TrainConfig:
        phase, changes = KINDS[kind]
        base = short(steps=(0, 10, 0), checkpoint_every=9)
        row = replace(base.phases[0], learning_rate=0.004, batch_size=batch_size, **phase)
        loss = replace(base.loss, **changes.get("loss", {}))
        model = replace(base.model, **({"label_head": 4} | changes.get("model", {})))
        others = {name: value for name, value in changes.items() if name not in ("loss", "model")}
        return replace(base, phases=(row,), loss=loss, model=model, **others)

    runs = [path for kind in KINDS for path in (as_toml(settings_of(kind, 2)), tmp_path / f"{kind}-two")]
    launch(data, *runs, plain=True)
    monkeypatch.setattr(setup, "_adam", plainly)
    for kind in KINDS:
        two, one = tmp_path / f"{kind}-two", tmp_path / f"{kind}-one"
        train(settings_of(kind, 4), [data], one, device="cpu")
        before = everything_of_path(one / "checkpoints" / "state-00000009.safetensors")
        last_step = distance(before, everything_of(one))
        assert distance(everything_of(two), everything_of(one)) < 0.05 * last_step, kind  # after ten of them
        for step, (ours, theirs) in enumerate(zip(terms_of(two), terms_of(one), strict=True)):  # rounding errors grow
            assert ours == pytest.approx(theirs, rel=1e-4 if step < 3 else 5e-3, abs=1e-4 if step < 3 else 1e-3), kind


def test_a_run_goes_on_with_more_or_fewer_processes(
    short: Callable[..., TrainConfig], as_toml: Callable[[TrainConfig], Path], data: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The same scenes in every step, whoever takes it: 4 on one process or 2 on each of two; a swap's next scene too."""
    monkeypatch.setattr(setup, "_adam", plainly)
    base = short(steps=(0, 6, 0), checkpoint_every=3, keep_checkpoints=3)
    row = replace(base.phases[0], learning_rate=0.02, discriminator_learning_rate=0.02, task="swap", batch_size=4)
    settings = replace(base, phases=(row,))
    preset, one, more = as_toml(settings), tmp_path / "one", tmp_path / "more"
    train(settings, [data], one, device="cpu")
    shutil.copytree(one, more)
    (more / "checkpoints" / "state-00000006.safetensors").unlink()
    launch(data, preset, more, plain=True)
    assert_alike(more, one)
    two, fewer = tmp_path / "two", tmp_path / "fewer"  # 2 of 4 in two processes, then on one in two micro-steps
    halved = replace(settings, phases=(replace(row, batch_size=2),))
    launch(data, as_toml(halved), two, plain=True)
    assert_alike(two, one)
    shutil.copytree(two, fewer)
    (fewer / "checkpoints" / "state-00000006.safetensors").unlink()
    train(halved, [data], fewer, resume=True, device="cpu")
    assert "was started with 2 processes and goes on with 1" in capsys.readouterr().out
    assert_alike(
        fewer, one, within=0.05, left_out=("_u", "_v")
    )  # spectral norm goes on by a step with every micro-step
    _, meta = read_state(newest_state(fewer) or fewer)
    assert (meta["processes"], meta["progress"]["position"]) == (2, 24)


def assert_alike(a: Path, b: Path, *, within: float = 2e-3, left_out: tuple[str, ...] = ()) -> None:
    """The states a and b differ by little of what b has moved since the step 3; tensors whose names end so are left out."""
    start = everything_of_path(b / "checkpoints" / "state-00000003.safetensors")
    parts = (
        {n: t for n, t in of.items() if not n.endswith(left_out)} for of in (start, everything_of(a), everything_of(b))
    )
    before, one, other = parts
    assert distance(one, other) < within * distance(before, other)


def everything_of(out: Path) -> dict[str, Tensor]:
    return everything_of_path(newest_state(out) or out)


def everything_of_path(path: Path) -> dict[str, Tensor]:
    tensors, _ = read_state(path)
    return {
        n: t.float()
        for n, t in tensors.items()
        if n.startswith(("generator/", "average/", "discriminator/", "decoder/"))
    }


def terms_of(out: Path) -> list[dict[str, float]]:
    """The terms of every step."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [line["terms"] for line in lines if "terms" in line]
