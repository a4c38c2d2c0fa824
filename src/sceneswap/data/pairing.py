"""Which photograph belongs to which label map: two folders of files paired by their stems."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sceneswap.errors import UserError
from sceneswap.filetype import passed_over
from sceneswap.images import PHOTO_SUFFIXES
from sceneswap.labels.io import SUFFIXES as LABEL_SUFFIXES
from sceneswap.notes import LOG

_SHOWN = 3  # names in a message


@dataclass(frozen=True)
class Pair:
    """The files of one scene; `name` is their common stem."""

    name: str
    photo: Path
    label_map: Path


def find_pairs(source: Path, layout: str = "images+labels") -> list[Pair]:
    """Pair the photographs and label maps of `source` by their stems, sorted.

    layout: the two folders inside `source`, joined by "+"; folders in folders are written with "/".
    Raises `UserError` when a folder is missing or empty, or the files do not pair up.
    """
    parts = layout.split("+")
    if len(parts) != 2 or not all(parts):
        raise UserError(f"--layout {layout!r} does not name two folders; write them as in images+labels")
    if not source.is_dir():
        raise UserError(f"{source} is not a folder; name the folder that holds {parts[0]}/ and {parts[1]}/")
    photo_folder, label_folder = (source / part for part in parts)
    for folder in (photo_folder, label_folder):
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}; say with --layout how the two folders are called")
    photos, label_maps = by_stem(photo_folder, PHOTO_SUFFIXES), by_stem(label_folder, LABEL_SUFFIXES)
    if not photos or not label_maps:
        empty, suffixes = (label_folder, LABEL_SUFFIXES) if photos else (photo_folder, PHOTO_SUFFIXES)
        raise UserError(f"there is nothing to import in {empty}: it has no {', '.join(suffixes)} files")
    for ours, others, what, where in (
        (photos, label_maps, "label map", label_folder),
        (label_maps, photos, "photograph", photo_folder),
    ):
        alone = [ours[stem].name for stem in sorted(ours.keys() - others.keys())]
        if alone:
            raise UserError(
                f"{len(alone)} of {len(ours)} files of {next(iter(ours.values())).parent} have no {what} of the same "
                f"name in {where}: {some(alone)}; add what is missing, or move them elsewhere"
            )
    return [Pair(stem, photos[stem], label_maps[stem]) for stem in sorted(photos)]


def by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The files of `folder` with one of `suffixes`, by stem, letters composed alike (Unicode's NFC) as systems differ.

    Hidden files are passed over; a note says which others are.
    """
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and path.is_file()]
    found: dict[str, Path] = {}
    for path in files:
        if path.suffix.lower() not in suffixes:
            continue
        if (stem := composed(path.stem)) in found:
            raise UserError(f"{folder} holds both {found[stem].name} and {path.name}; keep one file per name")
        found[stem] = path
    what = "photographs that can be read" if suffixes == PHOTO_SUFFIXES else "label maps"
    if others := passed_over((path for path in files if path.suffix.lower() not in suffixes), what):
        LOG.warning("passed over in %s: %s", folder, others)
    return found


def composed(name: str) -> str:
    """A name with its letters composed (NFC): "é" as one character, however a file system spells it."""
    return unicodedata.normalize("NFC", name)


def some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
