"""The restyled copies of one labelled picture: a pure function of the picture, the looks and the settings.

    make = CopyMaker(reader, schema, looks, settings, out)
    made = make(pair)                                     # out/images/beach__1.jpg, out/labels/beach__1.png, …

Whatever calls it, in whatever order, on whatever machine: the files are the same. A copy's picture is written last, after
everything that belongs beside it, and carries the note that tells a finished copy from any other.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sceneswap.data.matlab import read_any_label_map
from sceneswap.data.pairing import Pair
from sceneswap.errors import UserError
from sceneswap.files import parse_json, read_bytes, read_text, sha256, write_bytes, write_json
from sceneswap.guard import keep_files, may_overwrite
from sceneswap.images import read_picture_text, resize_photo, write_picture
from sceneswap.inference.reading import class_shares
from sceneswap.jobs.note import file_note, picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.annotations import Annotations
from sceneswap.jobs.restyle.looks import Looks, NamedLook
from sceneswap.jobs.restyle.plan import DROPPED, Places, RestyleSettings
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import inside
from sceneswap.scene import LabelMap, Photo

State = Literal["drawn", "there", "dropped"]
_NOTE = "sceneswap"  # the keyword of the note, see `picture_note`
_AGREEMENT = "agreement"


@dataclass(frozen=True)
class Copy:
    """What became of a copy. picture, label_map: relative to the folder written. agreement: None where nobody asked."""

    picture: str
    label_map: str
    look: str
    state: State
    agreement: float | None


@dataclass(frozen=True)
class Outcome:
    """What became of a picture: its copies, or why there are none. wanting: copies for which no look is like enough."""

    pair: Pair
    copies: tuple[Copy, ...] = ()
    wanting: int = 0
    left_out: str = ""
    error: str = ""


@dataclass(frozen=True)
class _Planned:
    """A copy to make. beside: what lies beside it, relative to the folder -> bytes."""

    look: NamedLook
    picture: Path
    label_map: Path
    dropped: Path
    note: dict[str, str]
    beside: dict[Path, bytes]


@dataclass(frozen=True)
class CopyMaker:
    """Makes the copies of one picture at a time; threads may share one.

    reader: with the model, and what reads drawn pictures when `agreement` is asked for. schema: of the label maps.
    out: the folder to write to. places: of the copies in it. batch_size: the most copies of a picture drawn at once.
    """

    reader: SceneReader
    schema: LabelSchema
    looks: Looks
    settings: RestyleSettings
    out: Path
    places: Places
    annotations: Annotations = field(default_factory=Annotations)
    batch_size: int = 1

    def __call__(self, pair: Pair) -> Outcome:
        """Make the copies of a picture that are not there yet.

        A picture that cannot be read or drawn is an outcome, and one where a file is in the way that is not ours. Raises
        `UserError` when a file cannot be written.
        """
        try:
            label_map = self._read(pair)
            if label_map is None:
                return Outcome(pair, left_out=f"void to the model in more than {self.settings.max_void:.0%}")
            planned = self._plan(pair, label_map)
            found = [self._found(copy) for copy in planned]
        except UserError as error:
            return Outcome(pair, error=str(error))
        wanting = self.settings.per_image - len(planned)
        size = label_map.shape
        layout = resize_label_map(label_map, inside(size, self.settings.long_side))
        made: list[Copy] = []
        for start in range(0, len(planned), self.batch_size):  # always the same batches: their pictures are, too
            batch, there = planned[start : start + self.batch_size], found[start : start + self.batch_size]
            if all(there):
                made += [copy for copy in there if copy]
                continue
            looks = [copy.look.look for copy in batch]
            try:
                photos = self.reader.synthesizer.draw_batch([layout] * len(looks), looks, batch_size=len(looks))
            except UserError as error:
                return Outcome(pair, tuple(made), wanting, error=str(error))
            made += [
                copy or self._write(new, photo, layout, (size[0], size[1]))
                for copy, new, photo in zip(there, batch, photos, strict=True)
            ]
        return Outcome(pair, tuple(made), wanting)

    def lost(self, pair: Pair, why: str) -> Outcome:
        """What is said of a picture that no engine could get made."""
        return Outcome(pair, error=f"{pair.photo} could not be drawn: {why}; look whether it is too large")

    def _read(self, pair: Pair) -> LabelMap | None:
        """The label map in the model's classes; None if too much of it is void there."""
        known = self.reader.synthesizer.schema
        label_map = self.schema.convert(read_any_label_map(pair.label_map, self.schema), known)
        void = float(np.mean(label_map == known.void_index))
        return None if void == 1 or void > self.settings.max_void else label_map

    def _plan(self, pair: Pair, label_map: LabelMap) -> list[_Planned]:
        synthesizer, settings = self.reader.synthesizer, self.settings
        looks = self.looks.fitting(
            pair.name,
            seed=settings.seed,
            photo_sha256=sha256(pair.photo),
            shares=class_shares(label_map, synthesizer.schema),
            overlap=settings.overlap,
        )
        labels = read_bytes(pair.label_map)
        of = file_note(synthesizer, pair.label_map, self.schema) | {"long_side": settings.long_side}
        planned = []
        for number, look in enumerate(looks[: settings.per_image], start=1):
            picture = self.places.picture(pair, number, settings.suffix)
            label_file = self.places.label_map(pair, number)
            written = {"suffix": settings.suffix, "quality": settings.quality}
            planned.append(
                _Planned(
                    look,
                    picture,
                    label_file,
                    Path(DROPPED, f"{pair.name}__{number}.json"),
                    picture_note(synthesizer, label_map=of, **look.notes, restyle=written),
                    {label_file: labels, **self.annotations.beside(pair, picture)},
                )
            )
        return planned

    def _found(self, copy: _Planned) -> Copy | None:
        """The copy if it is finished; what is missing beside it is added."""
        dropped = self._read_dropped(self.out / copy.dropped)
        if dropped and dropped.get(_NOTE) == parse_json(copy.note[_NOTE]):
            return self._made(copy, "dropped", dropped.get(_AGREEMENT))
        path = self.out / copy.picture
        if not path.exists():
            return None
        text = read_picture_text(path)
        if text.get(_NOTE) != copy.note[_NOTE]:
            keep_files([path])
            return None
        for name, data in copy.beside.items():
            there = self.out / name
            if there.exists() and read_bytes(there) != data and not may_overwrite():
                raise UserError(
                    f"{there} was changed since it was written, or what it is a copy of was; move it away to have it "
                    "written again, or pass --overwrite"
                )
        self._write_beside(copy)
        agreement = text.get(_AGREEMENT)
        return self._made(copy, "there", None if agreement is None else float(agreement))

    def _write(self, copy: _Planned, photo: Photo, layout: LabelMap, size: tuple[int, int]) -> Copy:
        """Keep or drop a picture that has been drawn."""
        agreement = self._agreement(photo, layout) if self.settings.agreement > 0 else None
        path, dropped = self.out / copy.picture, self.out / copy.dropped
        if agreement is not None and agreement < self.settings.agreement:
            for old in (copy.picture, *copy.beside):
                (self.out / old).unlink(missing_ok=True)
            write_json(dropped, {_NOTE: parse_json(copy.note[_NOTE]), _AGREEMENT: agreement})
            return self._made(copy, "dropped", agreement)
        self._write_beside(copy)
        text = copy.note if agreement is None else {**copy.note, _AGREEMENT: json.dumps(agreement)}
        write_picture(path, resize_photo(photo, size), text, quality=self.settings.quality)
        dropped.unlink(missing_ok=True)
        return self._made(copy, "drawn", agreement)

    def _agreement(self, photo: Photo, layout: LabelMap) -> float:
        """The share of the pixels of known class that the drawn picture is read as, to four places."""
        known = layout != self.reader.synthesizer.schema.void_index
        return round(float(np.mean(self.reader.labeller.label(photo)[known] == layout[known])), 4)

    def _write_beside(self, copy: _Planned) -> None:
        for name, data in copy.beside.items():
            path = self.out / name
            if not (path.is_file() and path.read_bytes() == data):
                write_bytes(path, data)

    @staticmethod
    def _read_dropped(path: Path) -> dict[str, Any] | None:
        if not path.exists():
            return None
        try:
            known = parse_json(read_text(path, "the note of a dropped copy"))
        except ValueError:
            known = None
        return known if isinstance(known, dict) else None

    @staticmethod
    def _made(copy: _Planned, state: State, agreement: float | None) -> Copy:
        return Copy(copy.picture.as_posix(), copy.label_map.as_posix(), copy.look.name, state, agreement)


def kept(outcomes: Sequence[Outcome]) -> list[tuple[Pair, Copy]]:
    """The copies that are there, with the picture that each is of."""
    return [(outcome.pair, copy) for outcome in outcomes for copy in outcome.copies if copy.state != "dropped"]
