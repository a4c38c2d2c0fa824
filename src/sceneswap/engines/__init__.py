"""Where many items are worked at: on the threads of one process (`local.py`), or on a Ray cluster (`on_ray.py`).

    for result in engine(work, items): …          # in the order of the items, whoever worked at them

A `Work` must not mind being asked twice for one item: its files are written whole, and the same each time. That is all that
an engine needs to go on after a machine is lost.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[T_contra, R_co]):
    """What is done with an item. It and its results are pickled where an engine has other processes."""

    def __call__(self, item: T_contra, /) -> R_co:
        """Work at an item. A `UserError` ends the job; what is wrong with one item alone is a result."""
        ...

    def lost(self, item: T_contra, why: str, /) -> R_co:
        """The result of an item that nobody could work at: it ended every process that tried."""
        ...


class Engine(Protocol):
    """Yields what `work` makes of every item, in their order."""

    def __call__(self, work: Work[T, R], items: Sequence[T], /) -> Iterator[R]: ...
