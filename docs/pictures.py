"""Make the picture of README.md: photographs of `sceneswap examples`, drawn by the model that comes with the package.

python docs/pictures.py
"""

import tempfile
from pathlib import Path

import tyro

from sceneswap.cli.main import run
from sceneswap.images import read_photo, write_picture

SHOWN = ("lake", "city", "tea", "sunset", "bridge")


def main(out: Path = Path(__file__).parent / "pictures") -> None:
    """Draw the pictures.

    Args:
        out: Folder for swap_grid.jpg.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        examples = folder / "examples"
        photos = [str(examples / "images" / f"{shown}.jpg") for shown in SHOWN]
        done = run(["examples", "--out", str(examples)])
        done |= run(
            ["swap", *photos, "--labels", str(examples / "labels"), "--long-side", "384", "--out", str(folder / "swap")]
        )
        if done:
            raise SystemExit(done)
        write_picture(out / "swap_grid.jpg", read_photo(folder / "swap" / "grid.png"), quality=88)


if __name__ == "__main__":
    tyro.cli(main)
