"""Drawing with ONNX Runtime beside PyTorch: seconds of encoding an exemplar and of drawing a label map, on the CPU.

    python -m benchmarks.speed.onnx --json onnx.json

Seconds are medians after a warm-up, from arrays to arrays, in turn (PyTorch, ONNX Runtime, PyTorch, …), so that a busy
machine slows both alike. The graphs are exported first, into a folder that is thrown away.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import tyro

from benchmarks.common import converted_scene, save_record
from sceneswap.procedural.render import TEST_SEEDS, scene


def main(
    model: str | None = None,
    size: int = 256,
    runs: int = 20,
    warm_up: int = 3,
    threads: int = 1,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure a model in both.

    Args:
        model: Release folder; the shipped model unless given.
        size: Height and width of the picture to draw, pixels.
        runs: Timed runs; the median is reported.
        warm_up: Runs before them.
        threads: CPU threads of both.
        json_file: Write the record here.
    """
    import torch
    from rich.console import Console
    from rich.table import Table

    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.onnx.export import export_onnx
    from sceneswap.onnx.runtime import OnnxSynthesizer

    torch.set_num_threads(threads)
    ours = Synthesizer.from_pretrained(model, device="cpu")
    with TemporaryDirectory() as folder:
        parity = export_onnx(ours, Path(folder))
        theirs = OnnxSynthesizer.from_folder(folder, threads=threads)
        drawn = converted_scene(scene(TEST_SEEDS, (size, size)), ours.schema)
        look, known = ours.encode(drawn), theirs.encode(drawn)
        encode = _in_turn([lambda: ours.encode(drawn), lambda: theirs.encode(drawn)], runs, warm_up)
        draw = _in_turn(
            [lambda: ours.draw(drawn.label_map, look), lambda: theirs.draw(drawn.label_map, known)], runs, warm_up
        )
    record = {
        "model": ours.describe(),
        "size": size,
        "threads": threads,
        "runs": runs,
        "parity": parity.to_dict(),
        **{f"{what}_seconds_{which}": value for what, pair in (("encode", encode), ("draw", draw))
           for which, value in zip(("torch", "onnx"), pair, strict=True)},
    }  # fmt: skip
    table = Table("seconds", "PyTorch", "ONNX Runtime", title=f"{size} × {size}, CPU, {threads} thread(s)")
    for what, pair in (("encode", encode), ("draw", draw)):
        table.add_row(what, *(f"{seconds:.3f}" for seconds in pair))
    Console().print(table)
    save_record(json_file, record)


def _in_turn(calls: list[Callable[[], object]], runs: int, warm_up: int) -> list[float]:
    """The median seconds of each call, one after the other in every round."""
    seconds: list[list[float]] = [[] for _ in calls]
    for number in range(warm_up + runs):
        for call, own in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            if number >= warm_up:
                own.append(time.perf_counter() - start)
    return [statistics.median(own) for own in seconds]


if __name__ == "__main__":
    tyro.cli(main)
