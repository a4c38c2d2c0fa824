"""Seconds that a restyled picture takes on one core, picture by picture; its arithmetic, its memory, its bytes.

    python -m benchmarks.scale.latency --json docs/results/scale-latency.json

A picture is a row of `sceneswap restyle --per-image 1`: read, drawn with the shipped model, written as JPEG, by the code that
does it everywhere (`CopyMaker`). The pictures are scenes of the procedural renderer in COCO's commonest sizes. Seconds are
those of the process's own processor time on one thread, so that other work on the machine counts little.
"""

import resource
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from benchmarks.common import converted_scene, save_record
from sceneswap.data.pairing import find_pairs
from sceneswap.images import write_picture
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.copies import CopyMaker
from sceneswap.jobs.restyle.looks import encode_looks
from sceneswap.jobs.restyle.plan import Places, RestyleSettings
from sceneswap.jobs.sources import find_sources
from sceneswap.labels.io import write_label_map
from sceneswap.procedural.render import TEST_SEEDS, scene
from sceneswap.scene import LabelMap

SIZES = ((480, 640), (480, 640), (640, 480), (427, 640), (640, 427), (375, 500))  # height, width


def write_scenes(
    folder: Path, schema: Any, count: int, sizes: tuple[tuple[int, int], ...], first: int = TEST_SEEDS
) -> Path:
    """A data folder of `count` scenes of the renderer in the classes of `schema`."""
    for number in range(count):
        drawn = converted_scene(scene(first + number, sizes[number % len(sizes)]), schema)
        write_picture(folder / "images" / f"{number:04d}.jpg", drawn.photo)
        write_label_map(folder / "labels" / f"{number:04d}.png", drawn.label_map, schema)
    (folder / "schema.toml").write_text(f'preset = "{schema.name}"\n', encoding="utf-8")
    return folder


def main(
    rows: int = 60,
    long_side: int = 512,
    looks: int = 4,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure rows one after another.

    Args:
        rows: Pictures.
        long_side: Pixels at which they are drawn.
        looks: Different looks.
        json_file: Write the record here.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from sceneswap.inference.synthesizer import Synthesizer

    torch.set_num_threads(1)
    synthesizer = Synthesizer.from_pretrained(device="cpu")
    reader, known = SceneReader(synthesizer, long_side=long_side), synthesizer.schema
    settings = RestyleSettings(per_image=1, long_side=long_side)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = find_pairs(write_scenes(folder / "data", known, rows + 1, SIZES))
        sources, _ = find_sources(
            [write_scenes(folder / "looks", known, looks, SIZES[:1], TEST_SEEDS + 5000)], schema=known
        )
        chosen = encode_looks(reader, sources, folder / "out" / "looks")
        make = CopyMaker(reader, known, chosen, settings, folder / "out", Places(folder / "data"))
        make(pairs.pop())  # warm
        seconds, elapsed = [], time.monotonic()
        for pair in pairs:
            began = time.process_time()
            outcome = make(pair)
            assert not outcome.error, outcome.error
            seconds.append(round(time.process_time() - began, 4))
        elapsed = time.monotonic() - elapsed
        written = [path.stat().st_size for path in (folder / "out" / "images").iterdir()]
        kept = [path.stat().st_size for path in (folder / "out" / "looks").iterdir()]
        with FlopCounterMode(display=False) as counter:
            layout: LabelMap = np.zeros((480 * long_side // 640, long_side), np.int16)
            synthesizer.draw(layout, chosen.named[0].look)
    save_record(
        json_file,
        {
            "model": synthesizer.describe(),
            "long_side": long_side,
            "seconds": seconds,
            "mean": float(np.mean(seconds)),
            "percentiles": {str(p): float(np.percentile(seconds, p)) for p in (1, 50, 95, 99)},
            "share_of_the_processor": sum(seconds) / elapsed,
            "gflop_640x480": counter.get_total_flops() / 1e9,
            "peak_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "bytes_of_a_copy": float(np.mean(written)),
            "bytes_of_a_look": float(np.mean(kept)),
        },
    )
    print(f"{np.mean(seconds):.3f} s a picture on one core; 1 % take {np.percentile(seconds, 99):.3f} s or more")


if __name__ == "__main__":
    tyro.cli(main)
