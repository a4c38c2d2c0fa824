"""A script as users write it: layouts in a folder, drawn in the mixture of two looks. mypy checks it strictly."""

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
