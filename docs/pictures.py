"""Make the picture of README.md: photographs of `sceneswap examples`, drawn by the model that comes with the package.

python docs/pictures.py
"""

import tempfile
from pathlib import Path

import tyro

from sceneswap.cli.main import run
from sceneswap.images import read_photo, write_picture

LAYOUTS, LOOKS = ("city", "lake", "tea"), ("bridge", "city", "lake", "sunset", "tea")


def main(out: Path = Path(__file__).parent / "pictures") -> None:
    """Draw the pictures.

    Args:
        out: Folder for swap_grid.jpg.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        examples = folder / "examples"
        done = run(["examples", "--out", str(examples)])
        for file in (*examples.glob("images/*.jpg"), *examples.glob("labels/*.png")):
            if file.stem not in LOOKS:
                file.unlink()
        rows = [str(examples / "images" / f"{name}.jpg") for name in LAYOUTS]
        labels = str(examples / "labels")
        command = ["swap", "--layouts", *rows, "--labels", labels, "--looks", str(examples), "--long-side", "384"]
        done |= run([*command, "--out", str(folder / "swap")])
        if done:
            raise SystemExit(done)
        write_picture(out / "swap_grid.jpg", read_photo(folder / "swap" / "grid.png"), quality=88)


if __name__ == "__main__":
    tyro.cli(main)
