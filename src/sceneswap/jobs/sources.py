"""The files that commands are given: which photographs, with which label maps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sceneswap.data.folder import FolderDataset, read_folder_schema
from sceneswap.data.in_place import is_in_place
from sceneswap.data.pairing import composed
from sceneswap.errors import UserError, counted
from sceneswap.files import LOOK_SUFFIX, is_look
from sceneswap.filetype import passed_over
from sceneswap.images import PHOTO_SUFFIXES
from sceneswap.labels.io import SUFFIXES as LABEL_SUFFIXES
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.pictures import evenly_spread
from sceneswap.remote import place


@dataclass(frozen=True)
class Source:
    """The files of a scene and the schema of its label map. name: unique among the scenes of a job.

    photo: or a saved look. label_map: None when it is to be estimated. schema: None for what the reader takes label maps
    to hold.
    """

    name: str
    photo: Path
    label_map: Path | None = None
    schema: LabelSchema | None = None

    @property
    def files(self) -> tuple[Path | None, Path | None]:
        """The files that are read."""
        return self.photo, self.label_map


def find_sources(
    inputs: Sequence[Path],
    *,
    labels: Path | None = None,
    schema: LabelSchema,
    file_schema: LabelSchema | None = None,
    limit: int | None = None,
    maps: bool = False,
) -> tuple[list[Source], int]:
    """Find scenes and saved looks, at most `limit` (None: all), evenly spread; return them and how many there were.

    inputs: folders with images/, labels/ and schema.toml; photographs and saved looks, and plain folders of them. The
    maps of such photographs lie in `labels` under the same stem; without `labels` they are to be estimated. schema: of the
    model. file_schema: of the maps in `labels`; None: left to the reader. maps: label maps may stand where photographs do;
    they come as the `photo` of a source, and the reader tells them apart.
    Raises `UserError` when photographs and maps do not pair up.
    """
    if labels is not None and not labels.is_dir():
        raise UserError(f"--labels {labels} is not a folder; name the folder with the label maps of the photographs")
    found: list[tuple[Path, Path | None, LabelSchema | None]] = []
    for path in inputs:
        if (path / "images").is_dir() or is_in_place(path):
            own, scenes = read_folder_schema(path), FolderDataset([path], schema)
            files = zip(scenes.names, scenes.label_maps, strict=True)
            found += [(place(photo), label_map, own) for photo, label_map in files]
        else:
            for photo in _photos(path, LABEL_SUFFIXES if maps else ()):
                found.append((photo, _map_of(photo, labels) if labels and not is_look(photo) else None, file_schema))
    if not found:
        raise UserError("there is nothing to swap; name a folder with images/, labels/ and schema.toml, or photographs")
    if file_schema is not None and labels is None and not maps:
        raise UserError("--schema is for the maps in --labels; a folder says its own in schema.toml")
    chosen = evenly_spread(found, limit)
    names = unique_names(stem(photo) for photo, _, _ in chosen)
    return [Source(name, *files) for name, files in zip(names, chosen, strict=True)], len(found)


def pair_up(
    photos: Sequence[Path], label_maps: Sequence[Path], schema: LabelSchema | None = None, least: int = 2
) -> list[Source]:
    """Exemplars from photographs and their label maps in the same order, or without any, to estimate them.

    A saved look among the photographs has no label map. Raises `UserError` when they do not pair up.
    """
    wanted = sum(not is_look(photo) for photo in photos)
    if label_maps and wanted != len(label_maps):
        raise UserError(
            f"{counted(wanted, 'photograph')} and {counted(len(label_maps), 'label map')} of exemplars do not "
            "pair up; give one for each, in order"
        )
    if len(photos) < least:
        raise UserError(f"this takes at least {least} exemplars, not {len(photos)}; name more with --exemplars")
    maps = iter(label_maps)
    names = unique_names(stem(photo) for photo in photos)
    return [Source(n, p, None if is_look(p) else next(maps, None), schema) for n, p in zip(names, photos, strict=True)]


def stem(exemplar: Path) -> str:
    """The name of an exemplar's file without its suffix; `dusk` of `dusk.look.safetensors` too."""
    return exemplar.name[: -len(LOOK_SUFFIX)] if is_look(exemplar) else exemplar.stem


def unique_names(names: Iterable[str]) -> list[str]:
    """Names for files of one folder: one that came before, in upper or lower case, gets the first free of -2, -3 …"""
    taken: dict[str, str] = {}
    for name in names:
        free = (f"{name}-{number}" if number > 1 else name for number in count(1))
        chosen = next(one for one in free if one.casefold() not in taken)
        taken[chosen.casefold()] = chosen
    return list(taken.values())


def _photos(path: Path, further: Sequence[str] = ()) -> list[Path]:
    """The photograph or saved look `path`, or those of a plain folder. further: suffixes of other files to take."""
    if not path.exists():
        raise UserError(f"{path} does not exist; name photographs, or a folder with images/, labels/ and schema.toml")
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.name[0] != "." and not p.is_dir())
    photos = [p for p in files if p.suffix.lower() in (*PHOTO_SUFFIXES, *further) or is_look(p)]
    others = passed_over(sorted(set(files) - set(photos)))
    if not photos:
        but = f", but {others}" if others else ""
        raise UserError(f"the folder {path} has no folder images/ and holds no photographs{but}; name another one")
    if folders := sum(p.is_dir() and p.name[0] != "." for p in path.iterdir()):
        others = ", ".join(filter(None, [others, f"{counted(folders, 'folder')} (name them to read them)"]))
    if others:
        LOG.warning("passed over in %s: %s", path, others)
    return photos


def _map_of(photo: Path, folder: Path) -> Path:
    """The label map of the same stem as `photo` in `folder`."""
    maps = [path for path in (folder / f"{photo.stem}{suffix}" for suffix in LABEL_SUFFIXES) if path.is_file()]
    maps = maps or [  # the same letters spelled otherwise, as systems differ
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in LABEL_SUFFIXES and composed(path.stem) == composed(photo.stem)
    ]
    if not maps:
        raise UserError(f"the photograph {photo} has no label map {photo.stem}.png in {folder}; add it there")
    return maps[0]
