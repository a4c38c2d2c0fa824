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
def on_stderr() -> Iterator[None]:
    """Print the notes of a command; of those that differ in names only the first few, and in the end how many more."""
    lines = _Lines()
    LOG.addHandler(lines)
    try:
        yield
    finally:
        LOG.removeHandler(lines)
        lines.close()


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()
        self._kinds: Counter[str] = Counter()  # a kind is a message whose names are not filled in yet

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
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


def _say(words: str) -> None:
    print(f"sceneswap: note: {printable(words)}", file=sys.stderr)
