"""What a model does with files and sizes, whatever runs its network. No PyTorch here."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sceneswap.config import MOST_PIXELS
from sceneswap.errors import UserError
from sceneswap.images import read_photo
from sceneswap.labels.io import read_label_map, resize_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap, Scene

DEFAULT_WORKING_SIZE = 256
"""Exemplars are brought to the area of a square of this side when a model's record does not tell its training size."""

LABEL_SIDE = 1024
"""The longer side, in pixels, at which classes are told apart at most; larger label maps are enlarged from there."""


class Encoded(Protocol):
    """What all looks have, however they are held: `inference.look.Look`, or the look of an exported model. See there."""

    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> LabelSchema: ...

    @property
    def model(self) -> str: ...


class Reading:
    """Reads scenes and label maps in a model's schema, and brings them to sizes that its network takes.

    schema: the model's. working_size: the side of the square whose area exemplars are brought to. stride: sides of what
    the network takes are multiples of it.
    """

    schema: LabelSchema
    working_size: int

    @property
    def stride(self) -> int:
        """Height and width of what the network takes must be multiples of this."""
        raise NotImplementedError

    def read_label_map(self, path: Path | str, schema: LabelSchema | str | None = None) -> LabelMap:
        """Read a label map file of `schema` (the model's own by default) as (H, W) indices of the model's schema.

        Classes that the model does not know become void. Raises `UserError`, also when nothing but void is left.
        """
        path, source = Path(path), self._schema_of(schema)
        label_map = read_label_map(path, source)
        converted = source.convert(label_map, self.schema)
        if np.all(converted == self.schema.void_index):
            if np.all(label_map == source.void_index):
                raise UserError(f"the label map {path} is void everywhere; give at least one area a class")
            raise UserError(
                f"no class in the label map {path} has a counterpart in the model's schema {self.schema.name}: all of it "
                f"would be void; check that {source.name} is the right schema, or use another model"
            )
        return converted

    def read_scene(self, photo: Path | str, label_map: Path | str, schema: LabelSchema | str | None = None) -> Scene:
        """Read a photograph and its label map of `schema`; see `read_label_map`.

        A map of the same aspect is brought to the photograph's size. Raises `UserError` if the aspects differ.
        """
        pixels, labels = read_photo(Path(photo)), self.read_label_map(label_map, schema)
        (height, width), (rows, columns) = pixels.shape[:2], labels.shape
        if abs(rows * width - columns * height) > max(height, width) / 2:  # by more than rounding to whole pixels
            raise UserError(
                f"{photo} is {width}×{height} pixels but {label_map} is {columns}×{rows}; a photograph and its label map "
                "must be of one size, or at least of one aspect"
            )
        return Scene(pixels, resize_label_map(labels, (height, width)), str(photo))

    def working_shape(self, shape: tuple[int, int], size: int | None = None) -> tuple[int, int]:
        """(height, width) at which `encode` reads an exemplar of `shape`.

        The multiples of the stride nearest to `shape` scaled to the area size², at least one stride each.
        """
        scale = (size or self.working_size) / (shape[0] * shape[1]) ** 0.5
        height, width = (max(1, round(side * scale / self.stride)) * self.stride for side in shape)
        return height, width

    def _padded(self, array: NDArray[Any]) -> NDArray[Any]:
        """Extend the last two axes to sides that the network can draw, repeating the edge."""
        sides = [(0, _missing(side, self.stride)) for side in array.shape[-2:]]
        return np.pad(array, [(0, 0)] * (array.ndim - 2) + sides, "edge")

    def _check(self, label_map: LabelMap) -> None:
        if label_map.ndim != 2 or label_map.dtype.kind not in "iu" or not label_map.size:
            raise UserError(f"a label map is (height, width) integers, not {label_map.shape} {label_map.dtype}")
        if label_map.min() < 0 or label_map.max() > self.schema.void_index:
            raise UserError(
                f"the label map holds indices {label_map.min()} … {label_map.max()}, but the model's schema "
                f"{self.schema.name} has 0 … {self.schema.void_index}; read files with read_label_map"
            )

    def _schema_of(self, schema: LabelSchema | str | None) -> LabelSchema:
        if schema is None:
            return self.schema
        return load_schema(schema) if isinstance(schema, str) else schema


def trained_size(record: dict[str, Any]) -> int | None:
    """The side that photographs had in the last phase of a training record, None if it does not say.

    The global task shows whole photographs at half of image_size, the others parts of photographs of that size.
    """
    try:
        last = record["config"]["phases"][-1]
        size, whole = last["image_size"], last.get("task", "global") == "global"
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
    if type(size) is not int or not 2 <= size <= MOST_PIXELS:
        raise UserError(
            f"the model's record of training names an image_size of {size!r}; fetch or export the model again"
        )
    return size // (2 if whole else 1)


def _missing(side: int, stride: int) -> int:
    """Pixels to add to `side`: up to a multiple of the stride, two at least (a single one has no variance to normalise)."""
    return max(2 * stride, -(-side // stride) * stride) - side
