"""One function over many items, on several processes of this machine."""

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

from sceneswap.guard import may_overwrite, overwriting

Mapping = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@contextmanager
def mapping(workers: int, at_once: int = 4) -> Iterator[Mapping]:
    """Yield what is used as `map`, over `workers` processes, in the order of the items; below 2 it is `map` itself.

    at_once: items that go to a process together. The function must be importable, and what it takes and returns small. On
    Ctrl-C items that have been begun are finished, nothing new is begun.
    """
    if workers < 2:
        yield map
        return
    begin = partial(_begin, may_overwrite())
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=begin)
    try:
        yield partial(pool.map, chunksize=at_once)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(overwrite: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    if overwrite:
        overwriting().__enter__()
