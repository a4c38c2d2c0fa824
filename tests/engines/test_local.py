"""Items worked at side by side come back in order, and a failure begins nothing new."""

import threading
from collections.abc import Iterator

import pytest
import torch

from sceneswap.engines.local import in_order


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    turns = [threading.Event() for _ in range(8)]

    def work(number: int) -> int:
        if workers > 1 and number % 2 == 0 and number < 7:
            turns[number + 1].wait(20)  # the even ones end after their odd neighbours
        turns[number].set()
        return number * number

    assert list(in_order(work, range(8), workers)) == [number * number for number in range(8)]


def test_no_more_is_begun_than_is_asked_for_and_a_little_ahead() -> None:
    begun: list[int] = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    results = in_order(lambda number: begun.append(number) or number, endless(), 2)  # type: ignore[func-returns-value]
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 3 + 4


def test_the_first_failure_ends_it() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise ValueError("two")
        return number

    before, got = torch.get_num_threads(), list[int]()
    with pytest.raises(ValueError, match="two"):
        got.extend(in_order(work, range(1000), 2))
    assert len(begun) < 20
    assert torch.get_num_threads() == before


def test_the_threads_of_the_processor_are_shared_out() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert set(in_order(lambda _: torch.get_num_threads(), range(6), 2)) == {2}
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
