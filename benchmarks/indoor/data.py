"""The indoor photographs of the documented training and evaluation, as data folders in the preset `indoor`.

python -m benchmarks.indoor.data SHARED_DATA --out data/indoor

As `benchmarks.outdoor.data`, whose words hold here too. The parts in split.json beside this script were made by this rule:

| source | labels | test | validation | train |
| --- | --- | --- | --- | --- |
| houses_indoor, sun_cmu_indoor, sun_figrim_indoor, sun_hkust_indoor | machine | h < 10 | h < 15 | the rest |
| nyuv2_indoor | true, 37 classes | g < 10 | g < 15 | the rest |

h: the first 8 hexadecimal digits of the photograph's SHA-256 sum, as a number, modulo 100. NYU Depth v2 holds several frames of
each room, numbered one after the other: there g is the same of the sum of the number of a block of 25, so that a room lies in
one part, but for those at the ends of blocks. A photograph of train near to one held back (`outdoor.data.fingerprint`) is left
out of train.
"""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from benchmarks.outdoor.data import PARTS, Source, Split, build, fingerprint, hashed_pairs, near
from sceneswap.data.pairing import Pair
from sceneswap.errors import UserError

HERE = Path(__file__).parent
SPLIT = HERE / "split.json"
SOURCES = (
    *(Source(f"{name}_indoor", "ade20k-150-1based") for name in ("houses", "sun_cmu", "sun_figrim", "sun_hkust")),
    Source("nyuv2_indoor", str(HERE / "nyuv2_schema.toml")),
)
TEST, VALIDATION = 10, 15
BLOCK = 25  # frames of NYU Depth v2


def main(
    shared_data: Annotated[Path, tyro.conf.Positional], out: Path | None = None, write_split: bool = False
) -> None:
    """Build the indoor data folders, or write the list of what belongs to which part.

    Args:
        shared_data: The folder with one folder per source.
        out: The folder to write to. Run again, it goes on where it stopped.
        write_split: Write split.json anew instead.
    """
    build("indoor", SOURCES, SPLIT, split_of, shared_data, out, write_split)


def split_of(shared_data: Path) -> Split:
    """The SHA-256 sums of each part, sorted, by the rule above. A photograph that occurs twice counts once."""
    split: dict[str, set[str]] = {part: set() for part in PARTS}
    prints: dict[str, NDArray[np.uint8]] = {}
    for source in SOURCES:
        pairs = list(hashed_pairs(shared_data, source))
        prints |= {digest: fingerprint(pair.photo) for pair, digest in pairs}
        for digest, part in parts(source.name, pairs):
            if not any(digest in digests for digests in split.values()):
                split[part].add(digest)
    split["train"] -= near(sorted(split["train"]), sorted(split["test"] | split["validation"]), prints)
    return {part: sorted(split[part]) for part in PARTS}


def parts(source: str, pairs: Iterable[tuple[Pair, str]]) -> Iterable[tuple[str, str]]:
    """(SHA-256 sum, part) of the scenes of a source."""
    for pair, digest in pairs:
        if source == "nyuv2_indoor":
            block = int(pair.name.removeprefix("nyu_")) // BLOCK
            draw = hashlib.sha256(str(block).encode()).hexdigest()
        else:
            draw = digest
        h = int(draw[:8], 16) % 100
        yield digest, "test" if h < TEST else "validation" if h < VALIDATION else "train"


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except UserError as error:
        sys.exit(f"indoor_data: {error}")
