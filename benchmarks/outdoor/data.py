"""The outdoor photographs of the documented training and evaluation, as data folders in the preset `outdoor`.

python -m benchmarks.outdoor.data SHARED_DATA --out data/outdoor

SHARED_DATA holds one folder per source (its photographs may not be passed on; each has a SOURCE.md that says where it
comes from). The command writes OUT/train/SOURCE, OUT/validation/SOURCE and OUT/test/SOURCE, each a folder for
`sceneswap train --data`. Which photograph belongs to which part is fixed by the SHA-256 sums of the files in
split.json beside this script, which `--write-split` made by this rule, h being the first 8 hexadecimal digits
of the sum, as a number, modulo 100:

| source | labels | test | validation | train |
| --- | --- | --- | --- | --- |
| outdoor_mix, stanford_photos, photo_style | machine; by hand, coarse | h < 12 | h < 16 | the rest |
| outdoor_mix, names webcam… | machine | – | – | all: the same views recur |
| stanford_bg | true | h < 50 | h < 60 | the rest |
| ade20k_sample, coco_stuff_sample | true | outdoor scenes | – | – |
| camvid | true | every second frame of drive Seq05V | – | every third frame of each other drive |
| labelmefacade_outdoor | true | – | – | all |
| the other folders …_outdoor | machine | – | – | all |

What is alike is kept on one side, found by a perceptual hash (`fingerprint`): a photograph of a folder …_outdoor that is
near to one of test or validation is left out; where it is near to one of stanford_photos in train, the older, smaller and
machine-labelled one is left out. All pairs across folders up to 31 of 256 bits were looked at: the same picture differs in
18 at most, other pictures in 21 and more, but nearly empty skies and seas in as few as 14 (so one sea is left out for
nothing). Crops of a photograph held back, searched for in the same way, are not in train.
roads_outdoor is squeezed to squares and holds some watermarks of stock agencies; it has the widest range of looks.

Left out: the folder weather_small (its photographs are so small that they would teach blur), the other frames of
camvid (near duplicates), and of the samples what is indoors or shows objects or sportspeople rather than a scene.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image

from sceneswap.data.importing import import_pairs
from sceneswap.data.pairing import Pair, find_pairs
from sceneswap.data.record import ImportOptions
from sceneswap.errors import UserError
from sceneswap.files import read_json, sha256, write_text
from sceneswap.labels.presets import load_schema

HERE = Path(__file__).parent
SPLIT = HERE / "split.json"
PARTS = ("train", "validation", "test")
Split = dict[str, list[str]]


@dataclass(frozen=True)
class Source:
    """A folder of photographs; its label maps hold `schema`. layout: see `data.pairing.find_pairs`."""

    name: str
    schema: str
    layout: str = "images+labels"


SOURCES = (
    Source("outdoor_mix", "ade20k-150-1based"),
    Source("stanford_photos", "ade20k-150-1based"),
    Source("stanford_bg", "stanford-background"),
    Source("camvid", "camvid"),
    Source("photo_style", str(HERE / "photo_style_schema.toml")),
    Source("ade20k_sample", "ade20k-150-1based"),
    Source("coco_stuff_sample", "coco-stuffthingmaps", "train_img+train_label"),
    Source("labelmefacade_outdoor", str(HERE / "labelmefacade_schema.toml")),
    *(
        Source(f"{name}_outdoor", "ade20k-150-1based")
        for name in ("corel1k", "houses", "landscapes_hq", "roads", "sun_cmu", "sun_figrim", "sun_hkust")
    ),
)
ALIKE = 20
"""Bits of 256 in which the fingerprints of one and the same picture may differ."""
BOUNDS = {  # h below the first: test; below the second: validation
    "outdoor_mix": (12, 16), "stanford_photos": (12, 16), "photo_style": (12, 16), "stanford_bg": (50, 60),
}  # fmt: skip
NO_SCENES = {
    "ade20k_sample": ("ADE_train_00007201", "ADE_train_00015171", "ADE_val_00001517", "ADE_val_00001697"),
    "coco_stuff_sample": (
        "000000017914",  # a cat on a laptop
        "000000029286",  # a kitchen
        "000000184101",  # an oven
        "000000284465",  # footballers
        "000000371376",  # a computer
        "000000426773",  # a library
        "000000475177",  # a living room
        "000000500044",  # candles
        "000000580986",  # a tennis player
    ),
}


def main(
    shared_data: Annotated[Path, tyro.conf.Positional], out: Path | None = None, write_split: bool = False
) -> None:
    """Build the outdoor data folders, or write the list of what belongs to which part.

    Args:
        shared_data: The folder with one folder per source.
        out: The folder to write to. Run again, it goes on where it stopped.
        write_split: Write split.json anew instead.
    """
    build("outdoor", SOURCES, SPLIT, split_of, shared_data, out, write_split)


def build(
    schema: str,
    sources: Sequence[Source],
    split_file: Path,
    split_of: Callable[[Path], Split],
    shared_data: Path,
    out: Path | None,
    write_split: bool,
) -> None:
    """What `main` does, for the scenes of `sources` in the preset `schema`; split_of: makes `split_file`."""
    if write_split == (out is not None):
        raise UserError("give either --out or --write-split")
    if out is None:
        split = split_of(shared_data)
        write_text(split_file, json.dumps(split, indent=1) + "\n")
        print(f"{split_file}: " + ", ".join(f"{part} {len(split[part])}" for part in PARTS))
        return
    split = read_json(split_file, "the SHA-256 sums of each part")
    known = load_schema(schema)
    for part in PARTS:
        hashes = frozenset(split[part])
        pixels = np.zeros(known.num_classes + 1, dtype=np.int64)
        for source in sources:
            pairs = [pair for pair, digest in hashed_pairs(shared_data, source) if digest in hashes]
            if not pairs:
                continue
            options = ImportOptions(load_schema(source.schema), known, hashes=hashes)
            summary = import_pairs(pairs, out / part / source.name, options, source.name)
            pixels += summary.pixels
            void = summary.pixels[-1] / summary.pixels.sum()
            print(f"{part:<11} {source.name:<18} {summary.written + summary.present:4d} scenes, void {void:6.1%}")
        shares = pixels / pixels.sum()
        names = (*known.names, "void")
        print(f"{part}: " + ", ".join(f"{names[i]} {shares[i]:.1%}" for i in np.argsort(-shares) if shares[i]), "\n")


def split_of(shared_data: Path) -> Split:
    """The SHA-256 sums of each part, sorted, by the rule above. A photograph that occurs twice counts once."""
    split: dict[str, set[str]] = {part: set() for part in PARTS}
    seen: dict[str, NDArray[np.uint8]] = {}  # fingerprints by sum
    photos: dict[str, dict[str, Path]] = {}  # by source and sum
    for source in SOURCES:
        pairs = list(hashed_pairs(shared_data, source))
        photos[source.name] = {digest: pair.photo for pair, digest in pairs}
        for digest, part in _parts(source.name, pairs):
            if not any(digest in digests for digests in split.values()):
                split[part].add(digest)
    held = split["test"] | split["validation"]
    for digests in photos.values():
        seen |= {digest: fingerprint(path) for digest, path in digests.items() if digest in held | split["train"]}
    new = {digest for name, digests in photos.items() if name.endswith("_outdoor") for digest in digests}
    kept_apart = near(sorted(new & split["train"]), sorted(held), seen)
    split["train"] -= kept_apart
    split["train"] -= near(sorted(set(photos["stanford_photos"]) & split["train"]), sorted(new & split["train"]), seen)
    return {part: sorted(split[part]) for part in PARTS}


def fingerprint(photo: Path) -> NDArray[np.uint8]:
    """A difference hash of 256 bits, packed to (32,) uint8: which neighbour in rows of 17×16 grey cells is brighter."""
    with Image.open(photo) as image:
        grey = np.asarray(image.convert("L").resize((17, 16), Image.Resampling.BOX)).astype(np.int16)
    return np.packbits(grey[:, 1:] > grey[:, :-1])


def near(digests: list[str], others: list[str], fingerprints: Mapping[str, NDArray[np.uint8]]) -> set[str]:
    """Those of `digests` whose picture is also among `others`."""
    if not digests or not others:
        return set()
    table = np.stack([fingerprints[digest] for digest in others])
    distances = {d: np.unpackbits(table ^ fingerprints[d], axis=1).sum(axis=1).min() for d in digests}
    return {digest for digest, distance in distances.items() if distance <= ALIKE}


def hashed_pairs(shared_data: Path, source: Source) -> Iterator[tuple[Pair, str]]:
    """The scenes of a source with the SHA-256 sums of their photographs, in the order of their names."""
    for pair in find_pairs(shared_data / source.name, source.layout):
        yield pair, sha256(pair.photo)


def _parts(source: str, pairs: list[tuple[Pair, str]]) -> Iterator[tuple[str, str]]:
    """(SHA-256 sum, part) of the scenes of a source that are used."""
    seen: dict[str, int] = {}  # frames of each drive so far
    for pair, digest in pairs:
        if source == "camvid":
            drive = pair.name.split("_")[0]
            number = seen[drive] = seen.get(drive, -1) + 1
            part, step = ("test", 2) if drive == "Seq05VD" else ("train", 3)
            if number % step == 0:
                yield digest, part
        elif source in NO_SCENES:
            if pair.name not in NO_SCENES[source]:
                yield digest, "test"
        elif source.endswith("_outdoor") or pair.name.startswith("webcam"):
            yield digest, "train"
        else:
            h, (test, validation) = int(digest[:8], 16) % 100, BOUNDS[source]
            yield digest, "test" if h < test else "validation" if h < validation else "train"


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except UserError as error:
        sys.exit(f"outdoor_data: {error}")
