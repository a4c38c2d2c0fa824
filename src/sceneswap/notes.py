"""What is noticed on the way and no reason to stop: `LOG.warning("the photograph %s …", path)`, a line on stderr.

In Python it is the logger "sceneswap"; the command line says each thing once (`on_stderr`).
"""

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sceneswap.errors import printable

LOG = logging.getLogger("sceneswap")
_SHOWN = 3  # lines of one kind; a folder may hold thousands of alike files


@contextmanager
def on_stderr(level: int = logging.INFO) -> Iterator[None]:
    """Print the notes of a command from a level on; of those that differ in names the first few, then how many more."""
    lines, before = _Lines(), LOG.level
    LOG.addHandler(lines)
    LOG.setLevel(level)
    try:
        yield
    finally:
        LOG.removeHandler(lines)
        LOG.setLevel(before)
        lines.close()


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()
        self._kinds: Counter[str] = Counter()  # a kind is a message whose names are not filled in yet

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        if record.levelno < logging.INFO:
            print(f"sceneswap: {printable(words)}", *_trace(record), sep="\n", file=sys.stderr)
            return
        if words in self._said:
            return
        self._said.add(words)
        self._kinds[str(record.msg)] += 1
        if self._kinds[str(record.msg)] <= _SHOWN:
            _say(words)

    def close(self) -> None:
        for kind, count in self._kinds.items():
            if count > _SHOWN:
                _say(f"{count - _SHOWN:,} more such notes: {kind.replace('%s', '…')}")
        super().close()


def _trace(record: logging.LogRecord) -> list[str]:
    """The traceback of what a record tells of, if it tells of an exception."""
    return [logging.Formatter().formatException(record.exc_info).rstrip()] if record.exc_info else []


def _say(words: str) -> None:
    print(f"sceneswap: note: {printable(words)}", file=sys.stderr)
