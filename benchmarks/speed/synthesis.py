"""One synthesis: seconds of encoding an exemplar and of drawing a label map, memory, arithmetic, the share of MSCA.

    python -m benchmarks.speed.synthesis --json synthesis.json

Seconds are medians after a warm-up, from arrays to arrays on the CPU: reading and writing files is left out. MSCA is
timed by wrapping its two functions (gather, forward) in a clock. Memory is that of a fresh process.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from benchmarks.common import converted_scene, in_fresh_process, save_record
from sceneswap.procedural.render import TEST_SEEDS, scene

if TYPE_CHECKING:
    from sceneswap.scene import Scene


def main(
    model: str | None = None,
    size: int = 256,
    exemplar_size: int | None = None,
    runs: int = 20,
    warm_up: int = 3,
    threads: int | None = None,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure one synthesis of a model.

    Args:
        model: Release folder; the shipped model unless given.
        size: Height and width of the picture to draw, pixels.
        exemplar_size: Those of the exemplar as encoded; the model's working size unless given.
        runs: Timed runs; the median is reported.
        warm_up: Runs before them.
        threads: CPU threads; PyTorch's choice unless given.
        json_file: Write the record here.
    """
    memory = _peak_in_fresh_process(
        model, size, exemplar_size, threads
    )  # first, while this process is small: see `peak`

    import torch
    from rich.console import Console
    from rich.table import Table

    if threads:
        torch.set_num_threads(threads)
    synthesizer, drawn = _prepare(model, size)
    encode = lambda: synthesizer.encode(drawn, size=exemplar_size)  # noqa: E731
    look = encode()
    draw = lambda: synthesizer.draw(drawn.label_map, look)  # noqa: E731
    encode_seconds, draw_seconds = _seconds(encode, runs, warm_up), _seconds(draw, runs, warm_up)
    record = {
        "model": synthesizer.describe(),
        "parameters": sum(p.numel() for p in synthesizer.release.network.parameters()),
        "size": size,
        "exemplar_size": list(look.size),
        "runs": runs,
        "encode_seconds": encode_seconds,
        "draw_seconds": draw_seconds,
        "synthesis_seconds": encode_seconds + draw_seconds,
        "msca_share": _msca_share(lambda: (encode(), draw()), runs),
        "encode_gflop": _gflop(encode),
        "draw_gflop": _gflop(draw),
        **memory,
    }
    table = Table("what", "value", title=f"{size} × {size}, CPU, {torch.get_num_threads()} threads")
    for name, value in record.items():
        table.add_row(name, f"{value:,.4g}" if isinstance(value, float) else str(value))
    Console().print(table)
    save_record(json_file, record)


def peak(model: str | None, size: int, exemplar_size: int | None, threads: int | None) -> dict[str, float]:
    """Peak resident memory in MiB of this process: after the imports, after loading, after one synthesis.

    On Linux the peak of a new process begins at its parent's, so the parent should be small.
    """
    import resource

    import torch

    import sceneswap.inference.synthesizer

    assert sceneswap.inference.synthesizer  # imported for its memory
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024

    def now() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_per_unit / 2**20

    if threads:
        torch.set_num_threads(threads)
    imported = now()
    synthesizer, drawn = _prepare(model, size)
    loaded = now()
    synthesizer.draw(drawn.label_map, synthesizer.encode(drawn, size=exemplar_size))
    names = ("imported", "loaded", "peak")
    return {f"memory_{name}_mebibytes": value for name, value in zip(names, (imported, loaded, now()), strict=True)}


def _prepare(model: str | None, size: int) -> "tuple[Any, Scene]":
    """The synthesizer, and an unseen procedural scene (size × size) in its classes."""
    from sceneswap.inference.synthesizer import Synthesizer

    synthesizer = Synthesizer.from_pretrained(model, device="cpu")
    return synthesizer, converted_scene(scene(TEST_SEEDS, (size, size)), synthesizer.schema)


def _peak_in_fresh_process(*arguments: Any) -> dict[str, float]:
    """`peak` of `arguments` in a process of its own."""
    code = "import json, sys; from benchmarks.speed.synthesis import peak; "
    code += "print(json.dumps(peak(*json.loads(sys.argv[1]))))"
    return dict(json.loads(in_fresh_process("-c", code, json.dumps(arguments)).stdout.splitlines()[-1]))


def _seconds(work: Callable[[], Any], runs: int, warm_up: int) -> float:
    """Median seconds of `work`."""
    taken = []
    for run in range(warm_up + runs):
        started = time.perf_counter()
        work()
        if run >= warm_up:
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _msca_share(work: Callable[[], Any], runs: int) -> float:
    """Share of `work` spent in MSCA: what it gathers (exemplar) and what it gives out (target)."""
    with _clock() as inside:
        started = time.perf_counter()
        for _ in range(runs):
            work()
        return sum(inside) / (time.perf_counter() - started)


@contextmanager
def _clock() -> Iterator[list[float]]:
    """Wrap the functions of MSCA; yield the list that collects their seconds."""
    from sceneswap.models import msca

    inside: list[float] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                inside.append(time.perf_counter() - started)

        return wrapper

    kept = {name: getattr(msca.SpatialChannelAttention, name) for name in ("gather", "forward")}
    try:
        for name, function in kept.items():
            setattr(msca.SpatialChannelAttention, name, timed(function))
        yield inside
    finally:
        for name, function in kept.items():
            setattr(msca.SpatialChannelAttention, name, function)


def _gflop(work: Callable[[], Any]) -> float:
    """10⁹ floating-point operations of the convolutions and matrix products of `work` (multiply and add are two)."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


if __name__ == "__main__":
    tyro.cli(main)
