"""`sceneswap encode`."""

from pathlib import Path
from typing import Annotated

import tyro

from sceneswap.cli.options import DrawingOptions, must_exist
from sceneswap.errors import UserError
from sceneswap.files import LOOK_SUFFIX, is_look
from sceneswap.guard import keep_files


def encode(
    photo: Annotated[Path, tyro.conf.Positional],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    drawing: DrawingOptions,
    label_map: Path | None = None,
    thumbnail: bool = True,
) -> None:
    """Keep the look of a photograph as a file of some kilobytes, to draw with it wherever an exemplar is taken.

    Only the model that made it draws it. The file shows the photograph, small, so that people can tell looks apart;
    --no-thumbnail leaves that out.

    Try:

        sceneswap encode dusk.jpg -o dusk.look.safetensors

        sceneswap swap beach.jpg dusk.look.safetensors -o beach_at_dusk.png

    Args:
        photo: The photograph whose look is wanted.
        out: The file to write, *.look.safetensors.
        label_map: The label map of the photograph, of the same size as it; estimated when left out.
        thumbnail: Keep the photograph as a picture of 160 pixels (at most 4 KB) in the file.
    """
    if not is_look(out):
        raise UserError(f"--out {out}: a look must be named *{LOOK_SUFFIX}, by which commands know it")
    if is_look(photo):
        raise UserError(f"{photo} is a look already; name a photograph")
    must_exist(photo, label_map)
    keep_files([out], [photo, label_map])
    drawing.reader().look(photo, label_map).save(out, thumbnail=thumbnail)
    print(out)


COMMANDS = encode
