"""The settings that a picture carries: read, and found again, so that it can be drawn once more or with a change.

A note names files by name and SHA-256 and tells no folder (`jobs/note.py`); they are looked for beside the picture and where
the command runs, two folders down.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from sceneswap.errors import UserError
from sceneswap.files import parse_json, sha256
from sceneswap.images import read_picture_text

_PLACES = ("", "*/", "*/*/")


def read_note(picture: Path) -> dict[str, Any]:
    """What the picture says of how it was made. Raises `UserError` when it says nothing, or nothing that can be read."""
    texts = read_picture_text(picture)
    if "sceneswap" not in texts:
        raise UserError(f"{picture} carries no settings: sceneswap did not draw it, or another program has saved it")
    try:
        note = parse_json(texts["sceneswap"])
        others = {key: parse_json(text) for key, text in texts.items() if key == "interpolation"}
    except ValueError as error:
        raise UserError(f"the settings in {picture} cannot be read: {error}") from error
    if not isinstance(note, dict):
        raise UserError(f"the settings in {picture} cannot be read: they are no table")
    return note | others


@dataclass(frozen=True)
class Recalled:
    """The settings of a picture that has one layout and one look."""

    picture: Path
    note: Mapping[str, Any]

    def check_model(self, weights_sha256: str) -> None:
        """Raise `UserError` unless these are the weights that drew the picture."""
        if self._of("model", "weights_sha256") != weights_sha256:
            raise UserError(
                f"{self.picture} was drawn by another model, {self._of('model', 'name')}; name its folder, or the one to draw "
                "with now, with --model"
            )

    @property
    def precision(self) -> str:
        """In which the picture was drawn."""
        return str(self._of("model", "precision"))

    @property
    def long_side(self) -> int | None:
        """The longer side that was asked for, in pixels."""
        side = self._table("label_map").get("long_side")
        return side if isinstance(side, int) and not isinstance(side, bool) else None

    def read_off_photo(self, what: str) -> bool:
        """Whether no file gave the label map `what`: it was estimated from a photograph, or a saved look needed none."""
        return not self._table(what) or "estimated_by" in self._table(what)

    def schema(self, what: str) -> str | None:
        """The schema of the label map `what`, unless it is the model's own."""
        name = self._table(what).get("schema")
        return None if name is None or "schema_sha256" not in self._table(what) else str(name)

    def file(self, what: str, option: str) -> Path:
        """The file `what` (`label_map`, `exemplar` …), found by name and hash. Raises `UserError` naming `option`."""
        name, wanted = str(self._of(what, "file")), self._of(what, "sha256")
        if not name or Path(name).name != name:
            raise UserError(f"the settings in {self.picture} cannot be read: {name!r} is no file name")
        roots = dict.fromkeys((self.picture.resolve().parent, Path.cwd()))
        near = [path for root in roots for place in _PLACES for path in sorted(root.glob(f"{place}{escape(name)}"))]
        for path in near:
            if path.is_file() and sha256(path) == wanted:
                return path
        state = f"only another file of that name is there, {near[0]}" if near else "it is not there"
        raise UserError(
            f"{self.picture} was drawn from {name}: {state} (looked for beside the picture and here, two folders down); "
            f"name it with {option}"
        )

    def _table(self, what: str) -> Mapping[str, Any]:
        table = self.note.get(what, {})
        if not isinstance(table, dict):
            raise UserError(f"the settings in {self.picture} cannot be read: {what} is no table")
        return table

    def _of(self, what: str, key: str) -> Any:
        value = self._table(what).get(key)
        if value is None:
            raise UserError(f"the settings in {self.picture} do not say the {key} of the {what.replace('_', ' ')}")
        return value


def recall(picture: Path) -> Recalled:
    """The settings of a picture to draw again. Raises `UserError` for pictures of several looks, and of none."""
    note = read_note(picture)
    if "exemplar" not in note or "label_map" not in note:
        raise UserError(
            f"{picture} was not drawn from one layout in one look, as --like needs; `sceneswap note` shows its settings"
        )
    return Recalled(picture, note)
