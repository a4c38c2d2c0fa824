"""The benchmark scripts run on tiny input, and what they compute has known answers."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.common import in_fresh_process
from benchmarks.speed.restyle import spade_generator
from sceneswap.data.folder import FolderDataset
from sceneswap.images import resize_photo
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.presets import load_schema
from tests.tiny import random_scene, write_scene

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def run(module: str, *arguments: object, record: Path) -> dict[str, Any]:
    """Run a benchmark in a process of its own and return its record."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments), "--json", str(record)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(record.read_text()))


def test_synthesis(msca: Path, tmp_path: Path) -> None:
    record = run("speed.synthesis", "--model", msca, "--size", 64, "--runs", 2, record=tmp_path / "record.json")
    assert record["synthesis_seconds"] == record["encode_seconds"] + record["draw_seconds"] > 0
    assert 0 < record["msca_share"] < 1
    assert record["draw_gflop"] > 0
    assert record["memory_imported_mebibytes"] <= record["memory_loaded_mebibytes"] <= record["memory_peak_mebibytes"]
    assert record["machine"]["threads"] == 1


def test_restyling_beside_spade(msca: Path, tmp_path: Path) -> None:
    options = ["--model", msca, "--size", 64, "--pictures", 2, "--per-image", 1, "--looks", 2, "--spade-pictures", 1]
    record = run("speed.restyle", *options, "--threads", 1, record=tmp_path / "record.json")
    ours, spade = record["measured"]
    assert [ours["method"], spade["method"]] == ["restyle", "SPADE"]
    assert [ours["pictures"], spade["pictures"]] == [2, 1]
    assert min(one[key] for one in (ours, spade) for key in ("pictures_per_second", "processor_seconds")) > 0
    assert spade["peak_mib"] > 4 * spade["parameters"] / 2**20
    assert spade["gflop"] == pytest.approx(18.3, abs=0.1)  # a sixteenth of the 293 at 256×256


def test_spade_is_the_published_one() -> None:
    with torch.device("meta"):
        assert (
            round(sum(p.numel() for p in spade_generator(151).parameters()) / 1e6, 1) == 96.5
        )  # of ADE20K, as published
    with torch.inference_mode():
        assert spade_generator(3)(torch.zeros(1, 32, 64, dtype=torch.int64)).shape == (1, 3, 32, 64)


def test_onnx_beside_pytorch(head_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX graphs need the extra `onnx`")
    record = run("speed.onnx", "--model", head_folder, "--size", 64, "--runs", 2, record=tmp_path / "record.json")
    assert min(record[f"{what}_seconds_{which}"] for what in ("encode", "draw") for which in ("torch", "onnx")) > 0
    assert record["parity"]["picture"] < 1


def test_training(tmp_path: Path) -> None:
    options = ["--preset", "tiny", "--steps", 1, "--warm-up", 0, "--scenes", 2, "--device", "cpu"]
    record = run("speed.training", *options, record=tmp_path / "record.json")
    assert [phase["phase"] for phase in record["phases"]] == ["pretrain", "patch", "global"]
    assert all(phase["steps_per_second"] > 0 for phase in record["phases"])


def test_importing_a_made_tree(tmp_path: Path) -> None:
    record = run("speed.importing", "--count", 64, record=tmp_path / "record.json")
    assert record["pairs"] == 64
    for step in ("import", "first batch"):
        assert record[step]["processor_seconds"] > 0 < record[step]["peak_mebibytes"]


def test_weights_in_8_bits(tmp_path: Path, msca: Path) -> None:
    for seed in range(2):
        write_scene(tmp_path / "scenes", f"{seed}", random_scene(seed, 64, 64))
    options = ["--model", msca, "--data", tmp_path / "scenes", "--size", 64]
    record = run("int8", *options, record=tmp_path / "record.json")
    assert record["bytes"]["int8"] < record["bytes"]["fp16"]
    assert len(record["pictures"]) == 2
    assert 0 < record["mean"] < record["most"] < 64


def test_nearest_measures_both_and_finds_them_equal(tmp_path: Path) -> None:
    options = ["--size", 32, "--pairs", 1, "--random-features", "--threads", 1]
    found = run("speed.nearest", *options, record=tmp_path / "nearest.json")
    assert found["weights"] == "none: random features"
    assert [row["metric"] for row in found["rows"]] == ["NN_pixel", "NN_conv1"]
    for row in found["rows"]:
        assert row["value"] == pytest.approx(row["baseline_value"], rel=1e-3)
        assert row["relative_error"] < 1e-5
        assert row["speed_up"] == pytest.approx(row["baseline_seconds"] / row["seconds"])


def test_a_pack_is_data_folders_again(tmp_path: Path) -> None:
    for source in ("a", "b"):
        for number in range(2):
            write_scene(tmp_path / "train" / source, f"{number}", random_scene(number, 90, 70))
    outs = [tmp_path / "one.tar.xz", tmp_path / "two.tar.xz"]
    for out in outs:
        in_fresh_process(
            "-m", "benchmarks.outdoor.pack", tmp_path / "train", "--out", out, "--side", 64, "--quality", 95
        )
    assert outs[0].read_bytes() == outs[1].read_bytes()
    with tarfile.open(outs[0]) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    schema = load_schema("outdoor")
    packed = FolderDataset(sorted((tmp_path / "unpacked" / "train").iterdir()), schema)
    before = FolderDataset(sorted((tmp_path / "train").iterdir()), schema)
    assert len(packed) == len(before) == 4
    for number in range(4):
        assert packed[number].size == (82, 64)
        assert np.array_equal(packed[number].label_map, resize_label_map(before[number].label_map, (82, 64)))
        small = resize_photo(before[number].photo, (82, 64))
        assert np.allclose(packed[number].photo.mean(axis=(0, 1)), small.mean(axis=(0, 1)), atol=4)


def test_restyle(msca: Path, tmp_path: Path) -> None:
    for number in range(14):
        name = f"{'dusk' if number > 7 else 'day'}-{number}"
        write_scene(tmp_path / "data", name, random_scene(number, 64, 80, (0, 1, 3, 5)), "camvid")
        write_scene(tmp_path / "elsewhere", f"{number}", random_scene(100 + number), "outdoor")
    options = ["--other", "dusk", "--short-side", 48, "--steps", 4, "--seeds", 1, "--per-image", 2]
    record = run(
        "restyle", "--data", tmp_path / "data", "--looks", tmp_path / "elsewhere", "--model", msca, *options,
        "--train", 5, record=tmp_path / "record.json",
    )  # fmt: skip
    assert record["photographs"] == {"train": 5, "same light": 3, "other light": 5}
    assert record["looks"] == {"dusk": 1, "elsewhere": 12}
    assert list(record["mean_iou"]) == ["true", "jitter", "dusk", "elsewhere"]
    assert all(
        0 <= value <= 100 for lights in record["mean_iou"].values() for some in lights.values() for value in some
    )
