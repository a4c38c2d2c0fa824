"""The interpolation benchmark runs on tiny input, and its measures know their answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import tiny_model

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "model")
    options = ["--model", model, "--cases", 1, "--pairs", 1, "--transfers", 2, "--runs", 1, "--size", 64]
    files = ["--json", tmp_path / "r.json", "--matrix", tmp_path / "m.png", "--sheet", tmp_path / "s.png"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.interpolation", *map(str, [*options, *files])],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "r.json").read_text())
    assert (record["cost"]["encodings"], record["cost"]["drawings"]) == (2, 11)
    assert record["transfer"]["largest_error_of_a_column_sum"] < 1e-9
    assert record["by_class"]["cases"] == record["global"]["pairs"] == 1
    assert (tmp_path / "m.png").exists()
    assert (tmp_path / "s.png").exists()


def test_nearer_and_mean_color() -> None:
    from benchmarks import interpolation

    photo = np.zeros((2, 2, 3), np.uint8)
    photo[0] = (10, 20, 30)
    label_map = np.array([[4, 4], [5, 5]], np.int16)
    assert interpolation.mean_color(photo, label_map, 4).tolist() == [10, 20, 30]
    assert interpolation.nearer(np.array([10.0]), np.array([12.0]), np.array([7.0]))
    assert not interpolation.nearer(np.array([10.0]), np.array([14.0]), np.array([7.0]))
