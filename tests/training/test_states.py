"""States, pictures and lists that do not fit are refused in one sentence, and what is there stays as it is."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from sceneswap.checkpoint import newest_state, read_state
from sceneswap.cli.main import run
from sceneswap.config import TrainConfig
from sceneswap.images import write_png
from sceneswap.training.loop import train

Short = Callable[..., TrainConfig]


@pytest.fixture(scope="module")
def begun(short: Short, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps, the last of them in the patch phase."""
    out = tmp_path_factory.mktemp("runs") / "begun"
    train(short(steps=(1, 1, 0)), [data], out, device="cpu")
    return out


@pytest.fixture
def copied(begun: Path, tmp_path: Path) -> Path:
    return shutil.copytree(begun, tmp_path / "run")


def change(out: Path, edit: Callable[[dict[str, Any], dict[str, Tensor]], object]) -> None:
    """Edit what a state says and its tensors."""
    path = newest_state(out)
    assert path is not None
    with safe_open(path, "pt") as file:
        meta = json.loads(file.metadata()["sceneswap"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    edit(meta, tensors)
    save_file(tensors, path, metadata={"sceneswap": json.dumps(meta)})


def refused(out: Path, data: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    command = ["train", "--data", str(data), "--out", str(out), "--device", "cpu", "--resume", *more]
    assert run(command) == 2
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    line = capsys.readouterr().err
    assert line.startswith("sceneswap: ")
    assert line.count("\n") == 1
    return line


NEEDED = ("config", "progress", "optimizers", "scenes", "schema", "processes", "format", "step")


@pytest.mark.parametrize("key", NEEDED)
def test_a_state_without_a_part(copied: Path, data: Path, capsys: pytest.CaptureFixture[str], key: str) -> None:
    change(copied, lambda meta, _: meta.pop(key))
    assert str(newest_state(copied)) in refused(copied, data, capsys)


@pytest.mark.parametrize("key", [*NEEDED, "data", "device", "class_names", "scaler"])
def test_a_state_with_an_odd_part(copied: Path, data: Path, capsys: pytest.CaptureFixture[str], key: str) -> None:
    odd: list[Any] = [None, 5, "x", [], [None], {"x": {}}, -1, 1e99, [[[]]]]
    for value in odd:
        change(copied, lambda meta, _, value=value: meta.update({key: value}))  # type: ignore[misc]
        command = ["train", "--data", str(data), "--out", str(copied), "--device", "cpu", "--resume"]
        code, line = run(command), capsys.readouterr().err
        assert (code, line.count("\n")) in [(0, 0), (0, 1), (2, 1)], (value, line)  # some say nothing that matters


@pytest.mark.parametrize(
    ("change_of_progress", "message"),
    [
        ({"phase": 7}, "there is no phase 7 among 2"),
        ({"phase": -1}, "phase must be from 0"),
        ({"step": 10**30}, "step must be from 0"),
        ({"position": 1.5}, "position must be a whole number"),
        ({"speed": 1}, "unknown setting 'speed'"),
    ],
)
def test_a_state_at_no_step_of_the_plan(
    copied: Path, data: Path, capsys: pytest.CaptureFixture[str], change_of_progress: dict[str, Any], message: str
) -> None:
    change(copied, lambda meta, _: meta["progress"].update(change_of_progress))
    assert message in refused(copied, data, capsys)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.pop("optimizer_g/0/exp_avg"), "exp_avg of parameter 0 of optimizer_g is missing"),
        (lambda t: [t.pop(f"optimizer_d/1/{m}") for m in ("step", "exp_avg", "exp_avg_sq")], "step of parameter 1 of opt"),
        (lambda t: [t.pop(n) for n in list(t) if n.startswith("optimizer_g/")], "parameter 0 of optimizer_g is missing"),
        (lambda t: t.update({"optimizer_g/0/exp_avg": torch.zeros(3, 3, 3)}), "or of another shape"),
        (lambda t: t.update({"optimizer_g/x/y/z": torch.zeros(1)}), "holds x/y/z, which nothing needs"),
        (lambda t: t.pop(next(n for n in t if n.startswith("average/"))), "is missing or of another shape"),
    ],
    ids=range(6),
)  # fmt: skip
def test_a_state_without_a_tensor(
    copied: Path, data: Path, capsys: pytest.CaptureFixture[str], edit: Callable[[dict[str, Tensor]], object], message: str
) -> None:  # fmt: skip
    change(copied, lambda _, tensors: edit(tensors))
    assert message in refused(copied, data, capsys)


def test_other_pictures_of_the_same_number(
    copied: Path, data: Path, tmp_path: Path, short: Short, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(data, tmp_path / "moved")  # a copy is the same, whatever its dates
    longer = short(steps=(1, 2, 0))
    train(longer, [other], copied, resume=True, replan=None, device="cpu")
    write_png(other / "images" / "3.png", np.zeros((64, 64, 3), np.uint8))
    assert "was trained on other pictures or label maps" in refused(copied, other, capsys)
    (other / "images" / "3.png").unlink()
    (other / "labels" / "3.png").unlink()
    assert "was trained on 6 scenes, the data now hold 5" in refused(copied, other, capsys)
    last = train(longer, [other], copied, resume=True, replan=longer, device="cpu")  # on purpose
    _, meta = read_state(last)
    assert (meta["progress"]["step"], meta["scenes"]) == (3, 5)


def test_states_of_versions_that_kept_no_fingerprint_go_on(copied: Path, data: Path, short: Short) -> None:
    change(copied, lambda meta, _: meta.pop("data"))
    longer = short(steps=(1, 2, 0))
    _, meta = read_state(train(longer, [data], copied, resume=True, replan=longer, device="cpu"))
    assert meta["progress"]["step"] == 3
    assert meta["data"]


def test_a_label_head_that_nothing_trained_goes_on(data: Path, tmp_path: Path, short: Short) -> None:
    settings = short(steps=(0, 1, 0))
    settings = replace(settings, model=replace(settings.model, label_head=4))
    train(settings, [data], tmp_path, device="cpu")
    longer = replace(settings, phases=(replace(settings.phases[0], steps=2),))
    _, meta = read_state(train(longer, [data], tmp_path, resume=True, replan=longer, device="cpu"))
    assert meta["progress"]["step"] == 2


@pytest.mark.parametrize("odd", [b"\xff\xfe", b"{", b"[" * 10_000, b'{"step": "x"}\n{"step": 1e999}\n5\nnull\n'])
def test_an_odd_log_loses_its_odd_lines(copied: Path, data: Path, short: Short, odd: bytes) -> None:
    log = copied / "metrics.jsonl"
    kept = log.read_bytes()
    log.write_bytes(kept + odd)
    longer = short(steps=(1, 2, 0))
    train(longer, [data], copied, resume=True, replan=longer, device="cpu")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines if "terms" in line] == [1, 2, 3]


@pytest.mark.parametrize("split", ["null", "5", "[5]", "[null]", "[[1]]", "[]", "{}", '"x"', '["nowhere"]'])
def test_a_split_is_a_list_of_stems(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], split: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(split)
    command = ["train", "--preset", "tiny", "--data", str(data), "--out", str(tmp_path / "run"), "--split", str(path)]
    for more in ([], ["--dry-run"]):
        assert run([*command, *more]) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        assert "nowhere" in line if "nowhere" in split else "must be a list of image stems" in line
    assert not (tmp_path / "run").exists()


def test_a_single_scene_raises_no_alarm(
    data: Path, tmp_path: Path, short: Short, capsys: pytest.CaptureFixture[str]
) -> None:
    train(short(steps=(0, 2, 0), sample_every=1), [data], tmp_path, only=["3"], device="cpu")
    assert "exemplar is" not in capsys.readouterr().err
    assert "alarms" not in (tmp_path / "metrics.jsonl").read_text()
    assert (tmp_path / "samples" / "00000002.png").is_file()


@pytest.mark.parametrize(
    ("scales", "size", "task"), [(3, 32, "patch"), (5, 64, "patch"), (5, 64, "global"), (5, 32, "whole")]
)
def test_the_smallest_sizes_that_the_settings_allow(
    data: Path, tmp_path: Path, short: Short, scales: int, size: int, task: Any
) -> None:
    """What --dry-run lets pass can be trained."""
    settings = short(steps=(1, 1, 0))
    names = ("compact_channels", "feature_channels", "label_channels", "attention_maps", "widths", "spade_hidden")
    lists: dict[str, Any] = dict.fromkeys(names, (4,) * scales)
    model = replace(settings.model, **lists)
    first, second = settings.phases
    phases = (replace(first, image_size=64), replace(second, image_size=size, task=task, batch_size=2))
    train(replace(settings, model=model, phases=phases), [data], tmp_path, device="cpu")
