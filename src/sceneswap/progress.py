"""How far a long job is: a bar on a terminal; elsewhere a line a minute. Both on stderr."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_EVERY = 60  # seconds between two lines


@contextmanager
def progress(what: str, total: int, done: int = 0, *, shown: bool = True) -> Iterator[Callable[..., None]]:
    """Yield `advance(count=1, what=…, note="")`: move on by a number of items; say what is being done, and how it goes.

    total: items in all. done: items of an earlier run. shown: say nothing otherwise (in further processes).
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    texts = TextColumn("{task.description}"), TextColumn("{task.fields[note]}")
    columns = (texts[0], BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), texts[1])
    first, start = done, time.monotonic()
    last = start
    with Progress(*columns, console=console, disable=not shown or not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, completed=done, note="")

        def advance(count: int = 1, what: str = what, note: str = "") -> None:
            nonlocal done, last
            done += count
            bar.update(task, advance=count, description=what, note=note)
            now = time.monotonic()
            if shown and not console.is_terminal and first < done < total and now - last > _EVERY:
                last = now
                left = (now - start) / (done - first) * (total - done) / 60
                print(f"sceneswap: {what}: {done:,} of {total:,}, {left:.0f} min left", file=sys.stderr, flush=True)

        yield advance


def tracked(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield the items one by one, with their progress."""
    with progress(what, len(items)) as advance:
        for item in items:
            yield item
            advance()
