"""Ctrl-C and SIGTERM while training: the step in progress is finished, and a state written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from sceneswap.errors import PreemptedError


@dataclass
class Stop:
    """asked: the signal that asked to stop, 0 for none. training: steps are being taken, so that there is one to finish."""

    asked: int = 0
    training: bool = False


def stopped_by(number: int) -> KeyboardInterrupt:
    """What is raised for a signal."""
    return PreemptedError() if number == signal.SIGTERM else KeyboardInterrupt()


@contextmanager
def interruptions() -> Iterator[Stop]:
    """Yield what Ctrl-C and SIGTERM set while `training`, so that the step in progress is finished; before, they stop at once.

    A second Ctrl-C stops at once too; a second SIGTERM does not, since schedulers and launchers both send one.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def remember(number: int, frame: FrameType | None) -> None:
        if not stop.training or number == stop.asked == signal.SIGINT:
            raise stopped_by(number)
        stop.asked = number

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
