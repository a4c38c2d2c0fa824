"""Atomic writing: a file is either the old one or the whole new one, never a part. And what names a file: its SHA-256."""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sceneswap.errors import UserError

LOOK_SUFFIX = ".look.safetensors"
"""By which commands tell a saved look from a photograph."""

_CAUSES = {
    errno.EACCES: "there is no permission to write there; choose another place or change its permissions",
    errno.EPERM: "there is no permission to write there; choose another place or change its permissions",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENOSPC: "the disk is full; free some space and run it again",
    errno.EDQUOT: "the disk quota is used up; free some space and run it again",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.EEXIST: "a part of the path is a file, not a folder; choose another place",
}


def writing_error(path: Path, error: OSError) -> UserError:
    """Return the one-sentence `UserError` for a failed write to `path`."""
    cause = _CAUSES.get(error.errno or 0, f"{error.strerror or error}; choose another place")
    return UserError(f"cannot write {path}: {cause}")


def make_folder(path: Path) -> Path:
    """Create the folder `path` with its parents (nothing happens if it exists) and return it.

    Raises `UserError` when it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_error(path, error) from error
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and renamed over `path`.

    On any failure the temporary file is removed and an older `path` stays as it was. Parents are created.
    Raises `UserError` on a full disk, a missing permission and the like.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise writing_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically as UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically as indented JSON (no NaN or infinity)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_text(path: Path, what: str, hint: str = "check the path") -> str:
    """Read a UTF-8 text file (a byte order mark is dropped); `what` names its kind ("the manifest").

    Raises `UserError` when it is missing (ending in `hint`) or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{what} {path} does not exist; {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{what} {path} cannot be read: {error}") from error


def read_json(path: Path, what: str) -> Any:
    """Read the JSON file `path`; `what` names it in the error ("the release configuration").

    Raises `UserError` when the file is missing, unreadable or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; it should hold {what}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} cannot be read as {what}: {error}") from error


def is_look(path: Path | str) -> bool:
    """Whether a path names a saved look, by its suffix."""
    return Path(path).name.lower().endswith(LOOK_SUFFIX)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises `UserError` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
