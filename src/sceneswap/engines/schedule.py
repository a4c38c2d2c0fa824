"""Which worker gets which items, and when: the policy alone, without a clock, a network or a thread of its own.

    schedule = Schedule(len(items))
    task = schedule.next(workers=8, now=0.0)      # a worker is free: rows task.start … task.stop, or None
    schedule.finished(task, seconds=4.2)          # or schedule.lost(task): its worker is gone

`on_ray.py` runs it on a cluster; benchmarks/scale/simulate.py runs the same code on a thousand simulated workers.

- A task takes about `seconds`, so that handing it out costs nothing beside it; towards the end tasks shrink, so that all
  workers end together (guided self-scheduling, Polychronopoulos and Kuck 1987).
- The rows of a lost task are tried again one by one, so that a row which kills its worker takes no others with it. After
  `attempts` losses it is given up.
- When nothing is left to begin, a free worker gets what another has had for too long (backup tasks: Dean and Ghemawat,
  MapReduce, 2004). Whoever is first counts; the other writes the same files.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(eq=False)
class Task:
    """Rows start … stop - 1. losses: how often they were lost. running: workers that have them, since: the last one's start."""

    start: int
    stop: int
    losses: int = 0
    running: int = 0
    since: float = 0.0
    over: bool = False

    @property
    def size(self) -> int:
        """Its rows."""
        return self.stop - self.start


class Schedule:
    """Hands out `rows` rows, numbered from 0.

    seconds: that a task should take. most: rows of a task. attempts: losses after which a row is given up. patience: how many
    times longer than the mean a task may take before a free worker gets it too.
    """

    def __init__(
        self, rows: int, *, seconds: float = 5.0, most: int = 64, attempts: int = 5, patience: float = 2.0
    ) -> None:
        self.rows, self.left = rows, rows
        self.seconds, self.most, self.attempts, self.patience = seconds, most, attempts, patience
        self.duplicates = self.losses = 0
        self._begun = 0  # rows handed out at least once: 0 … _begun - 1
        self._again = deque[Task]()
        self._running = dict[Task, None]()  # in the order of their beginning
        self._worked, self._took = 0, 0.0  # rows and seconds of finished tasks

    @property
    def over(self) -> bool:
        """Whether every row is finished or given up."""
        return self.left == 0

    def next(self, workers: int, now: float) -> Task | None:
        """What a free worker should do, one of `workers`; None: nothing now. now: seconds on any clock."""
        task = self._again.popleft() if self._again else self._fresh(workers) or self._straggler(now)
        if task is not None:
            task.running, task.since = task.running + 1, now
            self._running[task] = None
        return task

    def finished(self, task: Task, seconds: float) -> bool:
        """Note that a worker has finished a task, in `seconds`; whether it is the first to, so that its results count."""
        task.running -= 1
        self._running.pop(task, None)
        if task.over:
            return False
        task.over = True
        self.left -= task.size
        self._worked, self._took = self._worked + task.size, self._took + seconds
        return True

    def lost(self, task: Task) -> list[int]:
        """Note that a worker is gone with its task; return the rows given up."""
        self.losses += 1
        task.running -= 1
        if task.over or task.running:
            return []
        task.over = True
        self._running.pop(task, None)
        losses = task.losses + 1
        if losses >= self.attempts:
            self.left -= task.size
            return list(range(task.start, task.stop))
        self._again.extend(Task(row, row + 1, losses) for row in range(task.start, task.stop))
        return []

    def _fresh(self, workers: int) -> Task | None:
        remaining = self.rows - self._begun
        if not remaining:
            return None
        fitting = self.seconds * self._worked / self._took if self._took > 0 else 1
        size = max(1, int(min(self.most, fitting, remaining / (2 * workers))))
        self._begun += size
        return Task(self._begun - size, self._begun)

    def _straggler(self, now: float) -> Task | None:
        """The task begun first of those that one worker has had for too long; for that some must have been finished."""
        if not self._worked:
            return None
        mean = self._took / self._worked
        for task in self._running:
            if task.running == 1 and now - task.since > self.patience * mean * task.size:
                self.duplicates += 1
                return task
        return None
