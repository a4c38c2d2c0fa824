"""Does a drawing hold its layout, by the eyes of a segmenter, and is it more than a copy of its exemplar?"""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from sceneswap.evaluation.metrics.metric import Drawings, Metric
from sceneswap.inference.segmentation import Segmenter, agreement
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap


class LayoutAgreement:
    """Agreement of a segmentation of the drawing with the label map it was drawn from.

    Both are brought to one list of classes: the evaluation's own where it is the segmenter's, else `outdoor`. Pixels
    that are void there, or of a class that the segmenter cannot say, are not counted.
    """

    def __init__(self, segmenter: Segmenter, schema: LabelSchema) -> None:
        self.segmenter = segmenter
        same = segmenter.schema.names == schema.names
        self.common = schema if same else load_schema("outdoor")
        self._truth, self._said = schema.mapping_to(self.common), segmenter.schema.mapping_to(self.common)
        self._truth[~np.isin(self._truth, self._said)] = self.common.void_index

    def __call__(self, drawings: Drawings) -> list[float]:
        """The share of counted pixels that agree, per picture; 0 where no pixel counts."""
        shares = []
        for truth, said in self.maps(drawings):
            correct, counted = agreement(said, truth, self.common.void_index)
            shares.append(correct / counted if counted else 0.0)
        return shares

    def maps(self, drawings: Drawings) -> Iterator[tuple[LabelMap, LabelMap]]:
        """Per picture what is to be found and what is found, in the common classes."""
        said = np.asarray(self.segmenter.segment(drawings.drawn))
        for one, sample in zip(said, drawings.samples, strict=True):
            yield self.truth(sample.target.label_map), self._said[one]

    def truth(self, label_map: LabelMap) -> LabelMap:
        """A label map of the evaluation in the common classes, what the segmenter cannot say made void."""
        return self._truth[label_map]


def copy_distance(drawings: Drawings) -> Tensor:
    """Mean |drawing - exemplar| over mean |target's photograph - exemplar|, (B,); 0 = the exemplar is copied."""
    to_output = (drawings.drawn - drawings.exemplar).abs().mean(dim=(1, 2, 3))
    return to_output / (drawings.target - drawings.exemplar).abs().mean(dim=(1, 2, 3)).clamp_min(1e-6)


def metrics(segmenter: Segmenter, schema: LabelSchema) -> list[Metric]:
    """Agreement with the layout, and distance from a copy. schema: of the evaluation."""
    agree = LayoutAgreement(segmenter, schema)
    return [
        Metric(
            "layout agreement", "higher",
            f"agreement-1: share of pixels whose segmentation is the label map's class; {segmenter.description}; "
            f"classes of {agree.common.name}; void and classes unknown to the segmenter not counted; mean of pictures",
            agree,
        ),
        Metric(
            "copy distance", "higher",
            "copy-1: mean |drawing - exemplar| / mean |target's photograph - exemplar|, RGB; 0 = the exemplar is copied",
            copy_distance,
        ),
    ]  # fmt: skip
