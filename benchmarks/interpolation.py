"""Interpolation on unseen procedural scenes: does each look arrive where it should, and what does a strip cost.

    python -m benchmarks.interpolation --json interpolation.json --matrix transfer.png

- *by class*: the sky of one exemplar, everything else of the other. The mean colour of the drawn sky, and of the most
  common ground that all three scenes have, should lie nearer to the right exemplar's class than to the wrong one's.
  The same is asked with the layout rendered under both looks as the known answer.
- *global*: along a strip the mean colour of the picture should move from one end to the other without turning back,
  measured along the line between both ends, up to a quarter of one of 256 levels.
- *transfer*: the mean diagonal of the transfer matrix against uniform attention; its columns sum to 1.
- *cost*: network passes and seconds of an 11-frame strip, with the two exemplars' encoding.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.common import converted_scene, save_record
from sceneswap import charts
from sceneswap.errors import UserError
from sceneswap.files import write_bytes
from sceneswap.images import write_png
from sceneswap.inference.blend import blend
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.transfer_matrix import TransferMatrix
from sceneswap.jobs.attention import HEAT_MAP_LABELS
from sceneswap.labels.io import colorize
from sceneswap.pictures import captioned_grid
from sceneswap.procedural.kinds import sample_layout
from sceneswap.procedural.mood import Mood
from sceneswap.procedural.render import TEST_SEEDS, render, scene
from sceneswap.scene import LabelMap, Photo, Scene

PROTOCOL = "interpolation-1"
SKY = "sky-other"
GROUND = (
    "grass", "snow", "sand", "dirt", "road", "pavement", "sea", "river", "water-other", "rock", "plant-other",
)  # fmt: skip
LEAST_AREA = 0.01  # of the picture, for a class to count
TURN = 0.25 / 255  # of the mean colour
FRAMES = 11

Color = NDArray[np.float64]


def main(
    model: str | None = None,
    cases: int = 50,
    pairs: int = 30,
    transfers: int = 100,
    runs: int = 3,
    size: int = 256,
    seed: int = TEST_SEEDS,
    matrix: Path | None = None,
    sheet: Path | None = None,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure interpolation with a model.

    Args:
        model: Release folder; the shipped model unless given.
        cases: Mixtures by class.
        pairs: Global strips.
        transfers: Pairs of scenes for the transfer matrix.
        runs: Timed strips; the median is reported.
        size: Height and width in pixels.
        seed: First of the renderer's seeds; training uses seeds below 1,000,000.
        matrix: Write the transfer matrix as a heat map (PNG) here.
        sheet: Write the first mixtures by class as a contact sheet (PNG) here.
        json_file: Write the record here.
    """
    if seed < TEST_SEEDS:
        raise UserError(f"seeds below {TEST_SEEDS} are for training; choose a --seed from {TEST_SEEDS} upwards")
    synthesizer = Synthesizer.from_pretrained(model)
    found, rows = by_class(synthesizer, cases, size, seed)
    transfer = transfer_of(synthesizer, transfers, size, seed)
    frequent = transfer.frequent(HEAT_MAP_LABELS)
    seen = transfer.positions > 0
    columns = transfer.values[:, seen].sum(axis=0)
    record: dict[str, Any] = {
        "protocol": PROTOCOL, "model": synthesizer.describe(), "size": size, "first_seed": seed,
        "by_class": found,
        "global": monotone(synthesizer, pairs, size, seed),
        "transfer": {
            "pairs": transfer.pairs, "labels": len(frequent), **transfer.summary(frequent),
            "largest_error_of_a_column_sum": float(np.abs(columns - 1).max()),
        },
        "cost": cost(synthesizer, runs, size, seed),
    }  # fmt: skip
    table = Table("what", "value", title=f"interpolation at {size} × {size}")
    for part in ("by_class", "global", "transfer", "cost"):
        for name, value in record[part].items():
            table.add_row(f"{part}: {name}", f"{value:,.4g}" if isinstance(value, float) else str(value))
    Console().print(table)
    save_record(json_file, record)
    if matrix is not None:
        values = transfer.values[np.ix_(frequent, frequent)]
        names = [transfer.names[i] for i in frequent]
        write_bytes(
            matrix, charts.heat_map(values, names, names, "label of the exemplar", "label of the target", 0.1).png
        )
        print(f"wrote {matrix}")
    if sheet is not None:
        captions = ["layout", "sky from", "ground from", "mixed by class", "sky's whole look", "ground's whole look"]
        write_png(sheet, captioned_grid(rows, (160, 160), captions), {"protocol": PROTOCOL})
        print(f"wrote {sheet}")


def by_class(
    synthesizer: Synthesizer, cases: int, size: int, seed: int, shown: int = 6
) -> tuple[dict[str, Any], list[list[Photo | None]]]:
    """The parts of regions that are nearer to the right exemplar, and rows for a sheet."""
    schema = synthesizer.schema
    sky = schema.index_of(SKY)
    right: dict[str, list[bool]] = {"sky": [], "ground": []}
    answered: dict[str, list[bool]] = {"sky": [], "ground": []}
    rows: list[list[Photo | None]] = []
    for numbers, scenes, ground in _progress(_cases(synthesizer, size, seed), cases, "by class"):
        target, above, below = scenes
        looks = [synthesizer.encode(above), synthesizer.encode(below)]
        mixed = blend(looks, classes={SKY: 0, "clouds": 0}, rest=1, border=0)
        drawn = synthesizer.draw(target.label_map, mixed)
        truths = [render(sample_layout(numbers[0]), Mood.sample(n), (size, size)).photo for n in numbers[1:]]
        for region, label, order in (("sky", sky, (0, 1)), ("ground", ground, (1, 0))):
            color = mean_color(drawn, target.label_map, label)
            exemplars = [mean_color(s.photo, s.label_map, label) for s in (above, below)]
            right[region].append(nearer(color, *(exemplars[i] for i in order)))
            answers = [mean_color(truth, target.label_map, label) for truth in truths]
            answered[region].append(nearer(color, *(answers[i] for i in order)))
        if len(rows) < shown:
            singles = [synthesizer.draw(target.label_map, look) for look in looks]
            rows.append([colorize(target.label_map, schema), above.photo, below.photo, drawn, *singles])
    both = [a and b for a, b in zip(right["sky"], right["ground"], strict=True)]
    return {
        "cases": len(both),
        "nearer_to_the_right_exemplar": _part(right["sky"] + right["ground"]),
        "sky": _part(right["sky"]),
        "ground": _part(right["ground"]),
        "both_regions": _part(both),
        "nearer_to_the_known_answer": _part(answered["sky"] + answered["ground"]),
    }, rows


def monotone(synthesizer: Synthesizer, pairs: int, size: int, seed: int) -> dict[str, Any]:
    """The part of pairs whose mean colour never turns back along a global strip."""
    straight, turns = [], []
    for i in track(range(pairs), "global", console=_console(), disable=not _console().is_terminal):
        target, *ends = (converted_scene(scene(seed + 3 * i + j, (size, size)), synthesizer.schema) for j in range(3))
        looks = [synthesizer.encode(end) for end in ends]
        drawn = [synthesizer.draw(target.label_map, blend(looks, [1 - t, t])) for t in np.linspace(0, 1, FRAMES)]
        colors = np.stack([frame.reshape(-1, 3).mean(axis=0) / 255 for frame in drawn])
        way = colors[-1] - colors[0]
        steps = np.diff(colors @ (way / max(float(np.linalg.norm(way)), 1e-12)))
        turns.append(float(max(-steps.min(), 0)))
        straight.append(bool(steps.min() >= -TURN))
    return {"pairs": pairs, "frames": FRAMES, "monotone": _part(straight), "largest_step_back": max(turns)}


def transfer_of(synthesizer: Synthesizer, pairs: int, size: int, seed: int) -> TransferMatrix:
    """The transfer matrix over pairs of unseen scenes."""
    found = TransferMatrix.empty((*synthesizer.schema.names, "void"))
    for i in track(range(pairs), "transfer", console=_console(), disable=not _console().is_terminal):
        target, exemplar = (
            converted_scene(scene(seed + 2 * i + j, (size, size)), synthesizer.schema) for j in range(2)
        )
        found = found.with_pair(synthesizer, target, exemplar)
    return found


def cost(synthesizer: Synthesizer, runs: int, size: int, seed: int) -> dict[str, Any]:
    """Passes and seconds of a strip, beside those of what it is made of."""
    target, *ends = (converted_scene(scene(seed + j, (size, size)), synthesizer.schema) for j in range(3))
    network, passes = synthesizer.release.network, Counter[str]()
    counters = [
        part.register_forward_hook(lambda *_, name=name: passes.update([name]))
        for name, part in (("encodings", network.image_encoder), ("drawings", network.synthesis))
    ]

    def strip() -> None:
        looks = [synthesizer.encode(end) for end in ends]
        for t in np.linspace(0, 1, FRAMES):
            synthesizer.draw(target.label_map, blend(looks, [1 - t, t]))

    strip()
    for counter in counters:
        counter.remove()
    look = synthesizer.encode(ends[0])
    encode = _seconds(lambda: synthesizer.encode(ends[0]), 3 * runs)
    draw = _seconds(lambda: synthesizer.draw(target.label_map, look), 3 * runs)
    seconds = _seconds(strip, runs)
    return {
        "frames": FRAMES, **passes,
        "strip_seconds": seconds, "encode_seconds": encode, "draw_seconds": draw,
        "strip_over_11_draws_and_2_encodings": seconds / (FRAMES * draw + 2 * encode),
    }  # fmt: skip


def mean_color(photo: Photo, label_map: LabelMap, label: int) -> Color:
    """Mean RGB (3,) of a class, 0 … 255."""
    return np.asarray(photo[label_map == label].mean(axis=0, dtype=np.float64))


def nearer(color: Color, right: Color, wrong: Color) -> bool:
    """Whether `color` is nearer to `right` than to `wrong`."""
    return bool(np.linalg.norm(color - right) < np.linalg.norm(color - wrong))


def _cases(synthesizer: Synthesizer, size: int, seed: int) -> Iterator[tuple[tuple[int, ...], list[Scene], int]]:
    """Triples of scenes (target, exemplar of the sky, exemplar of the ground) that share a sky and a ground class."""
    schema = synthesizer.schema
    grounds = [schema.index_of(name) for name in GROUND]
    while True:
        numbers = seed, seed + 1, seed + 2
        scenes = [converted_scene(scene(n, (size, size)), schema) for n in numbers]
        areas = np.stack([np.bincount(s.label_map.ravel(), minlength=schema.num_classes + 1) for s in scenes]) / size**2
        shared = np.asarray((areas >= LEAST_AREA).all(axis=0))
        common = [g for g in grounds if shared[g]]
        if shared[schema.index_of(SKY)] and common:
            yield numbers, scenes, max(common, key=lambda g: areas[0, g])
        seed += 3


def _progress(items: Iterator[Any], count: int, what: str) -> Iterator[Any]:
    for _ in track(range(count), what, console=_console(), disable=not _console().is_terminal):
        yield next(items)


def _console() -> Console:
    return Console(stderr=True)


def _part(flags: list[bool]) -> float:
    return float(np.mean(flags))


def _seconds(call: Callable[[], Any], runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    tyro.cli(main)
