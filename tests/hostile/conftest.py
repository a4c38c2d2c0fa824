"""Good files to name beside bad ones."""

from pathlib import Path

import numpy as np
import pytest

from sceneswap.images import write_png


@pytest.fixture
def names(tmp_path: Path, release_folder: Path) -> dict[str, str]:
    """Good files to name beside the bad one."""
    rng = np.random.default_rng(0)
    write_png(tmp_path / "photo.png", rng.integers(0, 255, (48, 64, 3), np.uint8))
    write_png(tmp_path / "map.png", np.zeros((48, 64), np.uint8))
    known = {
        "photo": tmp_path / "photo.png",
        "map": tmp_path / "map.png",
        "out": tmp_path / "out",
        "model": release_folder,
        "data": tmp_path / "data",
    }
    for part, file in (("images", known["photo"]), ("labels", known["map"])):
        (known["data"] / part).mkdir(parents=True)
        (known["data"] / part / "a.png").write_bytes(file.read_bytes())
    (known["data"] / "schema.toml").write_text('preset = "outdoor"')
    return {name: str(path) for name, path in known.items()}
