"""One run, one process: a folder that is being trained in belongs to whoever came first."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sceneswap.errors import UserError
from sceneswap.files import make_folder, parse_json, writing_error

LOCK = "run.lock"


@contextmanager
def run_lock(out: Path) -> Iterator[None]:
    """Hold the run folder `out`, made if missing, for as long as the context lasts.

    `out/run.lock` names the process and its host. The system lets go of it when the process ends, however it ends, so the
    file of a run that was killed holds nobody up. Raises `UserError` when another process holds the folder.
    """
    new = not out.exists()
    path = make_folder(out) / LOCK
    descriptor = _open(path)
    try:
        if not _taken(descriptor):
            raise UserError(
                f"{out} is being trained in by {_holder(descriptor)}; wait for it, stop it with Ctrl-C, "
                "or choose another folder with --out"
            )
        _sign(descriptor, path)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()
                if new:
                    out.rmdir()  # succeeds where nothing was trained
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open the lock file, made if missing."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise writing_error(path, error) from error


def _taken(descriptor: int) -> bool:
    """Take the lock unless another process has it; says so where there are no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        print("sceneswap: this system cannot lock a run folder; train in it from one process only", file=sys.stderr)
    return os.fstat(descriptor).st_nlink > 0  # else its holder has just ended, and removed what was opened


def _sign(descriptor: int, path: Path) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
    except OSError as error:
        raise writing_error(path, error) from error


def _holder(descriptor: int) -> str:
    try:
        known = parse_json(os.pread(descriptor, 1000, 0).decode())
        return f"process {int(known['pid'])} on {known['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
