"""Scenes from folders of photographs and label maps.

    my_data/
      schema.toml        which ids the files hold: one line  preset = "ade20k-150-1based",  or a whole schema
      images/beach.jpg   labels/beach.png        equal stems belong together

A folder made by `sceneswap data import --in-place` has schema.toml and index.json, which says where the files are.

Everything that can be wrong without opening a picture is said when the data set is made, before any training.
"""

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneswap.data.chosen import selected, void_share
from sceneswap.data.in_place import is_in_place, read_index
from sceneswap.data.pairing import by_stem, composed, fitted, some
from sceneswap.errors import UserError
from sceneswap.files import open_regular, parse_toml, read_text, reading_error
from sceneswap.images import PHOTO_SUFFIXES, read_turned
from sceneswap.labels.io import SUFFIXES as LABEL_SUFFIXES
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.remote import place
from sceneswap.scene import LabelMap, Scene

_END = 4096  # bytes
_SUMMED = 20_000  # scenes at most whose ends a fingerprint reads
_LOSSY_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".heic", ".heif")


@dataclass(frozen=True)
class Source:
    """What the files of one root hold, and the index of each of its classes in the data set's schema."""

    schema: LabelSchema
    mapping: NDArray[np.int16]  # (C_files + 1,)


@dataclass(frozen=True)
class _Item:
    name: str
    root: str  # name of the data folder
    photo: Path
    label_map: Path
    source: Source


class FolderDataset:
    """The scenes of one or more folders, label maps converted into one schema. Order: roots as given, then stems.

    roots: folders with `images/`, `labels/` and `schema.toml` (or with an index of files elsewhere). schema: the classes
    of the label maps handed out; classes of a folder without a counterpart become void. only: keep these stems (or
    `folder/stem`) alone, for fixed splits. cache: keep decoded scenes in memory until `cache_bytes` are used. Safe to read
    from several threads.

    Raises `UserError` in the constructor for a missing or empty folder, photos and maps that do not pair up and a
    missing or wrong `schema.toml`; when reading for damaged files, foreign ids and a photo and map that differ in aspect.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        schema: LabelSchema,
        *,
        only: Sequence[str] | None = None,
        cache: bool = False,
        cache_bytes: int = 2 * 2**30,
    ) -> None:
        if not roots:
            raise UserError("no data folder was given; name at least one folder with images/, labels/ and schema.toml")
        self.schema = schema
        self._items = [item for root in roots for item in _scan(place(root), schema)]
        if only is not None:
            self._items = [self._items[number] for number in selected(self.titles, only)]
        self._cache: dict[int, Scene] = {}
        self._cache_left = cache_bytes if cache else 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def label_maps(self) -> tuple[Path, ...]:
        """The label map file of each scene."""
        return tuple(item.label_map for item in self._items)

    @property
    def names(self) -> tuple[str, ...]:
        """The photo file of each scene; `Scene.name` of what `dataset[i]` returns."""
        return tuple(str(item.photo) for item in self._items)

    @property
    def titles(self) -> tuple[str, ...]:
        """Folder and stem of each scene, as `only` may name it: `my_data/beach`."""
        return tuple(f"{composed(item.root)}/{item.name}" for item in self._items)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of all scenes."""
        return tuple(path for item in self._items for path in (item.photo, item.label_map))

    def fingerprint(self) -> str:
        """SHA-256 of what tells these scenes from others: schemas, order, names, sizes and both ends of every file.

        The ends stand for the content: a PNG's last bytes hold the checksum of its pixels, and copies stay the same
        whatever their dates. Of more than 20,000 scenes the ends of every second, third, … are read, of all the names and
        sizes. Raises `UserError` when a file cannot be read.
        """
        digest = hashlib.sha256()
        sources = {id(item.source): item.source for item in self._items}
        schemas = {key: json.dumps(one.schema.to_dict(), sort_keys=True) for key, one in sources.items()}
        step = -(-len(self._items) // _SUMMED)
        for number, item in enumerate(self._items):
            ends = number % step == 0
            prints = f"{file_print(item.photo, ends)}\n{file_print(item.label_map, ends)}"
            digest.update(f"{schemas[id(item.source)]}\n{prints}\n".encode())
        return digest.hexdigest()

    def __getitem__(self, index: int) -> Scene:
        """Read scene `index` (0 … len-1), its label map in the data set's schema."""
        if not 0 <= index < len(self._items):
            raise IndexError(f"scene {index} of a data set of {len(self._items)}")
        if index in self._cache:
            return self._cache[index]
        scene = _read(self._items[index])
        size = scene.photo.nbytes + scene.label_map.nbytes
        with self._lock:
            if size <= self._cache_left and index not in self._cache:
                self._cache[index] = scene
                self._cache_left -= size
        return scene

    def void_share(self, most: int = 64) -> float:
        """Return the share of void, 0 … 1, in at most `most` of the label maps, evenly spread.

        Raises `UserError` when every label map of the data set is void everywhere.
        """
        return void_share(lambda index: _read_labels(self._items[index]), len(self), self.schema, most)


def read_folder_schema(root: Path) -> LabelSchema:
    """Read `schema.toml` of a data folder: a line `preset = "name"`, or a whole schema.

    Raises `UserError` when it is missing or says neither.
    """
    path = root / "schema.toml"
    hint = 'write one line such as  preset = "ade20k-150-1based"  that names what its label maps hold'
    if not path.exists():
        raise UserError(f"{path} is missing; {hint}")
    try:
        content = parse_toml(read_text(path, ""))
    except ValueError as error:
        raise UserError(f"{path} cannot be read as TOML ({error}); {hint}") from error
    if "preset" not in content:
        if not content:
            raise UserError(f"{path} is empty; {hint}")
        return load_schema(str(path))
    if len(content) > 1:
        extra = ", ".join(sorted(set(content) - {"preset"}))
        raise UserError(f"{path} names a preset and also {extra}; keep the preset line alone or write a whole schema")
    if not isinstance(content["preset"], str):
        raise UserError(f"{path}: preset must be a name in quotes; {hint}")
    try:
        return load_schema(content["preset"])
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def schema_beside(label_map: Path) -> LabelSchema | None:
    """What the schema.toml in the folder of a label map, or in the folder above, says its numbers mean; None without one.

    Raises `UserError` when it says nothing that can be understood.
    """
    folder = label_map.absolute().parent
    root = next((one for one in (folder, folder.parent) if (one / "schema.toml").is_file()), None)
    return read_folder_schema(root) if root else None


def _scan(root: Path, schema: LabelSchema) -> list[_Item]:
    """Pair the files of one root and check what can be checked by name."""
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; name a folder with images/, labels/ and schema.toml")
    if is_in_place(root):
        return _indexed(root, schema)
    for part in ("images", "labels"):
        if not (root / part).is_dir():
            raise UserError(f"{root} has no folder {part}/; put photos into images/ and label maps into labels/")
    source = _source_of(root, schema)
    photos = by_stem(root / "images", PHOTO_SUFFIXES)
    lossy = sorted(path.name for path in (root / "labels").iterdir() if path.suffix.lower() in _LOSSY_SUFFIXES)
    if lossy:
        raise UserError(f"{root / 'labels'} holds {some(lossy)}: lossy files change ids; save label maps as PNG")
    label_maps = by_stem(root / "labels", LABEL_SUFFIXES)
    if not photos and not label_maps:
        raise UserError(f"{root} is empty: no photo in images/ and no label map in labels/; add some pairs")
    alone = sorted(photos.keys() - label_maps.keys())
    if alone:
        raise UserError(
            f"{root}: {len(alone)} of {len(photos)} photos have no label map of the same name in labels/: "
            f"{some([photos[stem].name for stem in alone])}; add the maps or remove the photos"
        )
    alone = sorted(label_maps.keys() - photos.keys())
    if alone:
        raise UserError(
            f"{root}: {len(alone)} of {len(label_maps)} label maps have no photo of the same name in images/: "
            f"{some([label_maps[stem].name for stem in alone])}; add the photos or remove the maps"
        )
    return [_Item(stem, root.name, photos[stem], label_maps[stem], source) for stem in sorted(photos)]


def _source_of(root: Path, schema: LabelSchema) -> Source:
    return source_of(read_folder_schema(root), schema, str(root), str(root / "schema.toml"))


def source_of(own: LabelSchema, schema: LabelSchema, where: str, said: str) -> Source:
    """What the label maps of a place hold. said: the file that says so. Raises `UserError` when none of it is in `schema`."""
    source = Source(own, own.mapping_to(schema))
    if bool(np.all(source.mapping == schema.void_index)):
        raise UserError(
            f"{where}: no class of its schema {own.name} has a counterpart in {schema.name}; "
            f"choose another schema for the model or correct {said}"
        )
    return source


def _indexed(root: Path, schema: LabelSchema) -> list[_Item]:
    """The scenes of a folder that `data import --in-place` made: its index says where they are."""
    scenes = read_index(root)
    source = _source_of(root, schema)
    items = [_Item(name, root.name, photo, label_map, source) for name, photo, label_map in scenes]
    if not items:
        raise UserError(f"{root} is empty: its index names no scene; import some again")
    if not items[0].photo.is_file():
        raise UserError(
            f"{root} was imported in place, but {items[0].photo} is gone; put the data set back there, or import it again"
        )
    return items


def file_print(path: Path, ends_too: bool = True) -> str:
    """Name and size of a file, and SHA-256 of its first and last bytes if these are wanted too."""
    name = os.fsencode(path.name).hex()
    if not ends_too:
        try:
            return f"{name} {path.stat().st_size}"
        except OSError as error:
            raise reading_error(path, error) from error
    with open_regular(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            ends = file.read(_END)
            file.seek(max(0, size - _END))
            ends += file.read(_END)
        except OSError as error:
            raise reading_error(path, error) from error
    return f"{name} {size} {hashlib.sha256(ends).hexdigest()}"


def _read_labels(item: _Item) -> LabelMap:
    return item.source.mapping[read_label_map(item.label_map, item.source.schema)]


def _read(item: _Item) -> Scene:
    (photo, turned), label_map = read_turned(item.photo), _read_labels(item)
    size = (photo.shape[0], photo.shape[1])
    return Scene(photo, fitted(label_map, str(item.label_map), str(item.photo), size, turned), str(item.photo))
