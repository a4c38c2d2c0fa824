"""What estimates label maps of photographs: the head of a model, or a segmentation network (one comes with the package)."""

import os
from pathlib import Path

import numpy as np

from sceneswap.errors import UserError
from sceneswap.inference.callables import CallableSegmenter, SegmenterFunction
from sceneswap.inference.drawing import Drawing
from sceneswap.inference.reading import Labeller
from sceneswap.inference.segmentation import SEGMENTER_WEIGHTS, Segmenter, load_segmenter, shipped_segmenter
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import shrink
from sceneswap.scene import LabelMap, Photo
from sceneswap.tensors import to_unit

SEGMENTED_SIDE = 640  # pixels that a segmenter names classes for, at most: its logits may have 182 channels


class HeadLabeller:
    """The label head of a model. Raises `UserError` when it has none."""

    def __init__(self, synthesizer: Drawing) -> None:
        synthesizer.check_label_head()
        self._synthesizer = synthesizer
        self.record = {"network": f"label head of {synthesizer.name}", "sha256": synthesizer.weights_sha256}

    def label(self, photo: Photo) -> LabelMap:
        """See `Synthesizer.estimate_labels`."""
        return self._synthesizer.estimate_labels(photo)


class SegmenterLabeller:
    """A segmentation network whose classes are converted into `schema`; those without a counterpart become void."""

    def __init__(self, segmenter: Segmenter, schema: LabelSchema) -> None:
        self._segmenter = segmenter
        self._mapping = segmenter.schema.mapping_to(schema)
        if np.all(self._mapping == schema.void_index):
            raise UserError(
                f"no class of the segmenter ({segmenter.schema.name}) has a counterpart in the schema {schema.name}; "
                "give label maps, or take another segmenter with --segmenter"
            )
        self.record = {"network": segmenter.description, "sha256": segmenter.sha256}

    def label(self, photo: Photo) -> LabelMap:
        """See `Labeller.label`."""
        said = self._segmenter.segment(to_unit([shrink(photo, SEGMENTED_SIDE)]))[0]
        return resize_label_map(self._mapping[said], (photo.shape[0], photo.shape[1]))


def choose_labeller(
    synthesizer: Drawing,
    segmenter: str | Path | Segmenter | SegmenterFunction | None = None,
    schema: LabelSchema | str | None = None,
) -> Labeller:
    """The segmenter that is given or named (see `load_segmenter`), else the model's label head.

    segmenter: also a function, whose answers are of `schema` (see `CallableSegmenter`).
    A model without a head takes the network in SCENESWAP_SEGMENTER, else the one that comes with the package. Raises
    `UserError` when the network cannot be loaded, or names no class of the model's schema.
    """
    if segmenter is None and synthesizer.estimates_labels:
        return HeadLabeller(synthesizer)
    if segmenter is not None and not isinstance(segmenter, str | os.PathLike):
        if isinstance(segmenter, Segmenter):
            return SegmenterLabeller(segmenter, synthesizer.schema)
        if not callable(segmenter):
            raise UserError(f"a segmenter is a name, a path or a function, not {type(segmenter).__name__}")
        return SegmenterLabeller(CallableSegmenter(segmenter, schema, synthesizer.schema), synthesizer.schema)
    if segmenter or os.environ.get(SEGMENTER_WEIGHTS.variable):
        return SegmenterLabeller(load_segmenter(segmenter, device=synthesizer.device), synthesizer.schema)
    return SegmenterLabeller(shipped_segmenter(synthesizer.device), synthesizer.schema)
