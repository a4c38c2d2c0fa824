"""What is wanted of a restyled data set, and the record of it that keeps a folder to one plan."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from sceneswap.bounds import Between, LongSide, Percent, Seed, Share, check_options, hints_of
from sceneswap.data.pairing import Pair
from sceneswap.errors import UserError
from sceneswap.files import read_json
from sceneswap.guard import keep_folder
from sceneswap.images import WRITTEN_SUFFIXES

RECORD = "restyle.json"
FORMAT = "sceneswap-restyle-1"
DROPPED = "dropped"
"""The folder that says which copies were drawn and not kept."""


@dataclass(frozen=True, kw_only=True)
class RestyleSettings:
    """What the copies are: all of it is written into the record.

    per_image: copies of every picture, each in another look. seed: chooses the looks. overlap: the least intersection, 0 … 1,
    of the class shares of picture and look; 0: any look. agreement: copies are dropped in which a smaller share of the
    pixels, 0 … 1, is read as the class that was drawn; 0: none are. max_void: pictures are left out of which a larger
    share is void to the model. long_side: pixels at which copies are drawn at most; they have the size of the label map.
    suffix, quality: of the files, see `images.write_picture`. Raises `UserError` for what makes no sense.
    """

    per_image: Annotated[int, Between(1, 1000)] = 4
    seed: Seed = 0
    overlap: Share = 0.0
    agreement: Share = 0.0
    max_void: Share = 1.0
    long_side: LongSide = 1024
    suffix: str = ".jpg"
    quality: Percent = 92

    def __post_init__(self) -> None:
        check_options(asdict(self), hints_of(type(self)))
        if self.suffix not in WRITTEN_SUFFIXES:
            raise UserError(f"pictures cannot be written as {self.suffix}; choose {', '.join(WRITTEN_SUFFIXES)}")


@dataclass(frozen=True)
class Places:
    """Where the copies of a picture lie: as its own files do.

    root: of the data set. layout: see `find_pairs`; in a pattern the copy's name stands where the picture's does.
    """

    root: Path
    layout: str = "images+labels"

    def picture(self, pair: Pair, number: int, suffix: str) -> Path:
        """Of copy `number` (from 1), relative to the folder written."""
        return self._of(pair.photo, 0, number).with_suffix(suffix)

    def label_map(self, pair: Pair, number: int) -> Path:
        """Of the label map of copy `number`, relative to the folder written."""
        return self._of(pair.label_map, 1, number)

    def folders(self, pairs: Sequence[Pair]) -> list[str]:
        """All folders that copies of `pairs` lie in."""
        found = {
            self._of(file, part, 1).parent for pair in pairs for part, file in enumerate((pair.photo, pair.label_map))
        }
        return sorted(folder.as_posix() for folder in found)

    def _of(self, file: Path, part: int, number: int) -> Path:
        pattern = self.layout.split("+")[part]
        if "*" not in pattern:
            return Path(pattern, f"{file.stem}__{number}{file.suffix}")
        whole = re.compile("([^/]*)".join(map(re.escape, pattern.split("*"))))
        path = file.relative_to(self.root).as_posix()
        match = whole.fullmatch(path)
        assert match is not None, f"{file} is not of {self.layout}"
        end = match.end(match.re.groups)
        return Path(f"{path[:end]}__{number}{path[end:]}")


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of `count` of a data set, for machines that share the work: every count-th picture."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard "3/16". Raises `UserError`."""
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise UserError(f"--shard {text}: write which part of how many, such as 3/16")
        return cls(int(number), int(count))

    def of(self, pairs: Sequence[Pair]) -> Sequence[Pair]:
        """The pairs of this shard."""
        return pairs[self.number - 1 :: self.count]


def header(
    settings: RestyleSettings, *, schema: str, layout: str, model: dict[str, Any], looks: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The record of a plan: what must be the same for a folder to be gone on with."""
    return {
        "format": FORMAT,
        "settings": asdict(settings),
        "schema": schema,
        "layout": layout,
        "model": model,
        "looks": list(looks),
    }


def check_folder(out: Path, wanted: dict[str, Any], names: Sequence[str]) -> bool:
    """Whether the folder `out` has been begun with the same plan. More copies of a picture than before may be asked for.

    names: of what will be written to it. Raises `UserError` when it holds another plan's pictures, or anybody else's.
    """
    if not keep_folder(out, RECORD, names, "restyle"):
        return False
    path = out / RECORD
    there = read_json(path, "the record of a restyled data set")
    try:
        fewer = there["settings"]["per_image"] > wanted["settings"]["per_image"]
        settings = [f"--{name.replace('_', '-')}" for name in _differing(there["settings"], wanted["settings"])]
        other = [name for name in _differing(there, wanted) if name not in ("settings", "pictures")]
        sound = there["format"] == FORMAT
    except (KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise UserError(f"{path} is not the record of a restyled data set; choose another folder")
    names = [*other, *(name for name in settings if name != "--per-image"), *(["fewer --per-image"] if fewer else [])]
    if names:
        raise UserError(f"{out} was made with other settings ({', '.join(names)}); give those, or another folder")
    return True


def _differing(there: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    return [name for name, value in wanted.items() if there[name] != value]
