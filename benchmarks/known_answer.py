"""Known-answer swaps: how near a model comes to the true photograph of layout A under look B, on unseen scenes.

    python -m benchmarks.known_answer --model small=models/first --json known_answer.json --sheet known_answer.png

The procedural renderer draws layout A under look B, so the answer exists. Three trivial methods say what a number is
worth: copying the exemplar, a grey picture, and filling every class with its mean colour in the exemplar. The target's
own photograph (right layout, wrong look) stands above them as a reference. Every picture is rounded to 8 bits first.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from benchmarks.common import converted, converted_scene, save_record
from sceneswap.config import LossConfig
from sceneswap.errors import UserError
from sceneswap.evaluation.aggregate import RESAMPLES, interval
from sceneswap.evaluation.fill import mean_colors
from sceneswap.files import sha256
from sceneswap.images import write_png
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import colorize
from sceneswap.labels.presets import load_schema
from sceneswap.models.pretrained.lpips import load_lpips
from sceneswap.models.pretrained.vgg import load_vgg19
from sceneswap.pictures import grid
from sceneswap.procedural.render import TEST_SEEDS, swap_pair
from sceneswap.scene import Photo, Scene

PROTOCOL = "known-answer-swaps-1"


class Pair(NamedTuple):
    """A swap and its answer."""

    target: Scene
    exemplar: Scene
    answer: Photo


Method = Callable[[Sequence[Pair]], list[Photo]]
Distance = Callable[[Tensor, Tensor], Tensor]  # images (B, 3, H, W) in [-1, 1] → (B,)


def main(
    model: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    count: int = 64,
    size: int = 256,
    seed: int = TEST_SEEDS,
    batch: int = 8,
    lpips: Path | None = None,
    vgg19: Path | None = None,
    sheet: Path | None = None,
    sheet_rows: int = 8,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Score releases and three trivial methods on swaps whose answer is known.

    Args:
        model: NAME=FOLDER of a release; give it once per model. The shipped model unless given.
        count: Number of pairs.
        size: Height and width in pixels.
        seed: First of the renderer's seeds; training uses seeds below 1,000,000.
        batch: Pairs drawn at a time.
        lpips: LPIPS weights; else SCENESWAP_LPIPS; without either LPIPS is left out.
        vgg19: VGG-19 weights; else SCENESWAP_VGG19; without either the VGG distance is left out.
        sheet: Write a contact sheet (PNG): label map, exemplar, answer, each model.
        sheet_rows: Pairs on it.
        json_file: Write the record here.
    """
    if seed < TEST_SEEDS:
        raise UserError(f"seeds below {TEST_SEEDS} are for training; choose a --seed from {TEST_SEEDS} upwards")
    schema = load_schema("procedural")
    if wrong := [entry for entry in model if not all(entry.partition("="))]:
        raise UserError(f"--model {wrong[0]}: give a name and a release folder, such as small=models/first")
    folders: dict[str, str | None] = {n: f for n, _, f in (entry.partition("=") for entry in model)} or {
        "shipped": None
    }
    models = {name: Synthesizer.from_pretrained(folder, vgg19=vgg19) for name, folder in folders.items()}
    methods: dict[str, Method] = {
        "copy of the exemplar": lambda pairs: [p.exemplar.photo for p in pairs],
        "grey": lambda pairs: [np.full_like(p.answer, 128) for p in pairs],
        "mean colour per class": lambda pairs: [mean_colors(p.target.label_map, p.exemplar) for p in pairs],
        **{name: _drawer(synthesizer) for name, synthesizer in models.items()},
        "target's own photograph": lambda pairs: [p.target.photo for p in pairs],
    }
    metrics, files = _metrics(lpips, vgg19)
    scores: dict[str, dict[str, list[float]]] = {name: {metric: [] for metric in metrics} for name in methods}
    rows: list[list[Photo | None]] = []
    digest = hashlib.sha256()
    console = Console(stderr=True)
    for first in track(range(0, count, batch), "swapping", console=console, disable=not console.is_terminal):
        pairs = [Pair(*swap_pair(seed + i, (size, size))) for i in range(first, min(first + batch, count))]
        answers = as_tensor([pair.answer for pair in pairs])
        drawn = {name: method(pairs) for name, method in methods.items()}
        for name, pictures in drawn.items():
            for metric, distance in metrics.items():
                scores[name][metric] += distance(as_tensor(pictures), answers).tolist()
        for i, pair in enumerate(pairs):
            digest.update(pair.answer.tobytes())
            if len(rows) < sheet_rows:
                layout = colorize(pair.target.label_map, schema)
                rows.append([layout, pair.exemplar.photo, pair.answer, *(drawn[name][i] for name in models)])
    table = {name: {m: interval(values) for m, values in by_metric.items()} for name, by_metric in scores.items()}
    title = f"{count} swaps at {size} × {size}: mean, 95 % bootstrap interval"
    printed = Table("method", *metrics, title=title)
    for name, by_metric in table.items():
        printed.add_row(name, *(f"{s['mean']:.4g} [{s['low']:.4g}, {s['high']:.4g}]" for s in by_metric.values()))
    Console().print(printed)
    record = {
        "protocol": PROTOCOL, "seeds": [seed, seed + count], "size": size, "answers_sha256": digest.hexdigest(),
        "metrics": {m: files.get(m, "") for m in metrics}, "bootstrap": {"resamples": RESAMPLES, "seed": 0},
        "models": {name: {**m.describe(), "exemplar_size": m.working_size} for name, m in models.items()},
        "scores": table,
    }  # fmt: skip
    save_record(json_file, record)
    if sheet is not None:
        columns = ", ".join(["label map", "exemplar", "answer", *models])
        write_png(sheet, grid(rows, (size, size)), {"protocol": PROTOCOL, "columns": columns})
        print(f"wrote {sheet} (columns: {columns})")


def psnr(drawn: Tensor, answer: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, (B,), of images (B, 3, H, W) in [-1, 1]; 100 dB at most."""
    error = ((drawn - answer) / 2).square().mean(dim=(1, 2, 3))
    return -10 * error.clamp_min(1e-10).log10()


def as_tensor(photos: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Photos (H, W, 3) → (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2) / 127.5 - 1


def _drawer(synthesizer: Synthesizer) -> Method:
    def draw(pairs: Sequence[Pair]) -> list[Photo]:
        looks = [synthesizer.encode(converted_scene(p.exemplar, synthesizer.schema)) for p in pairs]
        label_maps = [converted(p.target.label_map, synthesizer.schema) for p in pairs]
        return synthesizer.draw_batch(label_maps, looks, batch_size=len(pairs))

    return draw


def _metrics(lpips: Path | None, vgg19: Path | None) -> tuple[dict[str, Distance], dict[str, str]]:
    """The metrics that can be computed here, and what each is (with the hash of its weights)."""
    metrics: dict[str, Distance] = {"PSNR": psnr}
    described = {"PSNR": "dB, RGB in [0, 1], mean of the pictures' values; higher is better"}
    lpips = lpips or _named("SCENESWAP_LPIPS", "LPIPS")
    if lpips:
        metrics["LPIPS"] = torch.no_grad()(load_lpips(lpips))
        described["LPIPS"] = f"AlexNet v0.1, weights {sha256(lpips)}; lower is better"
    vgg19 = vgg19 or _named("SCENESWAP_VGG19", "the VGG distance")
    if vgg19:
        network, weights = load_vgg19(vgg19), LossConfig().perceptual_weights

        @torch.no_grad()
        def distance(drawn: Tensor, answer: Tensor) -> Tensor:
            pairs = zip(weights, network(drawn), network(answer), strict=True)
            return torch.stack([w * (a - b).abs().mean(dim=(1, 2, 3)) for w, a, b in pairs]).sum(dim=0)

        metrics["VGG"] = distance
        described["VGG"] = f"L1 on relu1_1 … relu5_1 × {weights}, weights {sha256(vgg19)}; lower is better"
    return metrics, described


def _named(variable: str, what: str) -> Path | None:
    """The file named in an environment variable, or None with a note."""
    if variable not in os.environ:
        print(f"{what} is left out: no weights were given, and {variable} is not set")
        return None
    return Path(os.environ[variable])


if __name__ == "__main__":
    tyro.cli(main)
