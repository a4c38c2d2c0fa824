"""The photographs, label maps and looks that come with the package, as files of the user's own."""

import os
from importlib import resources
from pathlib import Path

from sceneswap.errors import UserError
from sceneswap.files import LOOK_SUFFIX, open_regular, write_bytes
from sceneswap.guard import may_overwrite
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer

LOOKS = ("sunset", "waves")
"""The photographs whose looks are written too: encoded when they are asked for, since a look fits one model only."""


def write_examples(out: Path) -> int:
    """Write the examples into the folder `out`; return the number of new files. What is there already stays as it is.

    Raises `UserError`, before anything is written, when a file of one of the names is there and is another; within
    `overwriting` it is replaced.
    """
    folder = Path(str(resources.files("sceneswap"))) / "examples"
    files = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    new = [file for file, data in files.items() if not _is_there(out / file, data)]
    synthesizer = Synthesizer.from_pretrained()
    looks = {name: out / "looks" / f"{name}{LOOK_SUFFIX}" for name in LOOKS}
    missing = [name for name, path in looks.items() if not _is_look_of(path, synthesizer)]
    for file in new:
        write_bytes(out / file, files[file])
    for name in missing:
        scene = synthesizer.read_scene(out / "images" / f"{name}.jpg", out / "labels" / f"{name}.png")
        synthesizer.encode(scene).save(looks[name])
    return len(new) + len(missing)


def _is_there(path: Path, data: bytes) -> bool:
    """Whether the file holds `data` already; False when it is to be written. Raises `UserError` for another file."""
    if not os.path.lexists(path):
        return False
    with open_regular(path) as file:
        if file.read(len(data) + 1) == data:
            return True
    return _other(path)


def _is_look_of(path: Path, synthesizer: Synthesizer) -> bool:
    """Whether the file is a look of this model; False when it is to be written. Raises `UserError` for another file."""
    if not os.path.lexists(path):
        return False
    try:
        synthesizer.check_look(Look.load(path))
    except UserError:
        return _other(path)
    return True


def _other(path: Path) -> bool:
    """False, so that the file is replaced, where that was asked for. Raises `UserError` elsewhere."""
    if may_overwrite():
        return False
    raise UserError(
        f"{path} is there and is not the example of that name; name another folder with --out, or pass --overwrite"
    )
