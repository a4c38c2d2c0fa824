"""Several items of a job at once, on the threads of one process: the networks and the codecs let others run meanwhile."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2  # items begun, per worker, before the first of them is asked for


def in_order(function: Callable[[T], R], items: Iterable[T], workers: int = 1) -> Iterator[R]:
    """Yield `function` of every item, in their order, `workers` of them worked at at once.

    The processor's threads are shared out among the workers, who see the context of the caller. The first exception ends
    it: what has been begun is finished, nothing new is begun.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    threads, left = torch.get_num_threads(), iter(items)
    share = max(1, threads // workers)
    pool = ThreadPoolExecutor(workers, "job", initializer=torch.set_num_threads, initargs=(share,))

    def begin(item: T) -> Future[R]:
        return pool.submit(copy_context().run, function, item)

    try:
        ahead: deque[Future[R]] = deque(map(begin, islice(left, _AHEAD * workers)))
        while ahead:
            done = ahead.popleft().result()
            ahead.extend(map(begin, islice(left, 1)))
            yield done
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
