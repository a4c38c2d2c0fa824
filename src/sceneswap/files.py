"""Files of strangers in, whole files out.

Writing is atomic: a file is either the old one or the whole new one, never a part. Reading takes regular files only (a pipe
or a device could wait, or go on, for ever), JSON and TOML of bounded size and depth. And what names a file: its SHA-256.
"""

import codecs
import errno
import hashlib
import json
import os
import re
import secrets
import socket
import stat
import time
import tomllib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

from sceneswap.errors import UserError, encoded
from sceneswap.remote import is_remote, uploaded

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
    errno.EEXIST: "a part of the path is a file or leads nowhere, so no folder; choose another place",
    errno.EFBIG: "files as large as it may not be written (see ulimit -f); raise the limit or make less",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "it is a link that leads to itself; choose another name",
}
_READING = {
    errno.ENOENT: "does not exist; check the path",
    errno.ENOTDIR: "does not exist: a part of the path is a file; check the path",
    errno.EACCES: "may not be read; change its permissions",
    errno.EPERM: "may not be read; change its permissions",
    errno.EISDIR: "is a folder; name a file",
    errno.ENXIO: "is a socket or device, not a file; name a regular file",
    errno.ENAMETOOLONG: "has a name too long for any file; check the path",
    errno.ELOOP: "is a link that leads to itself; name the file",
}

LEFTOVERS = ".sceneswap-*.tmp"
"""The temporary files of `atomic_path`; those of killed processes, told by host and number, are deleted by the next."""
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
_OLD = 24 * 60 * 60  # seconds after which a temporary file of any other host is deleted
_swept: set[Path] = set()
MAX_TEXT, MAX_JSON, MAX_TOML = 256 * 1024**2, 64 * 1024**2, 2 * 1024**2
"""The largest files that are read, in bytes, unless a caller says otherwise: a manifest of a million rows is smaller; values of
JSON may take 20 times their size in memory; TOML takes a second per megabyte."""
MAX_DEPTH = 64
"""The deepest nesting of lists and tables in JSON and TOML."""


def reading_error(path: Path, error: OSError | ValueError, what: str = "") -> UserError:
    """Return the one-sentence `UserError` for a failed look at `path`; `what` names its kind ("the manifest")."""
    if isinstance(error, OSError):
        number = errno.ENOENT if isinstance(error, FileNotFoundError) else error.errno or 0  # a store tells no number
        cause = _READING.get(number, f"cannot be read: {error.strerror or error}")
    else:  # of the system's conversion of names: a NUL, or half a surrogate pair
        cause = "is not a name that a file can have; check the path"
    return UserError(f"{_named(what, path)} {cause}")


def check_regular(path: Path, what: str = "") -> None:
    """Raise `UserError` unless `path` is a regular file, or a link to one: not a folder, pipe, socket or device."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise reading_error(path, error, what) from None
    if stat.S_ISDIR(mode):
        raise reading_error(path, IsADirectoryError(errno.EISDIR, "is a folder"), what)
    if not stat.S_ISREG(mode):
        raise UserError(f"{_named(what, path)} is a pipe, socket or device; name a regular file")


@contextmanager
def open_regular(path: Path, what: str = "") -> Iterator[BufferedReader]:
    """Open the regular file `path` for reading, in bytes. Raises `UserError`; see `check_regular`."""
    check_regular(path, what)
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise reading_error(path, error, what) from None
    with file:
        yield file


def writing_error(path: Path, error: OSError) -> UserError:
    """Return the one-sentence `UserError` for a failed write to `path`."""
    cause = _CAUSES.get(error.errno or 0, f"{error.strerror or error}; choose another place")
    return UserError(f"cannot write {path}: {cause}")


def make_folder(path: Path) -> Path:
    """Create the folder `path` with its parents unless it is there, and return it. Raises `UserError` when it cannot be."""
    try:
        if not is_remote(path):  # an object store has no folders
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_error(path, error) from error
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and renamed over `path`.

    On any failure the temporary file is removed and an older `path` stays as it was. Parents are created. Raises `UserError`.
    """
    if is_remote(path):
        with uploaded(path) as temporary:
            yield temporary
        return
    if make_folder(path.parent) not in _swept:
        _swept.add(path.parent)
        sweep(path.parent)
    mark = f"{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(LEFTOVERS.replace("*", mark))  # short: `path` may be as long as allowed
    try:
        with suppress(FileNotFoundError):
            path.lstat()  # a name that no file can have is found before the work
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):  # the failure itself is what the user has to hear of
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise writing_error(path, error) from error


def sweep(folder: Path, *, alone: bool = False) -> None:
    """Delete what killed processes left in `folder`. alone: nobody else writes there, so what any process left goes."""
    with suppress(OSError):
        for leftover in folder.glob(LEFTOVERS):
            host, _, rest = leftover.name.removeprefix(".sceneswap-").partition("-")
            process = rest.partition("-")[0]
            own = host == _HOST and process.isdecimal()
            if alone or (_is_dead(int(process)) if own else time.time() - leftover.stat().st_mtime > _OLD):
                leftover.unlink(missing_ok=True)


def _is_dead(process: int) -> bool:
    """Whether there surely is no such process on this host."""
    if os.name != "posix":
        return False
    try:
        os.kill(process, 0)
    except (OSError, OverflowError) as error:
        return isinstance(error, ProcessLookupError)
    return False


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    r"""Write `text` to `path` atomically as UTF-8; of a file name that is not Unicode, bytes are written as \udcXX."""
    write_bytes(path, encoded(text))


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write `value` to `path` atomically as JSON (no NaN or infinity). indent: None for one line, which large files need."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def read_text(path: Path, what: str, hint: str = "check the path") -> str:
    """Read a text file in UTF-8, or UTF-16 with its byte order mark; `what` names its kind ("the manifest").

    Raises `UserError` when it is missing (ending in `hint`), no regular file, larger than `MAX_TEXT` or cannot be read.
    """
    if not _may_exist(path):
        raise UserError(f"{what} {path} does not exist; {hint}")
    try:
        return _text(read_bytes(path, what))
    except ValueError as error:
        raise UserError(f"{_named(what, path)} cannot be read: {error}") from error


def read_bytes(path: Path, what: str = "", most: int = MAX_TEXT) -> bytes:
    """Return the bytes of a regular file; `what` names its kind ("the manifest").

    Raises `UserError` when it is missing, no regular file, larger than `most` bytes or cannot be read.
    """
    with open_regular(path, what) as file:
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise reading_error(path, error, what) from error
    if len(data) > most:
        raise UserError(f"{_named(what, path)} is larger than {most >> 20} MB, too large to be what it should be")
    return data


def _named(what: str, path: Path | str) -> str:
    return f"{what} {path}" if what else str(path)


def _text(data: bytes) -> str:
    """Bytes as text, a byte order mark dropped. Raises `ValueError` for what is neither UTF-8 nor UTF-16."""
    if b"\0" in data[:2] or data[2:4] == b"\0\0":
        raise ValueError("it holds zero bytes, as text in UTF-16 without its mark and in UTF-32 does; save it as UTF-8")
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        found = "UTF-16, as it begins," if utf16 else "UTF-8"
        raise ValueError(f"it is no text in {found} ({error.reason}); save it as UTF-8") from None


def _may_exist(path: Path) -> bool:
    """False only when there is surely nothing of this name."""
    try:
        path.stat()
    except (OSError, ValueError) as error:
        return not isinstance(error, FileNotFoundError)
    return True


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises `ValueError`, also for what is nested too deep or has too many digits."""
    return _parse(json.loads, text)


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text. Raises `ValueError`, also for what is too large, nested too deep or has too many digits."""
    if len(text) > MAX_TOML:
        raise ValueError(f"it is larger than {MAX_TOML >> 20} MB")
    value: dict[str, Any] = _parse(tomllib.loads, text)
    return value


def _parse(parse: Callable[[str], Any], text: str) -> Any:
    too_deep = f"it is nested deeper than {MAX_DEPTH} levels"
    try:
        value = parse(text)
    except RecursionError:
        raise ValueError(too_deep) from None
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        inner = (one for outer in level for one in (outer.values() if isinstance(outer, dict) else outer))
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return value
    raise ValueError(too_deep)


def read_json(path: Path, what: str, most: int = MAX_JSON) -> Any:
    """Read the JSON file `path`, of at most `most` bytes; `what` names it in the `UserError` of what is no honest one."""
    if not _may_exist(path):
        raise UserError(f"{path} is missing; it should hold {what}")
    try:
        return parse_json(_text(read_bytes(path, most=most)))
    except ValueError as error:
        raise UserError(f"{path} cannot be read as {what}: {error}") from error


def is_look(path: Path | str) -> bool:
    """Whether a path names a saved look, by its suffix."""
    return str(path).lower().endswith(LOOK_SUFFIX)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises `UserError` when it cannot be read."""
    with open_regular(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise reading_error(path, error) from error


def slug(name: str) -> str:
    """Any name as a plain file name: letters, digits, dots, dashes; a changed or long one ends in a hash of the name.

    Every name that comes from a file or an option passes here before it becomes a part of a path.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80]
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    return plain if plain and plain == name else f"{plain}-{digest[:6]}"
