"""Many tiny scenes through the whole chain: sharded, verified, a flipped byte found, trained, killed, resumed, compared.

    python -m benchmarks.shards --scenes 50000 --steps 200

The photographs are JPEGs of 32×32 pixels, no two of the same bytes. Every stage says its seconds; training is that of the
preset `tiny`, killed with SIGKILL in the middle and resumed with another number of workers.
"""

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import tyro
from PIL import Image

from benchmarks.common import ROOT
from sceneswap.checkpoint import newest_state, read_state
from sceneswap.data.shard_check import verify_shards
from sceneswap.data.shard_dataset import find_shards
from sceneswap.data.sharding import shard_folders

T = TypeVar("T")
SIDE, KINDS = 32, 64


def main(
    scenes: int = 50_000, steps: int = 200, size: int = 8_000_000, workers: int = 2, folder: Path | None = None
) -> None:
    """Run the chain; raises where a stage does not do what it should.

    Args:
        scenes: Tiny scenes to make.
        steps: Of the training.
        size: Bytes of a shard.
        workers: Processes that shard and verify.
        folder: Where all of it goes; a temporary folder, deleted at the end, unless given.
    """
    with tempfile.TemporaryDirectory() as temporary:
        root = folder or Path(temporary)
        data, shards = root / "data", root / "shards"
        timed(f"made {scenes:,} scenes", lambda: make(data, scenes))
        summary = timed("sharded", lambda: shard_folders([data], shards, size=size, workers=workers))
        print(f"{summary.scenes:,} scenes in {summary.shards:,} shards, {summary.bytes / 1e6:.1f} MB")
        assert summary.scenes == scenes
        faults = timed("verified", lambda: verify_shards(find_shards([shards]), workers=workers))
        assert faults == [], faults
        flip(shards / "shard-000000.tar", 700)
        faults = verify_shards(find_shards([shards / "shard-000000.tar"]))
        assert len(faults) == 1, faults
        print(f"a flipped byte: {faults[0]}")
        flip(shards / "shard-000000.tar", 700)
        unbroken, killed = root / "unbroken", root / "killed"
        timed(f"trained {steps} steps", lambda: train(shards, unbroken, steps).wait())
        timed("trained and killed", lambda: kill(train(shards, killed, steps), killed, steps // 2))
        print(f"killed after step {step_of(killed)}")
        timed("resumed", lambda: train(shards, killed, steps, "--resume", "auto", "--workers", "0").wait())
        (a, _), (b, _) = (read_state(newest_state(run) or run) for run in (unbroken, killed))
        assert step_of(killed) == step_of(unbroken) == steps
        assert set(a) == set(b)
        assert all(torch.equal(a[name], b[name]) for name in a)
        print(f"killed and unbroken run: all {len(a)} tensors of the last state equal")


def timed(what: str, work: Callable[[], T]) -> T:
    """Do `work`, print its seconds, return its result."""
    started = time.perf_counter()
    result = work()
    print(f"{what}: {time.perf_counter() - started:.1f} s", flush=True)
    return result


def make(root: Path, scenes: int) -> None:
    """Write a data folder: a few pictures again and again, told apart by bytes after the end of each JPEG."""
    random = np.random.default_rng(0)
    pictures: list[bytes] = []
    label_maps: list[bytes] = []
    for _ in range(KINDS):
        classes = random.integers(0, 36, (4, 4)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
        photo = random.integers(0, 256, (256, 3))[classes] + random.integers(-20, 21, (SIDE, SIDE, 3))
        for kept, array, form in (
            (pictures, photo.clip(0, 255).astype(np.uint8), "JPEG"),
            (label_maps, classes, "PNG"),
        ):
            buffer = io.BytesIO()
            Image.fromarray(array).save(buffer, form)
            kept.append(buffer.getvalue())
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "schema.toml").write_text('preset = "outdoor"\n')
    for number in range(scenes):
        (root / "images" / f"{number:06d}.jpg").write_bytes(pictures[number % KINDS] + f"{number}".encode())
        (root / "labels" / f"{number:06d}.png").write_bytes(label_maps[number % KINDS])


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def train(shards: Path, out: Path, steps: int, *flags: str) -> subprocess.Popen[bytes]:
    """Start the training of one image phase."""
    lengths = {"pretrain": 1, "patch": steps - 2, "global": 1}
    changes = [word for name, count in lengths.items() for word in ("--set", f"phases.{name}.steps={count}")]
    changes += ["--set", "checkpoint_every=20", "--set", "sample_every=100000"]
    command = [sys.executable, "-m", "sceneswap", "train", "--preset", "tiny", "--data", str(shards), "--out", str(out)]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [*command, "--device", "cpu", *changes, *flags],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
    )


def step_of(out: Path) -> int:
    """Of the newest state, 0 without one."""
    newest = newest_state(out)
    return int(newest.stem.rpartition("-")[2]) if newest else 0


def kill(process: subprocess.Popen[bytes], out: Path, step: int) -> None:
    """Kill a training with SIGKILL once the state of `step` is there."""
    while process.poll() is None and step_of(out) < step:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -9


if __name__ == "__main__":
    tyro.cli(main)
