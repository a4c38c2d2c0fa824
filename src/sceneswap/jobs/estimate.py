"""Label maps estimated for many photographs: a pure function of a photograph, for any engine."""

from dataclasses import dataclass
from pathlib import Path

from sceneswap.errors import UserError
from sceneswap.images import read_photo, write_png
from sceneswap.inference.labelling import Labeller
from sceneswap.labels import io
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import inside


@dataclass(frozen=True)
class Photograph:
    """A photograph and the files to write: its label map, and that in colours."""

    photo: Path
    label_map: Path
    colors: Path


@dataclass(frozen=True)
class Estimator:
    """Writes the label maps of photographs. long_side: of the maps in pixels; None: as the photographs are."""

    labeller: Labeller
    schema: LabelSchema
    long_side: int | None = None

    def __call__(self, one: Photograph) -> str:
        """Estimate and write; return why it could not be, "" when it was. Raises `UserError` when a file cannot be written."""
        try:
            label_map = self.labeller.label(read_photo(one.photo, at_least=self.long_side))
        except UserError as error:
            return str(error)
        if self.long_side is not None:
            label_map = io.resize_label_map(label_map, inside(label_map.shape, self.long_side))
        io.write_label_map(one.label_map, label_map, self.schema)
        write_png(one.colors, io.colorize(label_map, self.schema))
        return ""

    def lost(self, one: Photograph, why: str) -> str:
        """What is said of a photograph that no engine could get read."""
        return f"{one.photo} could not be read: {why}; look whether it is too large"
