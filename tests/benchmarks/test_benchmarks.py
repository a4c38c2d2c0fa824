"""The benchmark scripts run on tiny input, and what they compute has known answers."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from sceneswap.checkpoint import Release, folded_copy, save_release
from sceneswap.config import load_train_config
from sceneswap.images import read_photo, read_png_text
from sceneswap.labels.presets import load_schema
from sceneswap.models.build import build_generator
from sceneswap.scene import Scene

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained release of the tiny preset."""
    torch.manual_seed(0)
    settings, schema = load_train_config("tiny"), load_schema("outdoor")
    network = folded_copy(build_generator(settings.model, schema.num_classes))
    folder = tmp_path_factory.mktemp("tiny")
    save_release(folder, Release(network, settings.model, schema, {}))
    return folder


@pytest.fixture
def known_answer() -> ModuleType:
    return import_module("benchmarks.known_answer")


def run(module: str, *arguments: object, record: Path) -> dict[str, Any]:
    """Run a benchmark in a process of its own, without the optional networks, and return its record."""
    environment = {k: v for k, v in os.environ.items() if k not in ("SCENESWAP_LPIPS", "SCENESWAP_VGG19")}
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments), "--json", str(record)]
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(record.read_text()))


def test_synthesis(tiny_model: Path, tmp_path: Path) -> None:
    record = run("speed.synthesis", "--model", tiny_model, "--size", 64, "--runs", 2, record=tmp_path / "record.json")
    assert record["synthesis_seconds"] == record["encode_seconds"] + record["draw_seconds"] > 0
    assert 0 < record["msca_share"] < 1
    assert record["draw_gflop"] > 0
    assert record["memory_imported_mebibytes"] <= record["memory_loaded_mebibytes"] <= record["memory_peak_mebibytes"]
    assert record["machine"]["threads"] == 1


def test_known_answer(tiny_model: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    options = ["--model", f"one={tiny_model}", "--model", f"two={tiny_model}", "--count", 3, "--batch", 2, "--size", 64]
    record = run("known_answer", *options, "--sheet", sheet, "--sheet-rows", 2, record=tmp_path / "record.json")
    scores = {name: by_metric["PSNR"] for name, by_metric in record["scores"].items()}
    assert list(scores) == [
        "copy of the exemplar", "grey", "mean colour per class", "one", "two", "target's own photograph",
    ]  # fmt: skip
    assert scores["one"] == scores["two"]
    assert all(s["low"] <= s["mean"] <= s["high"] for s in scores.values())
    assert scores["mean colour per class"]["mean"] > scores["copy of the exemplar"]["mean"]
    assert record["seeds"] == [1_000_000, 1_000_003]
    assert read_photo(sheet).shape[1] > 5 * 64  # label map, exemplar, answer, one, two
    assert read_png_text(sheet)["columns"] == "label map, exemplar, answer, one, two"


def test_training(tmp_path: Path) -> None:
    options = ["--preset", "tiny", "--steps", 1, "--warm-up", 0, "--scenes", 2, "--device", "cpu"]
    record = run("speed.training", *options, record=tmp_path / "record.json")
    assert [phase["phase"] for phase in record["phases"]] == ["pretrain", "patch", "global"]
    assert all(phase["steps_per_second"] > 0 for phase in record["phases"])


def test_training_seeds_are_refused(known_answer: ModuleType) -> None:
    from sceneswap.errors import UserError

    with pytest.raises(UserError, match="for training"):
        known_answer.main(seed=5)


def test_psnr(known_answer: ModuleType) -> None:
    black, white = -torch.ones(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    grey = torch.zeros(1, 3, 4, 4)
    values = [float(known_answer.psnr(drawn, white)) for drawn in (black, grey, white)]
    assert values == pytest.approx([0, 20 * np.log10(2), 100], abs=1e-4)


def test_mean_colors(known_answer: ModuleType) -> None:
    photo = np.zeros((2, 4, 3), np.uint8)
    photo[:, :2] = (10, 20, 30)
    photo[:, 2:] = (50, 60, 70)
    labels = np.repeat(np.array([[3, 3, 5, 5]], np.int16), 2, axis=0)
    target = np.array([[3, 5, 7]], np.int16)  # 7 is not in the exemplar
    filled = known_answer.mean_colors(target, Scene(photo, labels))
    assert filled.tolist() == [[[10, 20, 30], [50, 60, 70], [30, 40, 50]]]


def test_interval(known_answer: ModuleType) -> None:
    assert known_answer.interval([2.0] * 5) == {"mean": 2, "low": 2, "high": 2, "n": 5}
    values = np.random.default_rng(1).normal(size=400)
    found = known_answer.interval(values.tolist())
    half = 1.96 * values.std() / 20
    assert found["mean"] - found["low"] == pytest.approx(half, rel=0.2)
    assert found["high"] - found["mean"] == pytest.approx(half, rel=0.2)
