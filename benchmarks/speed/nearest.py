"""Exact nearest neighbours: how much faster than `torch.cdist` and `min`, and how nearly equal.

    python -m benchmarks.speed.nearest --vgg19 vgg19.safetensors --json nearest.json

Output and exemplar are procedural photographs (layout A under look B against a scene of look B), or two picture files.
`torch.cdist` of 65,536 × 65,536 locations would take 17 GB, so the baseline runs over slices of 1,024 output locations
(256 MB), the whole of the exemplar at once; its answer is exact in float32. Both are timed in turn, each --runs times, in
this process; the fastest run of each counts. Processor seconds stand beside them: on a busy machine they tell more.
float64 distances of --checked random locations, by differences without a matrix product, say how exact the search is.
Peak memory is that of the whole process after a first round of searches, which warms up and is not timed, before any
baseline.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.common import save_record
from sceneswap.errors import UserError
from sceneswap.evaluation.metrics.nearest import nn_features, nn_pixel
from sceneswap.files import sha256
from sceneswap.images import read_photo, resize_photo
from sceneswap.models.pretrained.vgg import VGG19, VGG19_WEIGHTS, load_vgg19
from sceneswap.procedural.render import TEST_SEEDS, swap_pair
from sceneswap.scene import Photo

SLICE = 1024

Search = Callable[[Tensor, Tensor], float]


def main(
    size: int = 256,
    pairs: int = 2,
    pictures: tuple[Path, Path] | None = None,
    vgg19: Path | None = None,
    random_features: bool = False,
    runs: int = 1,
    threads: int | None = None,
    checked: int = 256,
    json: Path | None = None,
) -> None:
    """Measure NN_pixel and NN_conv1 against `torch.cdist` and `min`.

    Args:
        size: Side of the pictures in pixels.
        pairs: Number of procedural pairs.
        pictures: An output and an exemplar to measure instead.
        vgg19: Weights of VGG-19; else SCENESWAP_VGG19, the cache, or a download.
        random_features: Use an untrained VGG-19, for a trial without weights: the record says so.
        runs: Runs of each, the fastest counts.
        threads: Threads of PyTorch.
        checked: Output locations checked in float64.
        json: Where to write the record.
    """
    if threads:
        torch.set_num_threads(threads)
    network, weights = _network(vgg19, random_features)
    photos = [_pictures(pictures, size)] if pictures else [_procedural(n, size) for n in range(pairs)]
    cases = [case for number, two in enumerate(photos) for case in _cases(number, network, *map(_tensor, two))]
    for case in cases:
        case.search(case.output, case.exemplar)
    memory = _peak_mebibytes()
    rows = [_measure(case, runs, checked) for case in cases]
    _show(rows, size, memory)
    save_record(
        json,
        {
            "benchmark": "nearest", "size": size, "threads": torch.get_num_threads(), "runs": runs, "weights": weights,
            "pictures": [p.name for p in pictures] if pictures else f"procedural, seeds {TEST_SEEDS} …",
            "baseline": f"torch.cdist + min in slices of {SLICE} output locations", "peak_mebibytes": memory,
            "rows": rows,
        },
    )  # fmt: skip


class Case(NamedTuple):
    """A search on one pair; output and exemplar are (C, H, W)."""

    pair: int
    metric: str
    search: Search
    output: Tensor
    exemplar: Tensor


@torch.no_grad()
def _cases(number: int, network: VGG19, output: Tensor, exemplar: Tensor) -> list[Case]:
    """Images (1, 3, H, W) in [0, 1]."""
    features = [network(image * 2 - 1)[0][0] for image in (output, exemplar)]
    return [
        Case(number, "NN_pixel", lambda a, b: float(nn_pixel(a[None], b[None])), output[0], exemplar[0]),
        Case(number, "NN_conv1", nn_features, *features),
    ]


def _measure(case: Case, runs: int, checked: int) -> dict[str, Any]:
    clock = np.zeros((runs, 3, 2))  # wall and processor seconds before, between and after the two
    value = baseline = 0.0
    for times in clock:
        times[0] = time.perf_counter(), time.process_time()
        value = case.search(case.output, case.exemplar)
        times[1] = time.perf_counter(), time.process_time()
        baseline = float(_baseline(case.output, case.exemplar).double().square().mean())
        times[2] = time.perf_counter(), time.process_time()
    (ours, our_work), (theirs, their_work) = np.diff(clock, axis=1).min(axis=0).tolist()
    return {
        "pair": case.pair, "metric": case.metric, "value": value, "baseline_value": baseline,
        "seconds": ours, "baseline_seconds": theirs, "speed_up": theirs / ours,
        "processor_seconds": our_work, "baseline_processor_seconds": their_work,
        "relative_error": _relative_error(case, checked),
    }  # fmt: skip


def _baseline(output: Tensor, exemplar: Tensor) -> Tensor:
    """(C, H, W) both → distances (H·W,), not squared."""
    queries, points = (x.flatten(1).T.contiguous() for x in (output, exemplar))
    return torch.cat([torch.cdist(part, points).min(dim=1).values for part in queries.split(SLICE)])


def _relative_error(case: Case, checked: int) -> float:
    """Of the mean over some output locations, against float64 differences."""
    places = np.random.default_rng(0).choice(case.output[0].numel(), size=checked, replace=True)
    some = case.output.flatten(1)[:, torch.from_numpy(places)]
    points = case.exemplar.flatten(1).double()
    true = np.mean([float((points - query[:, None]).square().sum(dim=0).min()) for query in some.T.double()])
    return abs(case.search(some[:, None], case.exemplar) - float(true)) / max(float(true), 1e-12)


def _network(path: Path | None, random_features: bool) -> tuple[VGG19, str]:
    if random_features:
        torch.manual_seed(0)
        return VGG19(taps=1).eval(), "none: random features"
    found = VGG19_WEIGHTS.path(path)
    return load_vgg19(found, taps=1), sha256(found)


def _procedural(number: int, size: int) -> tuple[Photo, Photo]:
    _, exemplar, answer = swap_pair(TEST_SEEDS + number, (size, size))
    return answer, exemplar.photo


def _pictures(paths: tuple[Path, Path], size: int) -> tuple[Photo, Photo]:
    output, exemplar = (resize_photo(read_photo(path), (size, size)) for path in paths)
    return output, exemplar


def _tensor(photo: Photo) -> Tensor:
    return torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255


def _peak_mebibytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _show(rows: list[dict[str, Any]], size: int, memory: float) -> None:
    table = Table(title=f"Nearest neighbours, {size}×{size}, {torch.get_num_threads()} threads, peak {memory:.0f} MiB")
    for column in ("pair", "metric", "value", "seconds", "cdist + min", "faster by", "by work", "error"):
        table.add_column(column, justify="right")
    for row in rows:
        times = f"{row['seconds']:.2f}", f"{row['baseline_seconds']:.2f}", f"{row['speed_up']:.1f}×"
        work = row["baseline_processor_seconds"] / row["processor_seconds"]
        table.add_row(
            str(row["pair"]),
            row["metric"],
            f"{row['value']:.4g}",
            *times,
            f"{work:.1f}×",
            f"{row['relative_error']:.1e}",
        )
    Console().print(table)


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except UserError as error:
        sys.exit(f"nearest.py: {error}")
