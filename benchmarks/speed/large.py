"""A large label map to a picture, as `sceneswap synthesize` does it in tiles: seconds and peak memory by size.

    python -m benchmarks.speed.large --megapixels 3 24 --json large.json

The label map is that of a rendered scene, enlarged without new classes, 3 to 2. Seconds count from the files to the written
PNG, start-up included; memory is the peak of the process that does it.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import tyro

from benchmarks.common import in_fresh_process, save_record
from sceneswap.images import write_png
from sceneswap.labels.io import resize_label_map, write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import TEST_SEEDS, scene


def main(
    megapixels: tuple[float, ...] = (3.0, 24.0),
    model: str | None = None,
    threads: int | None = None,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure.

    Args:
        megapixels: Sizes of the label map, million pixels.
        model: Release folder; the shipped model unless given.
        threads: CPU threads; PyTorch's choice unless given.
        json_file: Write the record here.
    """
    found = []
    for million in megapixels:
        height = round((million * 1e6 / 1.5) ** 0.5)
        job = {"size": [height, round(1.5 * height)], "model": model, "threads": threads}
        found.append(
            json.loads(
                in_fresh_process("-m", "benchmarks.speed.large", "--job", json.dumps(job)).stdout.splitlines()[-1]
            )
        )
        print(
            "{size[1]}×{size[0]}: {seconds:.0f} s, {cpu_seconds:.0f} s of processors, peak {peak_mib:.0f} MiB".format(
                **found[-1]
            )
        )
    save_record(json_file, {"drawings": found})


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Draw, in this process."""
    from sceneswap.cli.main import run

    schema, size = load_schema("procedural"), (job["size"][0], job["size"][1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layout, exemplar = scene(TEST_SEEDS, (256, 384)), scene(TEST_SEEDS + 1, (256, 256))
        write_label_map(folder / "layout.png", resize_label_map(layout.label_map, size), schema)
        write_label_map(folder / "exemplar-map.png", exemplar.label_map, schema)
        write_png(folder / "exemplar.png", exemplar.photo)
        started = time.perf_counter()
        words = ["synthesize", "--schema", "procedural", "--output", str(folder / "out.png"), "--device", "cpu"]
        words += [
            f"--{key}={folder / file}" for key, file in (("label-map", "layout.png"), ("exemplar", "exemplar.png"))
        ]
        words += [f"--exemplar-label-map={folder / 'exemplar-map.png'}"]
        words += ["--model", job["model"]] if job["model"] else []
        words += ["--threads", str(job["threads"])] if job["threads"] else []
        code = run(words)
        assert code == 0, f"sceneswap synthesize ended with {code}"
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "size": list(size),
            "seconds": round(time.perf_counter() - started, 1),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
            "peak_mib": usage.ru_maxrss / 1024,
            "threads": job["threads"],
        }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        print(json.dumps(work(json.loads(sys.argv[2]))))
    else:
        tyro.cli(main)
