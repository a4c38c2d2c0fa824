"""Drawings of the report are kept from part to part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.outdoor.kept import KeptMethod
from sceneswap.evaluation.methods import ModelMethod
from sceneswap.evaluation.pairs import Sample, Scenes, random_pairs
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.presets import load_schema
from sceneswap.scene import Photo


def test_kept_drawings_are_not_drawn_again(scenes_folder: Path, msca: Path, tmp_path: Path) -> None:
    pairs = random_pairs(Scenes([scenes_folder], 32, load_schema("procedural")), 4, 0)
    model = ModelMethod("ours", Synthesizer.from_pretrained(msca, device="cpu"), pairs, 4)
    samples = [pairs[i] for i in range(3)]
    first = KeptMethod(model, tmp_path, "data").draw(samples)
    assert np.array_equal(first, model.draw(samples))

    class Lazy(ModelMethod):
        def draw(self, samples: Sequence[Sample]) -> list[Photo]:
            raise AssertionError("drawn again")

    lazy = Lazy("ours", model.synthesizer, pairs, 4)
    again = KeptMethod(lazy, tmp_path, "data")
    assert again.describe() == model.describe()
    assert np.array_equal(again.draw(samples[::-1]), first[::-1])
    with pytest.raises(AssertionError, match="drawn again"):
        again.draw([pairs[3]])
    with pytest.raises(AssertionError, match="drawn again"):
        KeptMethod(lazy, tmp_path, "other data").draw(samples)
