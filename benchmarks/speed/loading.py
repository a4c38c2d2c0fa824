"""Reading ahead: scenes per second from a folder and from shards, by threads and by processes.

    python -m benchmarks.speed.loading --scenes 200 --size 512

JPEG photographs are rendered, sharded, and prepared as training does (read, decoded, resized, cropped, jittered, joined) by
the loader's own threads, and by as many processes that hand their batches over.
"""

import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import tyro
from PIL import Image

from sceneswap.data.folder import FolderDataset
from sceneswap.data.loader import BatchStream, Sampling
from sceneswap.data.shard_dataset import ShardDataset
from sceneswap.data.sharding import shard_folders
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import scene
from sceneswap.scene import SceneSource

_streams: list[BatchStream] = []


def main(
    scenes: int = 200, size: int = 512, batch_size: int = 4, batches: int = 50, workers: tuple[int, ...] = (1, 2)
) -> None:
    """Print the table.

    Args:
        scenes: Photographs to render.
        size: Their height and width in pixels, and the S of a training on them.
        batch_size: Scenes of a batch.
        batches: That are timed.
        workers: Numbers of threads and of processes.
    """
    sampling = Sampling("patch", size, batch_size)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        _render(root, scenes, size)
        shard_folders([root], Path(folder) / "shards", size=64 * 10**6)
        schema = load_schema("procedural")
        sources = {"folder": FolderDataset([root], schema), "shards": ShardDataset([Path(folder) / "shards"], schema)}
        print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print("| source | workers | scenes/s | processor time per scene |\n|---|---|--:|--:|")
        for name, source in sources.items():
            _row(name, "none", batches * batch_size, lambda source=source: _threads(source, sampling, 0, batches))
            for count in workers:
                _row(name, f"{count} threads", batches * batch_size,
                     lambda source=source, count=count: _threads(source, sampling, count, batches))  # fmt: skip
                _row(name, f"{count} processes", batches * batch_size,
                     lambda source=source, count=count: _processes(source, sampling, count, batches))  # fmt: skip


def _render(root: Path, scenes: int, size: int) -> None:
    schema = load_schema("procedural")
    (root / "images").mkdir(parents=True)
    (root / "schema.toml").write_text('preset = "procedural"\n')
    some = [scene(seed, (size, size)) for seed in range(min(scenes, 8))]  # drawing is slow; reading does not care
    for number in range(scenes):
        drawn = some[number % len(some)]
        Image.fromarray(drawn.photo).save(root / "images" / f"{number:06d}.jpg", quality=92)
        write_label_map(root / "labels" / f"{number:06d}.png", drawn.label_map, schema)


def _row(source: str, workers: str, count: int, work: object) -> None:
    assert callable(work)
    started, used = time.perf_counter(), sum(os.times()[:4])
    work()
    seconds, processor = time.perf_counter() - started, sum(os.times()[:4]) - used
    print(f"| {source} | {workers} | {count / seconds:.1f} | {processor / count * 1e3:.1f} ms |", flush=True)


def _threads(source: SceneSource, sampling: Sampling, workers: int, batches: int) -> None:
    with BatchStream(source, sampling, seed=0, workers=workers) as stream:
        for _ in range(batches):
            next(stream)


def _processes(source: SceneSource, sampling: Sampling, workers: int, batches: int) -> None:
    with ProcessPoolExecutor(
        workers, mp_context=get_context("fork"), initializer=_keep, initargs=(source, sampling)
    ) as pool:
        for _ in pool.map(_batch, range(batches)):
            pass


def _keep(source: SceneSource, sampling: Sampling) -> None:
    _streams.append(BatchStream(source, sampling, seed=0))


def _batch(number: int) -> object:
    """A batch as the loader's threads prepare it, handed over by pickling."""
    stream = _streams[0]
    return stream._prepare(number * stream.sampling.batch_size)


if __name__ == "__main__":
    tyro.cli(main)
