"""What a model does with files and sizes, whatever runs its network. No PyTorch here."""

import hashlib
import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sceneswap.config import MOST_PIXELS
from sceneswap.data.folder import schema_beside
from sceneswap.data.pairing import fitted
from sceneswap.errors import UserError
from sceneswap.images import read_turned
from sceneswap.inference.given import Given, is_tensor, label_map_of, name_of, photo_of, shows_a_photo, turned_photo_of
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import inside, shrink
from sceneswap.remote import place
from sceneswap.scene import LabelMap, Photo, Scene

DEFAULT_WORKING_SIZE = 256
"""Exemplars are brought to the area of a square of this side when a model's record does not tell its training size."""

LABEL_SIDE = 1024
"""The longer side, in pixels, at which classes are told apart at most; larger label maps are enlarged from there."""

PHOTO_SIDE = 512
"""The longer side, in pixels, of pictures whose layout comes from a photograph, unless another is asked for."""

ENOUGH = 512
"""Pixels of the shorter side at which photographs are read at least, where they have them."""


class Labeller(Protocol):
    """Estimates label maps. record: the network and the SHA-256 of its weights, for notes and protocols."""

    @property
    def record(self) -> dict[str, str]: ...

    def label(self, photo: Photo) -> LabelMap:
        """A photograph (H, W, 3) uint8 of any size → (H, W) indices of the schema it was made for, void = C."""
        ...


class Reading:
    """Reads scenes and label maps in a model's schema, and brings them to sizes that its network takes.

    schema: the model's. working_size: the side of the square whose area exemplars are brought to. stride: sides of what
    the network takes are multiples of it. squares: whether exemplars are resized to that very square, as in training.
    """

    schema: LabelSchema
    working_size: int
    squares: bool = False

    @property
    def stride(self) -> int:
        """Height and width of what the network takes must be multiples of this."""
        raise NotImplementedError

    @property
    def labeller(self) -> Labeller:
        """What estimates label maps of photographs. Raises `UserError` when nothing can."""
        raise NotImplementedError

    def read_label_map(self, given: Given, schema: LabelSchema | str | None = None) -> LabelMap:
        """A label map of `schema`, file or array of ids, as (H, W) indices of the model's schema.

        By default a file holds what a schema.toml in its folder or the one above says, anything else the model's own classes.

        >>> swap.read_label_map(np.array([[2, 4], [26, 0]]), "ade20k-150").shape
        (2, 2)

        Classes that the model does not know become void. Raises `UserError`, also when nothing but void is left.
        """
        source = self._schema_of(schema, given)
        label_map = label_map_of(given, source)
        converted = source.convert(label_map, self.schema)
        if np.all(converted == self.schema.void_index):
            which = f"the label map {given}" if isinstance(given, str | os.PathLike) else "the label map"
            if np.all(label_map == source.void_index):
                raise UserError(f"{which} is void everywhere; give at least one area a class")
            raise UserError(
                f"no class in {which} has a counterpart in the model's schema {self.schema.name}: all of it "
                f"would be void; check that {source.name} is the right schema, or use another model"
            )
        return converted

    def read_scene(self, photo: Path | str, label_map: Path | str, schema: LabelSchema | str | None = None) -> Scene:
        """Read a photograph and its label map of `schema`; see `read_label_map`.

        A map of the same aspect is brought to the photograph's size. Raises `UserError` if the aspects differ.
        """
        return _scene(read_turned(place(photo)), self.read_label_map(label_map, schema), str(photo), str(label_map))

    def scene(
        self, photo: Given | Scene, label_map: Given | None = None, *, schema: LabelSchema | str | None = None
    ) -> Scene:
        """A photograph with its label map, in any form that a call takes: what `encode` takes.

        >>> swap.scene("beach.jpg", np.zeros((3, 4), np.int64)).label_map.shape
        (72, 96)

        label_map: with ids of `schema`, of the photograph's size or aspect; estimated when left out, at 1024 pixels at most.
        Raises `UserError`.
        """
        if isinstance(photo, Scene):
            if label_map is not None:
                raise UserError("a scene has its label map; leave the other out")
            return photo
        name = name_of(photo)
        if label_map is None:
            pixels = shrink(photo_of(photo, at_least=ENOUGH), LABEL_SIDE)
            return labelled(pixels, self.labeller, self.schema, name)
        return _scene(turned_photo_of(photo), self.read_label_map(label_map, schema), name, name_of(label_map))

    def layout(
        self, given: Given | Scene, *, long_side: int | None = None, schema: LabelSchema | str | None = None
    ) -> LabelMap:
        """The layout that a call would draw: (H, W) int16 indices of the model's schema, which `draw` takes.

        >>> swap.layout("beach.jpg", long_side=96).shape
        (72, 96)

        given, long_side, schema: see the call. Raises `UserError`.
        """
        if long_side is not None and long_side < 8:
            raise UserError(f"a long side of {long_side}: a picture needs at least 8 pixels")
        if isinstance(given, Scene):
            label_map, side = given.label_map, long_side
        elif shows_a_photo(given, self._schema_of(schema, given)):
            enough = max(ENOUGH, long_side or 0)
            pixels = shrink(photo_of(given, at_least=enough), max(LABEL_SIDE, enough))
            label_map = labelled(pixels, self.labeller, self.schema, name_of(given)).label_map
            side = long_side or PHOTO_SIDE
        else:
            label_map, side = self.read_label_map(given, schema), long_side
        return label_map if side is None else resize_label_map(label_map, inside(label_map.shape, side))

    def working_shape(self, shape: tuple[int, int], size: int | None = None) -> tuple[int, int]:
        """(height, width) at which `encode` reads an exemplar of `shape`.

        The multiples of the stride nearest to `shape` (or a square) scaled to the area size², at least one stride each.
        """
        shape = (1, 1) if self.squares else shape
        scale = (size or self.working_size) / (shape[0] * shape[1]) ** 0.5
        height, width = (max(1, round(side * scale / self.stride)) * self.stride for side in shape)
        return height, width

    def _padded(self, array: NDArray[Any]) -> NDArray[Any]:
        """Extend the last two axes to sides that the network can draw, repeating the edge."""
        sides = [(0, _missing(side, self.stride)) for side in array.shape[-2:]]
        return np.pad(array, [(0, 0)] * (array.ndim - 2) + sides, "edge")

    def _check(self, label_map: Any) -> LabelMap:
        """A label map of indices, of any integer type, as int16. Raises `UserError` for anything else."""
        array = label_map.detach().cpu().numpy() if is_tensor(label_map) else label_map
        if not isinstance(array, np.ndarray):
            raise UserError(
                f"a label map to draw is (height, width) class indices, not {type(array).__name__}; call the synthesizer "
                "itself, which takes files and photographs too"
            )
        if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
            raise UserError(f"a label map is (height, width) integers, not {array.shape} {array.dtype}")
        if array.min() < 0 or array.max() > self.schema.void_index:
            raise UserError(
                f"the label map holds indices {array.min()} … {array.max()}, but the model's schema "
                f"{self.schema.name} has 0 … {self.schema.void_index}; read files with read_label_map"
            )
        return array.astype(np.int16, copy=False)

    def _schema_of(self, schema: LabelSchema | str | None, label_map: Given) -> LabelSchema:
        if schema is None:
            beside = schema_beside(Path(label_map)) if isinstance(label_map, str | os.PathLike) else None
            return beside or self.schema
        return load_schema(schema) if isinstance(schema, str) else schema


def labelled(photo: Photo, labeller: Labeller, schema: LabelSchema, name: str) -> Scene:
    """A photograph as a scene, its label map estimated. Raises `UserError` when no class of `schema` is seen in it."""
    label_map = labeller.label(photo)
    if np.all(label_map == schema.void_index):
        raise UserError(
            f"no class of the model's schema {schema.name} is seen in the photograph {name}; draw a label map for it"
        )
    return Scene(photo, label_map, name)


def _scene(read: tuple[Photo, int], label_map: LabelMap, photo_name: str, map_name: str) -> Scene:
    """A photograph, with the EXIF orientation that it was turned from, and its label map, brought to its size."""
    photo, turned = read
    return Scene(photo, fitted(label_map, map_name, photo_name, (photo.shape[0], photo.shape[1]), turned), photo_name)


def class_shares(label_map: LabelMap, schema: LabelSchema) -> tuple[float, ...]:
    """(C+1,) the share of a label map's pixels that each class has, 0 … 1, void last."""
    counts = np.bincount(label_map.ravel(), minlength=schema.num_classes + 1)
    return tuple((counts / label_map.size).astype(np.float32).tolist())


def picture_sha256(photo: Photo) -> str:
    """SHA-256 of the pixels of a photograph (H, W, 3), by which a look tells its exemplar."""
    return hashlib.sha256(np.ascontiguousarray(photo).tobytes()).hexdigest()


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
        raise UserError(f"the model's record names an image_size of {size!r}; fetch or export the model again")
    return size // (2 if whole else 1)


def trained_on_squares(record: dict[str, Any]) -> bool:
    """Whether the photographs of training were resized to squares (`TrainConfig.geometry`)."""
    settings = record.get("config")
    return isinstance(settings, dict) and settings.get("geometry") == "whole"


def _missing(side: int, stride: int) -> int:
    """Pixels to add to `side`: up to a multiple of the stride, two at least (a single one has no variance to normalise)."""
    return max(2 * stride, -(-side // stride) * stride) - side
