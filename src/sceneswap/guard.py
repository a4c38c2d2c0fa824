"""What may be written over: nothing that is read, and of what exists only files that sceneswap has written itself.

    keep_files([out / "grid.png", out / "index.html"], [photo, label_map])     # before the work
    with overwriting(): …                                                      # --overwrite

Every picture, page, record and model that sceneswap writes says so inside; one that was changed in another program says
so no more. What cannot say it (a table, a list), and a page, belongs to the record that lies beside it.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sceneswap.errors import UserError
from sceneswap.files import open_regular

_PICTURE = re.compile(rb"Software\0sceneswap|sceneswap\0")  # in PNG; in EXIF, in a GIF's comment, as the name of a note
_MARKS = {
    ".html": re.compile(rb'<meta name="generator" content="sceneswap'),
    ".json": re.compile(rb'"sceneswap["-]'),
    ".safetensors": re.compile(rb'"__metadata__":\{"sceneswap"'),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".gif"), _PICTURE),
}
_CHANGED = (".png", ".jpg", ".webp", ".gif", ".json", ".safetensors")  # of them the record beside them says nothing
_LOOKED_AT = 65_536  # bytes, from the start and from the end
_allowed: ContextVar[bool] = ContextVar("overwriting", default=False)


@contextmanager
def overwriting() -> Iterator[None]:
    """Let any file be written over that is not an input."""
    before = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(before)


def may_overwrite() -> bool:
    """Whether this is within `overwriting`."""
    return _allowed.get()


def made_here(path: Path) -> bool | None:
    """Whether the file says that sceneswap wrote it; None of a kind that cannot say it."""
    mark = _MARKS.get(path.suffix.lower())
    if mark is None:
        return None
    try:
        with open_regular(path) as file:
            start = file.read(_LOOKED_AT)
            file.seek(max(0, path.stat().st_size - _LOOKED_AT))
            return not start or bool(mark.search(start) or mark.search(file.read(_LOOKED_AT)))
    except (UserError, OSError):
        return False


def keep_files(outputs: Iterable[Path], inputs: Iterable[Path | None] = (), *, filled: Iterable[Path] = ()) -> None:
    """Raise `UserError` when a job would write over a file that it reads, or over one that sceneswap has not written.

    Called before the work. inputs, filled: see `keep_inputs`. Within `overwriting` only inputs are kept.
    """
    outputs = list(outputs)
    keep_inputs(outputs, inputs, filled=filled)
    if _allowed.get():
        return
    there = {path: made_here(path) for path in outputs if path.exists()}
    recorded = {path.parent for path, ours in there.items() if ours and path.suffix.lower() == ".json"}
    for path, ours in there.items():
        if not (ours or (path.parent in recorded and path.suffix.lower() not in _CHANGED)):
            raise UserError(
                f"{path} exists, and sceneswap has not written it or it was changed since; choose another name or folder, "
                "or pass --overwrite to replace it"
            )


def keep_inputs(outputs: Iterable[Path], inputs: Iterable[Path | None], *, filled: Iterable[Path] = ()) -> None:
    """Raise `UserError` when a job would write over a file that it reads. Called before the work.

    outputs: the files that will be written. inputs: the files that are read; None is passed over. Links are followed, and
    two names of one file are one file. filled: folders that the job writes to under names not known yet, where no input
    may lie.
    """
    files: dict[tuple[int, int], Path] = {}
    folders: dict[tuple[int, int], Path] = {}
    for path in inputs:
        if path is not None and (identity := _identity(path)):
            files[identity] = path
            for parent in (path.parent, Path(os.path.realpath(path)).parent):
                if known := _identity(parent):
                    folders[known] = path
    for output in outputs:
        if read := files.get(_identity(output) or (0, 0)):
            raise UserError(f"the output {output} would overwrite the input {read}; choose another name or folder")
    for folder in filled:
        if read := folders.get(_identity(folder) or (0, 0)):
            raise UserError(f"the input {read} lies in {folder}, where pictures will be written; choose another folder")


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from another, whatever its names; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
