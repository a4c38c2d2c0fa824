"""A thousand workers restyle ten million pictures: the engine's own scheduling, with measured latencies in place of a model.

    python -m benchmarks.scale.simulate docs/results/scale-latency.json --json docs/results/scale-simulation.json

What is real: `engines/schedule.py`, the code that decides on a cluster who gets what, what is tried again and what is backed
up; the latencies, drawn with replacement from those that benchmarks/scale/latency.py measured. What is simulated, event by
event: the workers, which take that long, are lost or straggle; and the one driver, which spends `--driver` seconds on every
task (measured by benchmarks/scale/cluster.py) and does one thing at a time. The network and the disks are not simulated.

The makespan is compared with the ideal: all latencies added up, divided by the workers. Where the rest went is told.
"""

import heapq
import json
import math
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from benchmarks.common import save_record
from sceneswap.engines.schedule import Schedule, Task
from sceneswap.files import read_json
from sceneswap.processes import mapping

_TICK = 0.5  # seconds after which idle workers ask again, as in the engine


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The simulated machines.

    failures: the share of tasks whose worker is lost, at any moment of them. restart: seconds until another takes its place,
    the model loaded. slow: the share of workers that always take `slow_factor` times as long. stalls: the share of tasks that
    take `stall_factor` times as long. driver: seconds that the driver spends on a task.
    """

    workers: int = 1000
    failures: float = 0.01
    restart: float = 30.0
    slow: float = 0.01
    slow_factor: float = 3.0
    stalls: float = 0.01
    stall_factor: float = 10.0
    driver: float = 0.002


@dataclass(frozen=True)
class Outcome:
    """How it went, in seconds. Shares are of makespan × workers. given_up: rows that no worker survived."""

    makespan: float
    ideal: float
    efficiency: float
    useful: float
    slowness: float
    lost: float
    duplicated: float
    idle: float
    driver_busy: float
    tasks: int
    losses: int
    duplicates: int
    given_up: int


class Run:
    """One job on the simulated cluster. seconds: (R,) that each row takes on a worker in health."""

    def __init__(self, seconds: NDArray[np.float64], cluster: Cluster, schedule: Schedule, seed: int = 0) -> None:
        self.cluster, self.schedule = cluster, schedule
        self._until = np.concatenate([[0.0], np.cumsum(seconds)])
        self._chance = np.random.default_rng(seed)
        slow = self._chance.random(cluster.workers) < cluster.slow
        self._factor = np.where(slow, cluster.slow_factor, 1.0)
        self._events: list[
            tuple[float, int, int, Task | None, float, bool]
        ] = []  # time, number, worker, task, took, lost
        self._idle = list(range(cluster.workers))
        self._number = self.tasks = self.given_up = 0
        self.spent = dict.fromkeys(("useful", "slowness", "lost", "duplicated"), 0.0)

    def run(self) -> Outcome:
        """Go through all events."""
        now = driver = 0.0
        while not self.schedule.over:
            while self._idle and (task := self.schedule.next(self.cluster.workers, now)) is not None:
                now += self.cluster.driver
                driver += self.cluster.driver
                self._begin(self._idle.pop(), task, now)
            if self._idle and (not self._events or self._events[0][0] > now + _TICK):
                now += _TICK
                continue
            at, _, worker, task, took, lost = heapq.heappop(self._events)
            now = max(now, at)
            if task is not None:
                self._end(worker, task, took, lost, now)
            else:
                self._idle.append(worker)
        ideal = float(self._until[-1]) / self.cluster.workers
        whole = now * self.cluster.workers
        shares = {name: spent / whole for name, spent in self.spent.items()}
        return Outcome(
            now, ideal, ideal / now, **shares, idle=1 - sum(shares.values()), driver_busy=driver / now,
            tasks=self.tasks, losses=self.schedule.losses, duplicates=self.schedule.duplicates, given_up=self.given_up,
        )  # fmt: skip

    def _begin(self, worker: int, task: Task, now: float) -> None:
        self.tasks += 1
        stalls = self._chance.random() < self.cluster.stalls
        took = self._ideal(task) * float(self._factor[worker]) * (self.cluster.stall_factor if stalls else 1.0)
        lost = bool(self._chance.random() < self.cluster.failures)
        took *= float(self._chance.random()) if lost else 1.0
        self._push(now + took, worker, task, took, lost)

    def _end(self, worker: int, task: Task, took: float, lost: bool, now: float) -> None:
        if lost:
            self.spent["lost"] += took
            self.given_up += len(self.schedule.lost(task))
            self._push(now + self.cluster.restart, worker, None, 0.0, False)
            return
        if self.schedule.finished(task, took):
            self.spent["useful"] += self._ideal(task)
            self.spent["slowness"] += took - self._ideal(task)
        else:
            self.spent["duplicated"] += took
        self._idle.append(worker)

    def _ideal(self, task: Task) -> float:
        return float(self._until[task.stop] - self._until[task.start])

    def _push(self, at: float, worker: int, task: Task | None, took: float, lost: bool) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, worker, task, took, lost))


def simulate(seconds: NDArray[np.float64], cluster: Cluster, *, patience: float = 2.0, seed: int = 0) -> Outcome:
    """Run one job. patience: see `Schedule`; infinity backs nothing up."""
    return Run(seconds, cluster, Schedule(len(seconds), patience=patience), seed).run()


def main(
    latency: Annotated[Path, tyro.conf.Positional],
    rows: int = 10_000_000,
    cluster: tyro.conf.OmitArgPrefixes[Cluster] = Cluster(),
    seed: int = 0,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Simulate a job as it is, without backups of stragglers, and on machines that never fail.

    Args:
        latency: What benchmarks/scale/latency.py has written.
        rows: Pictures to restyle.
        json_file: Write the record here.
    """
    measured = np.array(read_json(latency, "measured latencies")["seconds"])
    seconds = np.random.default_rng(seed).choice(measured, rows)
    perfect = replace(cluster, failures=0.0, slow=0.0, stalls=0.0)
    jobs = {
        "as it is": (cluster, 2.0),
        "without backups": (cluster, math.inf),
        "machines that never fail": (perfect, 2.0),
    }
    with mapping(len(jobs), at_once=1) as several:
        done = several(partial(_simulated, seconds, seed), jobs.values())
        found = {name: asdict(outcome) for name, outcome in zip(jobs, done, strict=True)}
    for name, outcome in found.items():
        print(f"{name}: {json.dumps(outcome)}")
    about = {"rows": rows, "mean_latency": float(measured.mean()), "cluster": asdict(cluster), "seed": seed}
    save_record(json_file, {**about, "outcomes": found})


def _simulated(seconds: NDArray[np.float64], seed: int, job: tuple[Cluster, float]) -> Outcome:
    return simulate(seconds, job[0], patience=job[1], seed=seed)


if __name__ == "__main__":
    tyro.cli(main)
