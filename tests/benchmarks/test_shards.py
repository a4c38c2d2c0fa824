"""The chain of `benchmarks.shards` on few scenes: sharded, verified, trained, killed, resumed bit for bit."""

import re
from pathlib import Path

import pytest

from benchmarks.common import in_fresh_process

pytestmark = pytest.mark.slow


def test_the_chain_of_many_scenes(tmp_path: Path) -> None:
    words = ("--scenes", 400, "--steps", 24, "--size", 200_000, "--folder", tmp_path / "all")
    shown = in_fresh_process("-m", "benchmarks.shards", *words).stdout
    assert re.search(r"400 scenes in \d+ shards", shown)
    assert "a flipped byte: the scene data/000000 in" in shown
    assert re.search(r"killed and unbroken run: all \d+ tensors of the last state equal", shown)
