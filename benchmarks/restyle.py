"""Does restyling help? A small segmenter trained by day, with and without restyled copies, and tested at dusk.

    python -m benchmarks.restyle --data camvid --looks landscapes/images --json docs/results/restyle.json

`--data` holds labelled photographs (images/, labels/) of one place in two lights; the names of those of the other light begin
with `--other` (CamVid's only drive at dusk: 0001TP). 100 photographs of the first light are for training, the rest of
it for a test by the same light. Of the other light, every fifth photograph is a look, its labels unused; the others are
the test that counts. What is compared, all with the same steps and seeds:

- *true*: the true photographs alone;
- *jitter*: copies in jittered colours beside them, what everybody does;
- *dusk*: restyled copies in the looks of the few unlabelled photographs of the other light;
- *elsewhere*: restyled copies in the looks of photographs of other places (`--looks`), if there are any.

The segmenter is small: the activations relu3_1 and relu4_1 of the package's VGG-19, frozen, and two convolutions that learn.
A copy stands for its photograph in half of the draws. Figures are mean IoU over the classes in the test, in percent.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.common import save_record
from sceneswap.data.importing import ImportOptions, import_pairs
from sceneswap.data.pairing import Pair, find_pairs
from sceneswap.data.transforms import jitter_color, sample_jitter
from sceneswap.errors import UserError
from sceneswap.evaluation.labels import count, scores
from sceneswap.files import sha256
from sceneswap.images import read_photo
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.plan import Places, RestyleSettings
from sceneswap.jobs.restyle.run import Job, restyle
from sceneswap.jobs.sources import Source, find_sources, unique_names
from sceneswap.labels.io import read_label_map, resize_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.pretrained.vgg import scaled, shipped_vgg19
from sceneswap.pictures import evenly_spread
from sceneswap.progress import tracked
from sceneswap.scene import LabelMap
from sceneswap.tensors import to_images

PROTOCOL = "restyle-1"
LAYERS = ("relu3_1", "relu4_1")
CHANNELS = 256 + 512
CELL = 8  # pixels of a side of relu4_1's cells
WIDTH, BATCH, RATE = 128, 8, 2e-3
GAIN, SHIFT = 0.4, 0.25  # of the jitter
LOOK_EVERY = 5  # of the other light's photographs, one is a look

Features = list[Tensor]
"""Of some pictures: (CHANNELS, H / CELL, W / CELL) float16 each."""


@dataclass(frozen=True)
class Split:
    """Pictures with true labels: to train on, to test by the same and by the other light. looks: of the other light."""

    train: Sequence[Pair]
    same: Sequence[Pair]
    other: Sequence[Pair]
    looks: Sequence[Path]


def main(
    data: Path,
    looks: tuple[Path, ...] = (),
    schema: str = "camvid",
    other: str = "0001TP",
    train: int = 100,
    per_image: int = 2,
    elsewhere: int = 12,
    short_side: int = 192,
    steps: int = 150,
    seeds: int = 2,
    model: str | None = None,
    work: Path | None = None,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure what restyled copies are worth to a segmenter.

    Args:
        data: A folder with images/ and labels/.
        looks: Photographs of other places, or folders of them.
        schema: What the label maps hold.
        other: With what the names of photographs of the other light begin.
        train: Photographs to train on.
        per_image: Copies of each.
        elsewhere: Of the photographs in --looks, the most to take, evenly spread.
        short_side: Pixels to which the shorter side of the photographs is brought.
        steps: Of training, for every segmenter.
        seeds: Segmenters trained in every way.
        model: Release folder; the shipped model unless given.
        work: Keep the copies here, and find them here again; a temporary folder unless given.
        json_file: Write the record here.
    """
    start = time.perf_counter()
    known = load_schema(schema)
    with tempfile.TemporaryDirectory() as temporary:
        folder = work or Path(temporary)
        split = prepare(data, folder / "data", known, other, train, short_side)
        reader = SceneReader(Synthesizer.from_pretrained(model), long_side=1024)
        names = unique_names(path.stem for path in split.looks)
        of_dusk = [Source(name, path) for name, path in zip(names, split.looks, strict=True)]
        sources = {"dusk": of_dusk}
        if looks:
            sources["elsewhere"], _ = find_sources(looks, schema=reader.synthesizer.schema, limit=elsewhere)
        copies: dict[str, Mapping[str, Sequence[Path]]] = {}
        for way, some in sources.items():
            count_of = min(per_image, len(some))
            settings = RestyleSettings(per_image=count_of, long_side=1024, quality=95)
            job = Job(split.train, Places(folder / "data"), known, some, folder / f"restyled-{way}", settings)
            restyle(reader, job)
            copies[way] = {
                p.name: [job.out / "images" / f"{p.name}__{n}.jpg" for n in range(1, count_of + 1)] for p in split.train
            }
        record: dict[str, Any] = {
            "protocol": PROTOCOL, "model": reader.synthesizer.describe(), "schema": known.name, "short_side": short_side,
            "photographs": {"train": len(split.train), "same light": len(split.same), "other light": len(split.other)},
            "looks": {way: len(some) for way, some in sources.items()}, "copies_of_each": per_image,
            "steps": steps, "batch": BATCH, "seeds": seeds,
            "data": [sha256(pair.photo) for pair in (*split.train, *split.same, *split.other)],
        }  # fmt: skip
        found = compare(split, known, copies, per_image, steps, seeds)
    show(found)
    record |= {"mean_iou": found, "minutes": round((time.perf_counter() - start) / 60, 1)}
    save_record(json_file, record)


def prepare(data: Path, out: Path, schema: LabelSchema, other: str, train: int, short_side: int) -> Split:
    """Bring all pictures to one size and part them. Raises `UserError` where there are too few."""
    import_pairs(find_pairs(data), out, ImportOptions(schema, schema, short_side), data.name)
    pairs = find_pairs(out)
    same = [pair for pair in pairs if not pair.name.startswith(other)]
    rest = [pair for pair in pairs if pair.name.startswith(other)]
    if len(same) <= train or len(rest) < LOOK_EVERY:
        raise UserError(
            f"{data} has {len(same)} photographs of one light and {len(rest)} of the other ({other}…); more than {train} and "
            f"at least {LOOK_EVERY} are needed"
        )
    chosen = evenly_spread(same, train)
    looks = [pair.photo for pair in rest[LOOK_EVERY // 2 :: LOOK_EVERY]]
    return Split(
        chosen, [pair for pair in same if pair not in chosen], [p for p in rest if p.photo not in looks], looks
    )


def compare(
    split: Split, schema: LabelSchema, copies: Mapping[str, Mapping[str, Sequence[Path]]], per_image: int, steps: int,
    seeds: int,
) -> dict[str, dict[str, list[float]]]:  # fmt: skip
    """Way of training -> light of the test -> mean IoU (percent) of every seed."""
    look = Eye()
    maps = [read_label_map(pair.label_map, schema) for pair in split.train]
    true = look.see_files([pair.photo for pair in split.train], "true")
    tests = {
        light: (look.see_files([p.photo for p in some], light), [read_label_map(p.label_map, schema) for p in some])
        for light, some in (("same", split.same), ("other", split.other))
    }
    found: dict[str, dict[str, list[float]]] = {}
    for way in ("true", "jitter", *copies):
        if way == "true":
            beside = [[one] for one in true]
        elif way == "jitter":
            beside = look.see_jittered([pair.photo for pair in split.train], per_image)
        else:
            flat = look.see_files([path for pair in split.train for path in copies[way][pair.name]], way)
            each = len(flat) // len(true)
            beside = [flat[i * each : (i + 1) * each] for i in range(len(true))]
        found[way] = {light: [] for light in tests}
        for seed in range(seeds):
            head = fit(true, beside, maps, schema.num_classes, steps, seed)
            for light, (features, answers) in tests.items():
                found[way][light].append(round(100 * mean_iou(head, features, answers, schema.num_classes), 2))
    return found


class Eye:
    """The frozen half of the segmenter."""

    def __init__(self) -> None:
        self._vgg = shipped_vgg19(padding="replicate").eval()

    def see(self, photo: Any) -> Tensor:
        """A photo (H, W, 3) as (CHANNELS, H / CELL, W / CELL) float16."""
        with torch.inference_mode():
            taps = self._vgg.activations(to_images([photo]), LAYERS)
            fine, coarse = (scaled(name, taps[name]) for name in LAYERS)
            return torch.cat([F.adaptive_avg_pool2d(fine, (coarse.shape[2], coarse.shape[3])), coarse], dim=1)[0].half()

    def see_files(self, paths: Sequence[Path], what: str) -> Features:
        """The files of photographs."""
        return [self.see(read_photo(path)) for path in tracked(paths, f"seeing {what}")]

    def see_jittered(self, paths: Sequence[Path], each: int) -> list[Features]:
        """`each` copies of every photograph in other colours."""
        rng = np.random.default_rng(0)
        return [
            [self.see(jitter_color(photo, *sample_jitter(rng, GAIN, SHIFT))) for _ in range(each)]
            for photo in map(read_photo, tracked(paths, "seeing jittered"))
        ]


def fit(
    true: Features, beside: Sequence[Features], maps: Sequence[LabelMap], classes: int, steps: int, seed: int
) -> nn.Module:
    """Train the learning half on true photographs and, in half of the draws, on one of the copies beside each."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head = nn.Sequential(
        nn.Conv2d(CHANNELS, WIDTH, 1), nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.ReLU(),
        nn.Conv2d(WIDTH, classes, 1),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    sizes = [(2 * one.shape[1], 2 * one.shape[2]) for one in true]  # the loss is asked at twice the cells
    small = [torch.from_numpy(resize_label_map(m, size).astype(np.int64)) for m, size in zip(maps, sizes, strict=True)]
    for _ in range(steps):
        chosen = rng.choice(len(true), min(BATCH, len(true)), replace=False)
        some = [true[i] if rng.random() < 0.5 else beside[i][rng.integers(len(beside[i]))] for i in chosen]
        wanted = torch.stack([small[i] for i in chosen])
        logits = F.interpolate(head(torch.stack(some).float()), wanted.shape[-2:], mode="bilinear")
        loss = F.cross_entropy(logits, wanted, ignore_index=classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head.eval()


def mean_iou(head: nn.Module, features: Features, answers: Sequence[LabelMap], classes: int) -> float:
    """Over all pixels of the pictures together, 0 … 1."""
    counts = np.zeros((classes, classes + 1), np.int64)
    with torch.inference_mode():
        for one, answer in zip(features, answers, strict=True):
            logits = F.interpolate(head(one[None].float()), answer.shape, mode="bilinear")
            counts += count(answer, logits[0].argmax(0).numpy().astype(np.int16), classes)
    return scores(counts)["mean IoU"]


def show(found: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Print the means and the range over seeds."""
    table = Table("trained on", "same light", "other light", title="mean IoU in percent")
    for way, lights in found.items():
        cells = [f"{np.mean(values):.1f} ({min(values):.1f} … {max(values):.1f})" for values in lights.values()]
        table.add_row("true photographs" if way == "true" else f"and copies: {way}", *cells)
    Console().print(table)


if __name__ == "__main__":
    tyro.cli(main)
