"""A data set as large as COCO: seconds of importing it in place, and of the first batch after it; memory of both.

    python -m benchmarks.speed.importing --count 118287 --json importing.json

The pictures are made, 32×24 pixels each, so that what is measured is what an import does beside decoding. With --tree they
are kept and used again. Seconds of the processor say more than those of the clock on a machine that others use.
"""

import io
import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from PIL import Image

from benchmarks.common import in_fresh_process, save_record

PHOTOS, MAPS = "images/train2017", "stuffthingmaps/train2017"
KINDS = 64  # different pictures; every second is of outdoor classes
OUTDOOR, INDOOR = (156, 168, 123, 149), (171, 172, 92, 64)  # values of coco-stuffthingmaps
STEPS = {
    "import": """
from sceneswap.cli.main import run
assert run(["data", "import", {tree!r}, "--layout", "{photos}+{maps}", "--schema", "coco-stuffthingmaps",
            "--keep", "outdoor", "--in-place", "--out", {out!r}]) == 0
""",
    "first batch": """
from pathlib import Path
from sceneswap.config import load_train_config
from sceneswap.data.folder import FolderDataset
from sceneswap.data.loader import BatchStream
from sceneswap.labels.presets import load_schema
from sceneswap.training.phases import sampling_of
settings = load_train_config("small", ())
dataset = FolderDataset([Path({out!r})], load_schema("coco-stuffthingmaps"), cache=True)
dataset.void_share(most=1)
dataset.fingerprint()
with BatchStream(dataset, sampling_of(settings.phases[0], settings), seed=0, workers=0) as stream:
    next(stream)
""",
}
CLOCK = """
import json, os, resource, time
started = time.monotonic()
{step}
own, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({{
    "seconds": time.monotonic() - started,
    "processor_seconds": sum(use.ru_utime + use.ru_stime for use in (own, theirs)),
    "peak_mebibytes": max(own.ru_maxrss, theirs.ru_maxrss) / 1024,
}}))
"""


def main(
    count: int = 118_287,
    tree: Path | None = None,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure an import in place and the first batch after it.

    Args:
        count: Pairs of the made tree; as many as COCO's train2017 unless given.
        tree: Where the tree is kept, or is already; a temporary folder unless given.
        json_file: Write the record here.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = tree or folder / "coco"
        if not (source / PHOTOS).is_dir():
            make(source, count)
        record: dict[str, Any] = {"pairs": sum(1 for _ in (source / PHOTOS).iterdir()), "load": os.getloadavg()[0]}
        for name, step in STEPS.items():
            code = step.format(tree=str(source), out=str(folder / "out"), photos=PHOTOS, maps=MAPS)
            said = in_fresh_process("-c", CLOCK.format(step=code)).stdout.splitlines()[-1]
            record[name] = measured = json.loads(said)
            print(
                f"{name}: {measured['seconds']:.1f} s, {measured['processor_seconds']:.1f} s of the processor, "
                f"{measured['peak_mebibytes']:.0f} MiB in the largest process; load {os.getloadavg()[0]:.1f}"
            )
        save_record(json_file, record)


def make(tree: Path, count: int) -> None:
    """Write `count` pairs of pictures as COCO-Stuff names them."""
    random = np.random.default_rng(0)
    (tree / PHOTOS).mkdir(parents=True)
    (tree / MAPS).mkdir(parents=True)
    kinds = []
    for number in range(KINDS):
        photo = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        label_map = random.choice(INDOOR if number % 2 else OUTDOOR, (24, 32)).astype(np.uint8)
        kinds.append((encoded(photo, "JPEG"), encoded(label_map, "PNG")))
    for number in range(count):
        photo_bytes, map_bytes = kinds[number % KINDS]
        (tree / PHOTOS / f"{number:012d}.jpg").write_bytes(photo_bytes)
        (tree / MAPS / f"{number:012d}.png").write_bytes(map_bytes)


def encoded(picture: Any, kind: str) -> bytes:
    """A picture (H, W) or (H, W, 3) uint8 as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


if __name__ == "__main__":
    tyro.cli(main)
