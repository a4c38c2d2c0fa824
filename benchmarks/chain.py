"""The paper's experiment from its data to its table and figures, at an eighth of the size: does the whole chain hold?

python -m benchmarks.chain --out chain/ --vgg19 vgg19.safetensors

Rendered scenes stand for COCO-Stuff's photographs: a tree of images and label maps in its numbering is imported in place, the
outdoor scenes of it chosen; ours, GAP and SPADE_VAE are trained by the preset `paper` at an eighth of its width and size (with
the VGG-19 that comes with the package, up to relu4_1) for a few steps; table 1, the figure of swaps, the transfer matrix,
dendrogram and both interpolations are made. docs/reproduce.md has the same commands at full size. What
comes out is noise: nothing is learned in a few steps.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tyro

from sceneswap.cli.main import run
from sceneswap.errors import UserError
from sceneswap.files import make_folder, write_text
from sceneswap.images import write_png
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import scene

EIGHTH = """# The preset `paper` at an eighth of its width and size, with the weights of VGG-19 that come with the package.
base = "paper"
precision = "fp32"
sample_every = 1000

[model]
encoder_taps = 4
feature_channels = [8, 16, 32, 64, 64]
label_channels = [8, 16, 32, 32, 32]
label_embedding = 8
widths = [8, 16, 32, 64, 128]
spade_hidden = [16, 16, 16, 16, 16]
latent = 32

[discriminator]
width = 8
label_embedding = 8

[loss]
perceptual_layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]
perceptual_weights = [0.03125, 0.0625, 0.125, 0.25]
"""
METHODS = {"ours": "msca", "GAP": "gap", "SPADE_VAE": "spade-vae"}


def make_tree(root: Path, scenes: int, side: int) -> None:
    """Write `scenes` rendered scenes as COCO-Stuff lies on a disk, one in four relabelled as a room."""
    rendered, numbers = load_schema("procedural"), load_schema("coco-stuffthingmaps")
    names = {name: numbers.names.index(name) for name in rendered.names if name in numbers.names}
    table = np.array([*(names.get(name, numbers.void_index) for name in rendered.names), numbers.void_index], np.int16)
    for number in range(scenes):
        one = scene(number, (side, side * 4 // 3))
        indoors = number % 4 == 3
        label_map = np.full_like(one.label_map, numbers.index_of("wall-tile")) if indoors else table[one.label_map]
        name = f"{number:012d}"
        write_png(root / "images" / "train2017" / f"{name}.png", one.photo)
        write_label_map(root / "stuffthingmaps" / "train2017" / f"{name}.png", label_map, numbers)


def _shortened(size: int, steps: int) -> list[str]:
    """The options that make every phase of the preset this short and small."""
    return [
        word
        for name in ("pretrain", "patch", "global")
        for change in (f"image_size={size}", "epochs=0", f"steps={steps}", "batch_size=1")
        for word in ("--set", f"phases.{name}.{change}")
    ]


def chain(
    out: Path, vgg19: Path | None = None, scenes: int = 12, size: int = 64, steps: int = 1, pairs: int = 4
) -> dict[str, float]:
    """Run every step, print its command and return its seconds. Raises `UserError` at the first that fails.

    vgg19: weights for table 1, which are fetched where this is None.
    """
    seconds: dict[str, float] = {}

    def step(name: str, *words: object) -> None:
        command = [str(word) for word in words]
        print(f"# {name}\nsceneswap {' '.join(command)}", flush=True)
        timed(name, lambda: run(command))

    def timed(name: str, work: Callable[[], int | None]) -> None:
        started = time.monotonic()
        if work():
            raise UserError(f"the chain broke at: {name}")
        seconds[name] = time.monotonic() - started

    make_folder(out)
    timed("data", lambda: make_tree(out / "COCO", scenes, size))
    data, preset = out / "coco_outdoor", out / "eighth.toml"
    layout = "images/train2017+stuffthingmaps/train2017"
    step(
        "import", "data", "import", out / "COCO", "--layout", layout, "--schema", "coco-stuffthingmaps",
        "--keep", "outdoor", "--in-place", "--out", data,
    )  # fmt: skip
    write_text(preset, EIGHTH)
    short = _shortened(size, steps)
    for name, kind in METHODS.items():
        # SPADE_VAE has no VGG-19 in it, and the losses' own would have to be fetched
        changes = [*short, "--set", "loss.perceptual=0"] if kind == "spade-vae" else short
        step(f"train {name}", "train", "--preset", preset, "--model", kind, *changes, "--data", data,
             "--out", out / "runs" / name, "--device", "cpu", "--workers", 0)  # fmt: skip
        step(f"export {name}", "export", out / "runs" / name, "--out", out / "models" / name)
    models = ["--model", *(f"{name}={out / 'models' / name}" for name in METHODS)]
    weights = ["--vgg19", vgg19] if vgg19 else []
    step(
        "table 1, figures 4 to 6", "evaluate", "swap", "--data", data, "--schema", "coco-stuff", *models, *weights,
        "--size", max(64, size // 2), "--pairs", pairs, "--grid-scenes", 2, "--device", "cpu", "--out", out / "table",
    )  # fmt: skip
    ours = ["--model", out / "models" / "ours", "--device", "cpu"]
    step(
        "figures 1 and 2",
        "attention",
        "dendrogram",
        *ours,
        "--data",
        data,
        "--pairs",
        pairs,
        "--out",
        out / "attention",
    )
    photos = [out / "COCO" / "images" / "train2017" / f"{n:012d}.png" for n in (0, 1)]
    maps = [out / "COCO" / "stuffthingmaps" / "train2017" / f"{n:012d}.png" for n in (0, 1, 2)]
    common = [
        *ours, "--schema", "coco-stuffthingmaps", "--label-map", maps[2], "--exemplars", *photos,
        "--exemplar-label-maps", *maps[:2],
    ]  # fmt: skip
    for kind in ("global", "spatial"):
        step(f"interpolation, {kind}", "interpolate", kind, *common, "--out", out / kind)
    return seconds


if __name__ == "__main__":
    try:
        for name, took in tyro.cli(chain).items():
            print(f"{took:8.1f} s  {name}")
    except UserError as error:
        sys.exit(f"chain: {error}")
