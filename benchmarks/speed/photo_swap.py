"""Two large photographs to one picture, as `sceneswap swap a.jpg b.jpg -o out.png` does it: seconds and memory.

    python -m benchmarks.speed.photo_swap --json photo-swap.json

The photographs are rendered scenes enlarged to 12 megapixels, with grain, as JPEG. Seconds count from the files to the
written PNG, after start-up (imports, weights); memory is the peak of a fresh process that does nothing else.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from PIL import Image

from benchmarks.common import in_fresh_process, save_record
from sceneswap.procedural.render import TEST_SEEDS, scene


def main(
    model: str | None = None,
    width: int = 4000,
    height: int = 3000,
    long_side: int = 512,
    runs: int = 3,
    threads: int | None = None,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure.

    Args:
        model: Release folder; the shipped model unless given.
        width: Of the photographs, pixels.
        height: Of the photographs, pixels.
        long_side: Of the picture drawn, pixels.
        runs: Swaps in the one process; the first is reported beside the median.
        threads: CPU threads; PyTorch's choice unless given.
        json_file: Write the record here.
    """
    with tempfile.TemporaryDirectory() as folder:
        photos = [photograph(Path(folder) / f"{n}.jpg", n, (width, height)) for n in range(2)]
        job = {"model": model, "photos": [*map(str, photos)], "long_side": long_side, "runs": runs, "threads": threads}
        answer = in_fresh_process("-m", "benchmarks.speed.photo_swap", "--job", json.dumps(job))
    found = json.loads(answer.stdout.splitlines()[-1])
    print(
        f"first {found['first_seconds']:.2f} s, median {found['median_seconds']:.2f} s, peak {found['peak_mib']:.0f} MiB"
    )
    save_record(json_file, {"photographs": [width, height], "long_side": long_side, **found})


def photograph(path: Path, number: int, size: tuple[int, int]) -> Path:
    """Write test scene `number` of the renderer as a large grainy JPEG."""
    image = np.asarray(
        Image.fromarray(scene(TEST_SEEDS + number, (384, 512)).photo).resize(size, Image.Resampling.BICUBIC)
    )
    grain = np.random.default_rng(number).integers(-6, 7, image.shape, np.int16)
    Image.fromarray((image + grain).clip(0, 255).astype(np.uint8)).save(path, quality=92)
    return path


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Swap, in this process."""
    import torch

    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.reader import SceneReader
    from sceneswap.jobs.sources import find_sources
    from sceneswap.jobs.swap import swap_two

    if job["threads"]:
        torch.set_num_threads(job["threads"])
    synthesizer = Synthesizer.from_pretrained(job["model"], device="cpu")
    photos = tuple(map(Path, job["photos"]))
    (layout, exemplar), _ = find_sources(photos, labels=None, schema=synthesizer.schema, file_schema=None, limit=2)
    seconds = []
    for number in range(job["runs"]):
        started = time.perf_counter()
        reader = SceneReader(synthesizer, None, long_side=job["long_side"])
        swap_two(layout, exemplar, photos[0].with_name(f"out-{number}.png"), reader=reader)
        seconds.append(time.perf_counter() - started)
    with Image.open(photos[0].with_name("out-0.png")) as picture:
        size = list(picture.size)
    return {
        "picture": size,
        "first_seconds": round(seconds[0], 3),
        "median_seconds": round(float(np.median(seconds)), 3),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
        "model": synthesizer.describe(),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        print(json.dumps(work(json.loads(sys.argv[2]))))
    else:
        tyro.cli(main)
