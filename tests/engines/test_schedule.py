"""The policy of who gets what: everything once, whatever is lost; small tasks at the end; stragglers are backed up."""

import heapq
import random

import pytest

from sceneswap.engines.schedule import Schedule, Task


def test_tasks_grow_to_the_time_wanted_and_shrink_towards_the_end() -> None:
    schedule, sizes = Schedule(1000, seconds=4.0, most=64), []
    while (task := schedule.next(workers=4, now=0.0)) is not None:
        sizes.append(task.size)
        schedule.finished(task, 0.1 * task.size)
    assert sizes[0] == 1  # nothing is known yet
    assert max(sizes) == 40  # four seconds
    assert sizes[-1] == 1
    assert sizes[1:] == sorted(sizes[1:], reverse=True)
    assert sum(sizes) == 1000
    assert schedule.over


@pytest.mark.parametrize("seed", range(20))
def test_every_row_counts_once_whatever_is_lost(seed: int) -> None:
    """A hundred workers of random speed, one task in ten lost, some rows that nobody survives."""
    chance, rows = random.Random(seed), 2000
    poison = set(chance.sample(range(rows), 3))
    schedule, now = Schedule(rows), 0.0
    counted, given_up = list[int](), list[int]()
    ahead: list[tuple[float, int, Task, float]] = []
    free = list(range(100))
    while not schedule.over:
        while free and (task := schedule.next(100, now)) is not None:
            took = chance.expovariate(1.0) * task.size
            heapq.heappush(ahead, (now + took, free.pop(), task, took))
        assert ahead, "nobody works, and it is not over"
        now, worker, task, took = heapq.heappop(ahead)
        free.append(worker)
        if poison & set(range(task.start, task.stop)) or chance.random() < 0.1:
            given_up += schedule.lost(task)
        elif schedule.finished(task, took):
            counted += range(task.start, task.stop)
    assert poison <= set(given_up)
    assert len(given_up) <= len(poison) + 3  # five losses in a row at one in ten are one in 100,000
    assert sorted(counted + given_up) == list(range(rows))


def test_rows_of_a_lost_task_are_tried_alone() -> None:
    schedule = Schedule(100)
    first = schedule.next(1, 0.0)
    assert first is not None
    schedule.finished(first, 0.1)
    second = schedule.next(1, 0.1)
    assert second is not None
    assert second.size > 1
    assert schedule.lost(second) == []
    again = [schedule.next(1, 0.2) for _ in range(second.size)]
    assert [(one.start, one.size) for one in again if one] == [(row, 1) for row in range(second.start, second.stop)]


def test_a_straggler_is_backed_up_once_and_only_the_first_counts() -> None:
    schedule = Schedule(3, patience=2.0)
    tasks = [schedule.next(3, 0.0) for _ in range(3)]
    slow, *quick = (one for one in tasks if one)
    assert all(schedule.finished(one, 1.0) for one in quick)
    assert schedule.next(3, 1.9) is None
    assert schedule.next(3, 2.1) is slow
    assert schedule.next(3, 9.0) is None
    assert schedule.finished(slow, 1.0)
    assert schedule.over
    assert not schedule.finished(slow, 9.0)
    assert schedule.duplicates == 1


def test_a_lost_backup_leaves_the_first_at_work() -> None:
    schedule = Schedule(2)
    slow, quick = schedule.next(2, 0.0), schedule.next(2, 0.0)
    assert slow is not None
    assert quick is not None
    schedule.finished(quick, 1.0)
    assert schedule.next(2, 5.0) is slow
    assert schedule.lost(slow) == []
    assert not schedule.over
    assert schedule.finished(slow, 6.0)
    assert schedule.over
