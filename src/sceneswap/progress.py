"""How far a long job is: a bar on a terminal; elsewhere a line a minute. Both on stderr, and not with `--quiet`."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from sceneswap.notes import LOG

T = TypeVar("T")

_EVERY = 60  # seconds between two lines
_DRAWN_EVERY = 0.1  # seconds between two states of the bar: what is quick comes by the thousand


@contextmanager
def progress(what: str, total: int, done: int = 0, *, shown: bool = True) -> Iterator[Callable[..., None]]:
    """Yield `advance(count=1, what=…, note="")`: move on by a number of items; say what is being done, and how it goes.

    total: items in all. done: items of an earlier run. shown: say nothing otherwise (in further processes).
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    shown = shown and LOG.level <= logging.INFO
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    first, start = done, time.monotonic()
    last, drawn = start, 0.0
    with Progress(*columns, console=console, disable=not shown or not console.is_terminal, expand=True) as bar:
        task = bar.add_task(what, total=total, completed=done, note="")

        def advance(count: int = 1, what: str = what, note: str = "") -> None:
            nonlocal done, last, drawn
            done += count
            now = time.monotonic()
            if now - drawn > _DRAWN_EVERY or done >= total:
                bar.update(task, completed=done, description=what, note=note)
                drawn = now
            if shown and not console.is_terminal and first < done < total and now - last > _EVERY:
                last = now
                left = time_in_words((now - start) / (done - first) * (total - done))
                told = " · ".join(filter(None, (f"{what} {done:,}/{total:,}", note, f"{left} left")))
                print(f"sceneswap: {told}", file=sys.stderr, flush=True)

        yield advance


@contextmanager
def steps(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield `at(done, total)`, to be called after every step of a job that knows its length only when it has begun."""
    with ExitStack() as stack:
        advance: Callable[..., None] | None = None

        def at(done: int, total: int) -> None:
            nonlocal advance
            advance = advance or stack.enter_context(progress(what, total))
            advance()

        yield at


def tracked(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield the items one by one, with their progress."""
    with progress(what, len(items)) as advance:
        for item in items:
            yield item
            advance()


def time_in_words(seconds: float) -> str:
    """A length of time as people say it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
