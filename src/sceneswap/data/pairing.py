"""Which photograph belongs to which label map: two folders of files paired by their stems; and whether the two fit."""

import re
import unicodedata
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from sceneswap.data.matlab import SUFFIX as MATLAB
from sceneswap.errors import UserError
from sceneswap.filetype import looks_like, passed_over
from sceneswap.images import PHOTO_SUFFIXES
from sceneswap.labels.io import SUFFIXES as LABEL_SUFFIXES
from sceneswap.labels.io import resize_label_map
from sceneswap.notes import LOG
from sceneswap.scene import LabelMap

_SHOWN = 3  # names in a message
MENDABLE_SUFFIXES = (".json", *(suffix for suffix in PHOTO_SUFFIXES if suffix not in LABEL_SUFFIXES))
"""The kinds of file beside label maps that `labels.mend` reads."""

_WORDS = re.compile(
    r"(?<=.)([_.-](masks?|labels?|segm?|segmentation|gt|annot|annotations?|gtFine|gtCoarse|labelIds|labelTrainIds|instanceIds|"
    r"colou?rs?|leftImg8bit|images?|img|rgb|photo|jpe?g|png|webp|tiff?|bmp))+$",
    re.IGNORECASE,
)
_LAST_PART = re.compile(r"(?<=.)[_.-][^_.\W\d-]+$")


@dataclass(frozen=True)
class Pair:
    """The files of one scene; `name` is their common stem."""

    name: str
    photo: Path
    label_map: Path


def find_pairs(source: Path, layout: str = "images+labels", *, repair: bool = False) -> list[Pair]:
    """Pair the photographs and label maps of `source` by their stems, sorted.

    layout: the two folders inside `source`, joined by "+"; folders in folders are written with "/". Either may be a pattern
    of files instead, with * for any part of a name: files whose last * stands for the same belong together, as in
    leftImg8bit/train/*/*_leftImg8bit.png+gtFine/train/*/*_gtFine_labelIds.png. repair: where equal stems do not pair up,
    leave out what all stems of a folder end in ("_mask", "_gtFine_labelIds", ".jpg").
    Raises `UserError` when a folder is missing or empty, or the files do not pair up; all that do not are counted.
    """
    parts = layout.split("+")
    if len(parts) != 2 or not all(parts):
        raise UserError(f"--layout {layout!r} does not name two folders; write them as in images+labels")
    if not source.is_dir():
        raise UserError(f"{source} is not a folder{_packed(source)}; name the one that holds {parts[0]} and {parts[1]}")
    photos = _files(source, parts[0], PHOTO_SUFFIXES)
    suffixes = (*LABEL_SUFFIXES, MATLAB, *(MENDABLE_SUFFIXES if repair else ()))
    label_maps = _files(source, parts[1], suffixes)
    if photos.keys() != label_maps.keys() and repair:
        photos, label_maps = _without_suffix(photos), _without_suffix(label_maps)
    faults = []
    for ours, others, what, where in (
        (photos, label_maps, "label map", parts[1]),
        (label_maps, photos, "photograph", parts[0]),
    ):
        alone = [ours[stem].name for stem in sorted(ours.keys() - others.keys())]
        if alone:
            faults.append(
                f"{len(alone):,} of {len(ours):,} files of {next(iter(ours.values())).parent} have no {what} of the same "
                f"name in {source / where}: {some(alone)}"
            )
    if faults:
        raise UserError(f"{'; '.join(faults)}; add what is missing, or move them elsewhere")
    return [Pair(stem, photos[stem], label_maps[stem]) for stem in sorted(photos)]


def _files(source: Path, part: str, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The files of a folder of `source`, or those that fit a pattern, by what pairs them. Raises `UserError` for none."""
    folder = source / part
    if "*" in part:
        found = _fitting(source, part)
        if not found:
            raise UserError(f"no file of {source} fits {part}; say with --layout how the files are called")
        return found
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}{_packed(folder)}; say with --layout how the two are called")
    found = by_stem(folder, suffixes)
    if not found:
        raise UserError(f"there is nothing to import in {folder}: it has no {', '.join(suffixes)} files")
    return found


def _fitting(source: Path, pattern: str) -> dict[str, Path]:
    """The files of `source` that fit `pattern`, by what its last * stands for."""
    whole = re.compile("([^/]*)".join(map(re.escape, pattern.split("*"))))
    found: dict[str, Path] = {}
    for path in sorted(source.glob(pattern)):
        match = whole.fullmatch(path.relative_to(source).as_posix())
        if match is None or path.name.startswith(".") or not path.is_file():
            continue
        name = composed(match.groups()[-1])
        if name in found:
            raise UserError(f"{found[name]} and {path} both stand for {name!r}; keep one file per name")
        found[name] = path
    return found


def _packed(path: Path) -> str:
    """A clause when `path`, or a file where the first folder of it is missing, is an archive still to be unpacked, else ""."""
    missing, folder = path, path.parent
    while not folder.is_dir() and folder != folder.parent:
        missing, folder = folder, folder.parent
    here = (
        [path] if path.is_file() else sorted(folder.glob("*.zip"), key=lambda a: (missing.name not in a.stem, a.name))
    )
    for archive in here:
        if looks_like(archive) == "a ZIP archive":
            state = "unpack it" if zipfile.is_zipfile(archive) else "it is not complete: download it again"
            return f", but {archive.name} is a ZIP archive ({state})"
    return ""


def constant_suffix(stems: Collection[str]) -> str:
    """What all stems end in beside the name of the picture: "_mask" of a_mask and b_mask; "" when they do not.

    Known words of data sets and tools, one or several; else the last part, of three stems or more.
    """
    ends = {match[0] if (match := _WORDS.search(stem)) else "" for stem in stems}
    if len(ends) == 1 and (end := ends.pop()):
        return end
    ends = {match[0] if (match := _LAST_PART.search(stem)) else "" for stem in stems}
    return ends.pop() if len(ends) == 1 and len(stems) >= 3 else ""


def _without_suffix(files: dict[str, Path]) -> dict[str, Path]:
    suffix = constant_suffix(files)
    if suffix:
        LOG.warning("%s is left out of the names in %s", suffix, next(iter(files.values())).parent)
    return {stem.removesuffix(suffix): path for stem, path in files.items()}


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


def fitted(label_map: LabelMap, file: str, photo: str, size: tuple[int, int], turned: int) -> LabelMap:
    """Return the label map of `file` at the `size` (height, width) of its photograph `photo`, which has its aspect.

    turned: the EXIF orientation that the photograph was turned upright from (`images.read_turned`). Label maps have none,
    so one that fits by its size may still be upside down: a note says so. Raises `UserError` if the aspects differ, naming
    EXIF where it is the cause.
    """
    (height, width), (rows, columns) = size, label_map.shape
    if _alike(rows, columns, height, width):
        if turned != 1:
            LOG.warning(
                "the photograph %s is turned upright as its EXIF orientation says, its label map %s is not turned: "
                "look whether they agree",
                photo,
                file,
            )
        return label_map if label_map.shape == size else resize_label_map(label_map, size)
    sizes = f"{photo} is {width}×{height} pixels but {file} is {columns}×{rows} (width × height)"
    if turned >= 5 and _alike(columns, rows, height, width):
        raise UserError(
            f"{sizes}: the photograph is turned upright as its EXIF orientation ({turned}) says, the label map is not; turn "
            "the label map as well, or remove the orientation from the photograph"
        )
    turned_by_hand = ": was one of them turned?" if _alike(columns, rows, height, width) else ""
    raise UserError(f"{sizes}; a photograph and its map must be of one size, or at least of one aspect{turned_by_hand}")


def _alike(height: int, width: int, other_height: int, other_width: int) -> bool:
    """Whether two sizes have one aspect, but for rounding to whole pixels."""
    return abs(height * other_width - width * other_height) <= max(other_height, other_width) / 2


def some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
