"""Restyling on two local Ray nodes, one of them killed, beside two local processes: the same files, and how fast.

    python -m benchmarks.scale.cluster --json docs/results/scale-cluster.json

1. `--pictures` small scenes × 4 copies, locally, in two processes (`--shard 1/2`, `2/2`); then on a cluster of two nodes of one
   core, one of which is killed half-way: every file is compared, byte by byte.
2. Throughput: both again over a part of the pictures, in turns, `--rounds` times, from the first picture to the last (models
   are loaded before); pictures per second of wall time, and the ratio of each round.
3. The driver: seconds that it spends on a task of no work.
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from benchmarks.common import save_record
from benchmarks.scale.latency import write_scenes
from benchmarks.scale.nodes import nodes
from sceneswap.data.pairing import find_pairs
from sceneswap.engines.on_ray import RayEngine
from sceneswap.jobs.restyle.plan import Places, RestyleSettings, Shard
from sceneswap.jobs.restyle.run import Job, Summary, restyle
from sceneswap.jobs.sources import find_sources

SIDE = 64


@dataclass(frozen=True)
class Nothing:
    """A work that takes no time."""

    def __call__(self, row: int) -> int:
        return row

    def lost(self, row: int, why: str) -> int:
        return row


def local(job: Job, ready: Any) -> None:
    """A process of the local engine, on its shard: opens the model, waits for the other, works."""
    reader = _reader()
    ready.wait()
    restyle(reader, job)


def _reader() -> Any:
    import torch

    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.reader import SceneReader

    torch.set_num_threads(1)
    return SceneReader(Synthesizer.from_pretrained(device="cpu"), long_side=1024)


def two_processes(job: Job) -> float:
    """Restyle in two local processes of one shard each; return the seconds from the first picture to the last."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(3)
    work = [spawn.Process(target=local, args=(replace(job, shard=Shard(n, 2)), ready)) for n in (1, 2)]
    for one in work:
        one.start()
    ready.wait()
    began = time.monotonic()
    for one in work:
        one.join()
        assert one.exitcode == 0
    return time.monotonic() - began


def on_ray(reader: Any, job: Job, address: str, kill: Any = None) -> tuple[float, RayEngine]:
    """Restyle on the cluster; return the seconds from when the first actor is ready to the last picture. kill: half-way."""
    engine = RayEngine(address)
    killed = list[Any]()

    def done(so_far: Summary) -> None:
        if kill and not killed and sum(so_far.copies.values()) > 2 * len(job.pairs):
            killed.append(kill())

    restyle(reader, job, engine=engine, on_done=done)
    return time.monotonic() - engine.began, engine


def main(
    pictures: int = 400,
    timed: int = 60,
    rounds: int = 2,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Compare files and speed.

    Args:
        pictures: Scenes of which four copies each are made.
        timed: Of them, those of the rounds that are timed.
        rounds: Of both engines, in turns.
        json_file: Write the record here.
    """
    reader = _reader()
    known = reader.synthesizer.schema
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = write_scenes(folder / "data", known, pictures, ((SIDE * 3 // 4, SIDE),))
        sources, _ = find_sources([write_scenes(folder / "looks", known, 6, ((128, 128),), 9_000_000)], schema=known)
        whole = Job(find_pairs(data), Places(data), known, sources, folder / "here", RestyleSettings())
        restyle(reader, replace(whole, pairs=whole.pairs[:1], out=folder / "warm"))
        times = []
        with nodes(2) as cluster:
            part = replace(whole, pairs=whole.pairs[:timed])
            for number in range(rounds):
                here = two_processes(replace(part, out=folder / f"here-{number}"))
                away, engine = on_ray(reader, replace(part, out=folder / f"away-{number}"), cluster.address)
                load = os.getloadavg()[0]
                times.append({"local": timed / here, "ray": timed / away, "ratio": here / away, "load": load})
                print(times[-1], [f"{actor.rate:.2f}/s" for actor in engine.actors], flush=True)
            engine, began = RayEngine(cluster.address), time.monotonic()
            list(engine(Nothing(), range(20_000)))
            driver = (time.monotonic() - engine.began) / engine.tasks
            print(
                f"{engine.tasks} tasks of nothing: {driver * 1e3:.2f} ms each ({time.monotonic() - began:.0f} s)",
                flush=True,
            )
        two_processes(whole)
        restyle(reader, whole)  # gathers
        with nodes(2) as cluster:
            _, engine = on_ray(reader, replace(whole, out=folder / "away"), cluster.address, cluster.lose)
        here_files, away_files = (files_of(folder / name) for name in ("here", "away"))
        copies = sum(one.startswith("images/") for one in here_files)
        same = here_files == away_files
    lost = sum(actor.state == "lost" for actor in engine.actors)
    print(f"{copies} copies, {lost} actor lost with its node, all {len(here_files)} files the same: {same}")
    save_record(
        json_file,
        {
            "pictures": pictures, "side": SIDE, "copies": copies, "files": len(here_files), "same_files": same,
            "actors_lost": lost,
            "rounds": times, "median_ratio": statistics.median(one["ratio"] for one in times), "driver_seconds": driver,
        },
    )  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its name in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    tyro.cli(main)
