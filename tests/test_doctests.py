"""The examples in the docstrings of the Python interface run as they stand."""

import doctest
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.inference.blend import blend
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.procedural import render

MODULES = {  # and the fewest examples of each
    "sceneswap.inference.blend": 4,
    "sceneswap.inference.callables": 5,
    "sceneswap.inference.device": 3,
    "sceneswap.inference.drawing": 4,
    "sceneswap.inference.given": 6,
    "sceneswap.inference.hub": 1,
    "sceneswap.inference.look": 3,
    "sceneswap.inference.reading": 3,
    "sceneswap.inference.restyle": 8,
    "sceneswap.inference.synthesizer": 8,
}


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of(module: str, shipped: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(("beach", "dusk")):
        Image.fromarray(render.scene(number, (72, 96)).photo).save(tmp_path / f"{name}.jpg")
    monkeypatch.chdir(tmp_path)
    known = {"swap": shipped, "blend": blend, "np": np}
    found = import_module(module)
    result = doctest.testmod(found, extraglobs=known, optionflags=doctest.REPORT_NDIFF)
    assert result.failed == 0
    assert result.attempted >= MODULES[module]
