"""The share of the attention on the border: by hand, and uniform attention has what the area is."""

from pathlib import Path

import pytest
import torch

from benchmarks.outdoor.border import measure, ring_share
from sceneswap.evaluation.pairs import Scenes
from tests.tiny import random_scene, tiny_synthesizer, write_scene


def test_by_hand() -> None:
    maps = torch.zeros(2, 4, 5)
    maps[0, 0, 2], maps[0, 1, 1] = 0.25, 0.75
    maps[1, 2, 4] = 1
    assert ring_share(maps).tolist() == pytest.approx([0.25, 1.0])


def test_uniform_attention_has_on_the_border_what_its_area_is(tmp_path: Path) -> None:
    model = tiny_synthesizer("gap")
    for seed in range(2):
        write_scene(tmp_path, f"scene{seed}", random_scene(seed))
    for row in measure(model, Scenes([tmp_path], 64, model.schema)):
        assert row["ratio"] == pytest.approx(1, abs=1e-4)
        assert row["most_ratio"] == pytest.approx(1, abs=1e-4)
