"""What may be written over: nothing that is read, and of what exists only files that sceneswap has written itself.

    keep_files([out / "grid.png", out / "index.html"], [photo, label_map])     # before the work
    with overwriting(): …                                                      # --overwrite

Every picture and page that sceneswap writes is sealed (`seal`), and every record and model says so inside; one that was
changed in another program says so no more. What cannot say it (a table, a list) belongs to the record that lies beside it.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sceneswap.errors import UserError
from sceneswap.files import open_regular, read_bytes
from sceneswap.remote import is_remote
from sceneswap.seal import is_sealed

_SEALED = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".html")
_MARKS = {".json": re.compile(rb'"sceneswap["-]'), ".safetensors": re.compile(rb'"__metadata__":\{"sceneswap"')}
_LOOKED_AT = 65_536  # bytes of a mark, from the start and from the end
_Identity = tuple[int, int] | str
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
    """Whether the file says that sceneswap wrote it, and a sealed one all of it; None of a kind that cannot say it."""
    suffix = path.suffix.lower()
    mark = _MARKS.get(suffix)
    if mark is None and suffix not in _SEALED:
        return None
    try:
        if mark is None:
            data = read_bytes(path)
            return not data or is_sealed(data)
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
        if not (ours or (ours is None and path.parent in recorded)):
            raise UserError(
                f"{path} exists, and sceneswap has not written it or it was changed since; choose another name or folder, "
                "or pass --overwrite to replace it"
            )


def keep_folder(out: Path, record: str, names: Iterable[str], writer: str) -> bool:
    """Whether the folder `out` holds the file `record`, by which an earlier run of `writer` tells that it is its own.

    Raises `UserError` when it does not, but something is there of one of the `names` that would be written: pictures of
    two sources in one folder are told apart by nobody, so `overwriting` changes nothing here.
    """
    if _is_there(out / record):
        return True
    if taken := next((name for name in names if _is_there(out / name)), None):
        raise UserError(f"{out} holds {taken}, which {writer} has not written; choose another folder")
    return False


def keep_inputs(outputs: Iterable[Path], inputs: Iterable[Path | None], *, filled: Iterable[Path] = ()) -> None:
    """Raise `UserError` when a job would write over a file that it reads. Called before the work.

    outputs: the files that will be written. inputs: the files that are read; None is passed over. Links are followed, and
    two names of one file are one file. filled: folders that the job writes to under names not known yet, where no input
    may lie.
    """
    files: dict[_Identity, Path] = {}
    folders: dict[_Identity, Path] = {}
    for path in inputs:
        if path is not None and (identity := _identity(path)):
            files[identity] = path
            for parent in (path.parent, path.parent if is_remote(path) else Path(os.path.realpath(path)).parent):
                if known := _identity(parent):
                    folders[known] = path
    for output in outputs:
        if read := files.get(_identity(output) or (0, 0)):
            raise UserError(f"the output {output} would overwrite the input {read}; choose another name or folder")
    for folder in filled:
        if read := folders.get(_identity(folder) or (0, 0)):
            raise UserError(f"the input {read} lies in {folder}, where pictures will be written; choose another folder")


def _is_there(path: Path) -> bool:
    """Whether there is anything of this name, be it a link that leads nowhere."""
    return path.exists() if is_remote(path) else os.path.lexists(path)


def _identity(path: Path) -> _Identity | None:
    """What tells one file from another, whatever its names; None where there is none."""
    if is_remote(path):
        return str(path).rstrip("/")
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
