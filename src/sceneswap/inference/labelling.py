"""What estimates label maps of photographs: the head of a model, or a segmentation network (one comes with the package)."""

import os
from pathlib import Path
from typing import Protocol

import numpy as np

from sceneswap.errors import UserError
from sceneswap.inference.segmentation import SEGMENTER_WEIGHTS, Segmenter, load_segmenter, shipped_segmenter
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import shrink
from sceneswap.scene import LabelMap, Photo
from sceneswap.tensors import to_unit

_SEGMENTED_SIDE = 640  # pixels that a segmenter names classes for, at most: its logits may have 182 channels


class Labeller(Protocol):
    """Estimates label maps. record: the network and the SHA-256 of its weights, for notes and protocols."""

    @property
    def record(self) -> dict[str, str]: ...

    def label(self, photo: Photo) -> LabelMap:
        """A photograph (H, W, 3) uint8 of any size → (H, W) indices of the schema it was made for, void = C."""
        ...


class HeadLabeller:
    """The label head of a model. Raises `UserError` when it has none."""

    def __init__(self, synthesizer: Synthesizer) -> None:
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
        said = self._segmenter.segment(to_unit([shrink(photo, _SEGMENTED_SIDE)]))[0]
        return resize_label_map(self._mapping[said], (photo.shape[0], photo.shape[1]))


def choose_labeller(synthesizer: Synthesizer, segmenter: str | Path | None = None) -> Labeller:
    """The segmenter that is named (see `load_segmenter`), else the model's label head.

    A model without one takes the network in SCENESWAP_SEGMENTER, else the one that comes with the package. Raises
    `UserError` when the network cannot be loaded, or names no class of the model's schema.
    """
    if segmenter is None and synthesizer.estimates_labels:
        return HeadLabeller(synthesizer)
    if segmenter or os.environ.get(SEGMENTER_WEIGHTS.variable):
        return SegmenterLabeller(load_segmenter(segmenter, device=synthesizer.device), synthesizer.schema)
    return SegmenterLabeller(shipped_segmenter(synthesizer.device), synthesizer.schema)
