"""Files in an object store: s3://, gs:// and their like, behind the methods of `Path` (universal_pathlib, fsspec).

    place("s3://bucket/data") / "images" / "beach.jpg"      # what takes a path takes this, where `files.py` reads and writes

An object store shows an object when all of it is there, so a write is whole or not at all, as it is here; what is no such
store (sftp, hdfs) is refused. Keys and endpoints come from where fsspec and the store's own tools look for them.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard, cast

from sceneswap.errors import UserError, first_line

STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""What a place may begin with; memory:// is that of one process, for tests."""
_HERE = ("file", "local")


def place(given: Path | str) -> Path:
    """A file or folder, here or in an object store; what is a path already stays as it is. Nothing is looked up yet.

    Raises `UserError` for another kind of address, and when what opens it is not installed.
    """
    if isinstance(given, os.PathLike):
        return Path(given)
    if not isinstance(given, str):
        return given
    if "://" not in given:
        return Path(given)
    kind, _, rest = given.partition("://")
    if kind in _HERE:
        return Path(rest)
    if kind not in STORES:
        known = ", ".join(f"{one}://" for one in STORES[:-1])
        raise UserError(f"{given} is no address that files can be written to whole; name a folder, or one of {known}")
    try:
        from upath import UPath

        return cast(Path, UPath(given))
    except ImportError as error:
        raise UserError(f"{given} needs more to be opened ({error}): pip install 'sceneswap[ray]'") from error


def is_remote(given: object) -> TypeGuard[Path]:
    """Whether this is a place in an object store."""
    return hasattr(given, "protocol") and not isinstance(given, os.PathLike)


def check_reachable(*places: Path) -> None:
    """Raise `UserError` for the first that cannot be asked whether it exists: its store is unknown, or does not let us in."""
    for one in filter(is_remote, places):
        try:
            one.exists()
        except Exception as error:  # of whatever library opens the store
            raise UserError(
                f"{one} cannot be reached ({first_line(error)}); check the address and your access"
            ) from error


@contextmanager
def here(path: Path) -> Iterator[Path]:
    """Yield a file of this machine with the bytes of `path`: itself, or a copy for as long as this lasts."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy").with_suffix(path.suffix)
        copy.write_bytes(path.read_bytes())
        yield copy


@contextmanager
def uploaded(path: Path) -> Iterator[Path]:
    """Yield a temporary file of this machine; on success it becomes the object `path`. Raises `UserError`."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, "new")
        yield temporary
        try:
            path.write_bytes(temporary.read_bytes())
        except Exception as error:  # of whatever library opens the store
            raise UserError(f"cannot write {path}: {first_line(error)}") from error
