"""What a folder of label maps holds: which files break the schema, and how often each class occurs."""

import os
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.files import reading_error
from sceneswap.filetype import passed_over
from sceneswap.images import PHOTO_SUFFIXES
from sceneswap.labels.convention import encode, likely_convention, shift_suspicion
from sceneswap.labels.io import SUFFIXES, read_values
from sceneswap.labels.polygons import is_labelme
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.scene import LabelMap

_SUFFIXES = {*SUFFIXES, *PHOTO_SUFFIXES}


@dataclass
class Census:
    """The classes in a number of label maps.

    pixels, maps: (C+1,) int64, per class index (void last) the pixels and the number of maps that hold it.
    faults: one sentence for each map that could not be read. values: the file values that occur in all of them.
    """

    schema: LabelSchema
    pixels: NDArray[np.int64] = field(init=False)
    maps: NDArray[np.int64] = field(init=False)
    files: int = 0
    faults: list[str] = field(default_factory=list)
    values: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pixels = np.zeros(self.schema.num_classes + 1, dtype=np.int64)
        self.maps = np.zeros_like(self.pixels)

    def add(self, path: Path) -> None:
        """Count the label map in the file `path`, or note why it cannot be read."""
        self.files += 1
        try:
            values = read_values(path, self.schema)
            self.values.update(np.unique(values).tolist())
            label_map = encode(values, self.schema, str(path))
        except UserError as error:
            self.faults.append(str(error))
            return
        self.count(label_map)

    def count(self, label_map: LabelMap) -> None:
        """Add one label map of class indices."""
        counts = np.bincount(label_map.ravel(), minlength=len(self.pixels))
        self.pixels += counts
        self.maps += counts > 0

    @property
    def shares(self) -> NDArray[np.float64]:
        """(C+1,) the share of all pixels of each class, 0 … 1, void last."""
        return self.pixels / max(1, int(self.pixels.sum()))

    @property
    def hint(self) -> str:
        """A clause on what all the maps together look like, when that may be another schema; else ""."""
        if self.values <= self.schema.index_of_value.keys():
            return shift_suspicion(self.schema, self.values, self.files)
        return likely_convention(self.schema, self.values)


def take_census(paths: Iterable[Path], schema: LabelSchema) -> Census:
    """Read every label map of `paths` under `schema` and count its classes; unreadable maps are noted, not raised."""
    census = Census(schema)
    for path in paths:
        census.add(path)
    return census


def find_label_maps(source: Path) -> list[Path]:
    """Return the file `source`, or every label map of the folder `source` and its subfolders, sorted.

    Pictures that cannot be label maps (JPEG …) are listed too, so that reading them says why; hidden files are not, and
    a note says what else is passed over. Raises `UserError` when there is nothing, or a folder cannot be read.
    """
    return _all_read(look_for(source, "label maps", _SUFFIXES))


def find_mendable(source: Path) -> list[Path]:
    """As `find_label_maps`, the shapes of labelme (.json) among them; pictures beside such a file are what was labelled."""
    if source.is_file():
        return [source]
    found = _all_read(look_for(source, "label maps", {*_SUFFIXES, ".json"}))
    shapes = {path.with_suffix("") for path in found if path.suffix.lower() == ".json" and is_labelme(path)}
    return [path for path in found if (path.suffix.lower() == ".json") == (path.with_suffix("") in shapes)]


def find_photographs(source: Path) -> list[Path]:
    """Return the file `source`, or every photograph of the folder `source`; otherwise as `find_label_maps`."""
    return _all_read(look_for(source, "photographs", PHOTO_SUFFIXES))


def look_for(
    source: Path, what: str = "label maps", suffixes: Container[str] = _SUFFIXES
) -> tuple[list[Path], list[str]]:
    """As `find_label_maps`, with a sentence for each folder that cannot be read in place of an error."""
    if source.is_file():
        return [source], []
    if not source.is_dir():
        raise UserError(f"{source} does not exist; name a file or a folder of {what}")
    faults: list[str] = []
    files = list(_visible_files(source, lambda error: faults.append(str(reading_error(Path(error.filename), error)))))
    found = sorted(path for path in files if path.suffix.lower() in suffixes)
    others = passed_over((path for path in files if path.suffix.lower() not in suffixes), f"{what} that can be read")
    if not found and not faults:
        but = f", but {others}" if others else ""
        raise UserError(f"there are no {what} in {source}{but}; name another folder")
    if others:
        LOG.warning("passed over in %s: %s", source, others)
    return found, faults


def _all_read(found: tuple[list[Path], list[str]]) -> list[Path]:
    paths, faults = found
    if faults:
        raise UserError(faults[0])
    return paths


def _visible_files(folder: Path, on_error: Callable[[OSError], None]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))
