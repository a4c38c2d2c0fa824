"""Whoever checks types strictly finds the package's: a script as users write it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = '''\
"""Draw a folder of layouts in the mixture of two looks."""

from pathlib import Path

import numpy as np
from PIL import Image

from sceneswap import Blend, Look, Synthesizer, UserError, blend, list_models, load_schema


def looks(swap: Synthesizer, photos: list[Path]) -> list[Look]:
    return [swap.look(photo) for photo in photos]


def draw(layouts: Path, photos: list[Path], out: Path) -> int:
    swap = Synthesizer.from_pretrained(list_models()[0], device="cpu")
    mixed: Blend = blend(looks(swap, photos))
    for number, layout in enumerate(sorted(layouts.glob("*.png"))):
        picture: Image.Image = swap(layout, mixed, long_side=256)
        picture.save(out / f"{number:04d}.png")
        pixels = swap(layout, mixed, output="np")
        assert pixels.dtype == np.uint8
    return load_schema("outdoor").num_classes


if __name__ == "__main__":
    try:
        print(draw(Path("maps"), [Path("dusk.jpg"), Path("rain.jpg")], Path("drawn")))
    except UserError as error:
        print(error)
'''


@pytest.mark.slow
def test_a_script_of_a_users_passes_mypy_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="needs the extra dev")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.11", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
