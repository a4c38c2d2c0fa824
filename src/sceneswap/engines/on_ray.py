"""The engine on a Ray cluster: actors hold the work (a model and its looks), rows come to them, results come back.

    engine = RayEngine(address="auto", cpus=1)
    for result in engine(work, items): …
    engine.actors                                  # who did how much, how fast, on which node

The work goes into Ray's object store once, and from there to every node once. What is handed out to whom, and again after
a loss, is `schedule.py`'s to say; Ray places actors, moves bytes and tells who is gone. Ray's own retries are off: an actor
that is gone is replaced here, so that a row which ends every process that tries it becomes a result, not an endless loop.

Nothing of Ray is imported before an engine is used.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal, TypeVar

from sceneswap import __version__
from sceneswap.engines import Work
from sceneswap.engines.ray_cluster import connected
from sceneswap.engines.schedule import Schedule, Task
from sceneswap.errors import UserError, counted
from sceneswap.guard import may_overwrite, overwriting
from sceneswap.notes import LOG

T = TypeVar("T")
R = TypeVar("R")

_TICK = 0.5  # seconds between two looks for stragglers
_ROOM = 15.0  # seconds without any actor, after which a note says what is waited for
_STARTS = 3  # actors that fail to start before any has, after which none would

State = Literal["starting", "working", "lost"]


@dataclass
class Actor:
    """What an actor has done. node: its address. rows: items that counted. seconds: that it worked."""

    number: int
    node: str = ""
    state: State = "starting"
    rows: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.rows / self.seconds if self.seconds else 0.0


@dataclass
class RayEngine:
    """Works on a Ray cluster; see `Engine`.

    address: "auto" (the cluster that RAY_ADDRESS or `ray start` on this machine names), host:port, or "local" (one is started
    here for the job). count: actors; None: as many as the cluster has room for. cpus: of an actor, the threads that it
    computes with. gpus: of an actor; None: one, where the cluster has any. at_once: items that an actor works at at once.
    actors, tasks: what there has been of the last job. began: when its first actor was ready, by `time.monotonic`.
    """

    address: str = "auto"
    count: int | None = None
    cpus: int = 1
    gpus: float | None = None
    at_once: int = 1
    actors: list[Actor] = field(default_factory=list)
    tasks: int = 0
    began: float = 0.0

    def note(self) -> str:
        """How it goes, in a few words."""
        working = [actor for actor in self.actors if actor.state == "working"]
        lost = sum(actor.state == "lost" for actor in self.actors)
        gone = f", {lost} lost" if lost else ""
        return f"{counted(len(working), 'actor')}{gone}, {sum(actor.rate for actor in working):.1f}/s"

    def __call__(self, work: Work[T, R], items: Sequence[T]) -> Iterator[R]:
        """Yield what `work` makes of every item, in their order.

        Raises `UserError` when there is no cluster, it has no room, its nodes cannot do the work, and as `work` does.
        """
        if not items:
            return
        with connected(self.address) as ray:
            gpus = min(1, int(ray.cluster_resources().get("GPU", 0))) if self.gpus is None else self.gpus
            self.actors, self.tasks, self.began = [], 0, 0.0
            pool = _Pool(ray, self, work, min(self._room(ray.cluster_resources(), gpus), len(items)), gpus)
            try:
                yield from pool.results(work, items)
            finally:
                pool.close()

    def _room(self, there: dict[str, float], gpus: float) -> int:
        """How many actors to start. there: what the cluster has."""
        room = int(there.get("CPU", 0) // self.cpus)
        if gpus:
            room = min(room, int(there.get("GPU", 0) / gpus))
        if room == 0 and self.count is None:
            has = ", ".join(f"{there.get(what, 0):g} {what}" for what in ("CPU", "GPU"))
            needs = f"{self.cpus} CPU" + (f", {gpus:g} GPU" if gpus else "")
            raise UserError(f"the Ray cluster has {has}, but an actor needs {needs}; start a node that has them")
        return self.count or room


class _Worker:
    """Lives in an actor's process. work: arrives from the object store."""

    def __init__(self, work: Any, cpus: int, at_once: int, may_overwrite: bool) -> None:
        if torch := sys.modules.get("torch"):  # the work has brought it
            torch.set_num_threads(cpus)
        self._work, self._at_once = work, at_once
        self._overwriting = may_overwrite

    def ready(self) -> tuple[str, tuple[str, ...]]:
        """The node, and the versions that the work runs in."""
        import ray

        return ray.util.get_node_ip_address(), _versions()

    def work(self, items: list[Any]) -> tuple[list[Any] | UserError, float]:
        """The results, or what ends the job; and the seconds it took."""
        began = time.monotonic()
        try:
            with overwriting() if self._overwriting else nullcontext():
                return list(self._worked(items)), time.monotonic() - began
        except UserError as error:
            return error, time.monotonic() - began

    def _worked(self, items: list[Any]) -> Iterable[Any]:
        if self._at_once == 1:
            return map(self._work, items)
        from sceneswap.engines.local import in_order

        return in_order(self._work, items, self._at_once)


class _Pool:
    """The actors of one job, and what each is doing."""

    def __init__(self, ray: Any, engine: RayEngine, work: Any, count: int, gpus: float) -> None:
        self._ray, self._engine, self._count = ray, engine, count
        self._work = ray.put(work)
        self._remote = ray.remote(_Worker).options(
            num_cpus=engine.cpus, num_gpus=gpus, max_restarts=0, scheduling_strategy="SPREAD"
        )
        self._busy: dict[Any, tuple[Actor, Any, Task | None]] = {}  # result to come -> actor, its handle, its rows
        self._idle: list[tuple[Actor, Any]] = []
        self._failed = 0
        self._since = time.monotonic()

    def results(self, work: Work[T, R], items: Sequence[T]) -> Iterator[R]:
        schedule, done, at = Schedule(len(items)), dict[int, list[R]](), 0
        for _ in range(self._count):
            self._start()
        while not schedule.over:
            self._hand_out(schedule, items)
            arrived, _ = self._ray.wait(list(self._busy), timeout=_TICK)
            for ref in arrived:
                self._take(ref, schedule, work, items, done)
            self._tell_waiting()
            while (some := done.pop(at, None)) is not None:
                at += len(some)
                yield from some

    def close(self) -> None:
        """End all actors, also those that still work at what another has finished."""
        for handle in (*(one[1] for one in self._busy.values()), *(one[1] for one in self._idle)):
            with suppress(Exception):  # gone already
                self._ray.kill(handle)

    def _start(self) -> None:
        actor = Actor(len(self._engine.actors) + 1)
        self._engine.actors.append(actor)
        handle = self._remote.remote(self._work, self._engine.cpus, self._engine.at_once, may_overwrite())
        self._busy[handle.ready.remote()] = (actor, handle, None)

    def _hand_out(self, schedule: Schedule, items: Sequence[Any]) -> None:
        working = sum(actor.state == "working" for actor in self._engine.actors)
        while self._idle:
            task = schedule.next(working, time.monotonic())
            if task is None:
                return
            actor, handle = self._idle.pop()
            self._engine.tasks += 1
            self._busy[handle.work.remote(list(items[task.start : task.stop]))] = (actor, handle, task)

    def _take(
        self, ref: Any, schedule: Schedule, work: Work[T, R], items: Sequence[T], done: dict[int, list[R]]
    ) -> None:
        """Note what has arrived: an actor is ready, rows are finished, or an actor is gone."""
        actor, handle, task = self._busy.pop(ref)
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError:
            raise  # a fault of the program, with its traceback
        except self._ray.exceptions.RayError as error:
            self._replace(actor, handle, error)
            for row in schedule.lost(task) if task else ():
                done[row] = [work.lost(items[row], f"it ended {counted(schedule.attempts, 'process', 'processes')}")]
            return
        if task is None:
            actor.node, there = answer
            if there != _versions():
                theirs, ours = (", ".join(versions) for versions in (there, _versions()))
                raise UserError(f"the node {actor.node} has {theirs}, this machine {ours}; install the same")
            actor.state = "working"
            self._engine.began = self._engine.began or time.monotonic()
        else:
            results, seconds = answer
            if isinstance(results, UserError):
                raise results
            actor.seconds += seconds
            if schedule.finished(task, seconds):
                actor.rows += task.size
                done[task.start] = results
        self._idle.append((actor, handle))

    def _replace(self, actor: Actor, handle: Any, error: Exception) -> None:
        """Let another actor take the place of one that is gone. Raises `UserError` when none can even start."""
        self._failed += actor.state == "starting"
        if self._failed >= _STARTS and all(one.state != "working" and not one.rows for one in self._engine.actors):
            said = [line for line in str(error).splitlines() if line.strip()]
            raise UserError(
                f"no actor can start on the Ray cluster ({said[-1].strip()}); install sceneswap on every node"
            )
        where = f"{actor.node}, after {counted(actor.rows, 'item')}" if actor.node else "while it started"
        LOG.warning("actor %s is lost (%s); another takes its place", actor.number, where)
        actor.state = "lost"
        with suppress(Exception):  # gone already
            self._ray.kill(handle)
        self._start()

    def _tell_waiting(self) -> None:
        if any(actor.state == "working" for actor in self._engine.actors):
            self._since = time.monotonic()
        elif time.monotonic() - self._since > _ROOM:
            LOG.warning("the Ray cluster has no room for an actor now; waiting")


def _versions() -> tuple[str, ...]:
    return f"sceneswap {__version__}", f"torch {version('torch')}"
