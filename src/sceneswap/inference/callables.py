"""A function of the user's own as a segmenter: any network, service or rule that says what is where in a photograph."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.inference.given import names_to_ids
from sceneswap.labels.convention import encode
from sceneswap.labels.io import resize_label_map, values_of
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap
from sceneswap.tensors import to_byte_photos

SegmenterFunction: TypeAlias = Callable[[Image.Image], Any]
"""A PIL picture (RGB) → (H, W) ids or class names of its schema: an array, tensor, PIL picture or nested lists."""

_ANSWER = "the answer of the segmenter"


class CallableSegmenter:
    """A function as a `Segmenter`. schema: what its ids or names mean, its own attribute `schema`, else `default`.

    >>> from sceneswap import load_schema
    >>> from sceneswap.tensors import to_unit
    >>> def see(photo):
    ...     return [["sky-other"], ["sea"]]                                # any size, stretched over the photograph
    >>> segmenter = CallableSegmenter(see, None, load_schema("outdoor"))
    >>> segmenter.segment(to_unit([np.zeros((4, 2, 3), np.uint8)]))[0].tolist()
    [[0, 0], [0, 0], [19, 19], [19, 19]]
    """

    def __init__(self, function: SegmenterFunction, schema: LabelSchema | str | None, default: LabelSchema) -> None:
        named = schema if schema is not None else getattr(function, "schema", default)
        self.schema = load_schema(named) if isinstance(named, str) else named
        if not isinstance(self.schema, LabelSchema):
            raise UserError(f"a segmenter's schema is a preset, a file or a LabelSchema, not {type(named).__name__}")
        self._function = function
        self.description = f"function {getattr(function, '__name__', type(function).__name__)}"
        self.sha256 = ""  # nobody can say what a function will answer

    def segment(self, images: Tensor) -> LabelMap:
        """Images (B, 3, H, W) in [0, 1] → (B, H, W) int16 class indices of `schema`, void = C.

        Raises `UserError` when an answer is no (h, w) of ids or names of the schema; what the function raises goes through.
        """
        size = (images.shape[2], images.shape[3])
        answers = [self._function(Image.fromarray(photo)) for photo in to_byte_photos(images)]
        return np.stack([resize_label_map(self._indices(answer), size) for answer in answers])

    def _indices(self, answer: Any) -> LabelMap:
        if isinstance(answer, Image.Image):
            answer = values_of(answer, self.schema, _ANSWER)
        elif isinstance(answer, Tensor):
            answer = answer.detach().cpu().numpy()
        try:
            values = np.asarray(answer)
        except ValueError:  # rows of different lengths
            values = np.empty(0)
        values = values[0] if values.ndim == 3 and len(values) == 1 else values
        if values.ndim != 2 or not values.size or values.dtype.kind not in "iuUOST":
            raise UserError(
                f"{_ANSWER} is {values.shape} {values.dtype}; it must be (height, width) ids or class names of the "
                f"schema {self.schema.name}"
            )
        return encode(values if values.dtype.kind in "iu" else names_to_ids(values, self.schema), self.schema, _ANSWER)
