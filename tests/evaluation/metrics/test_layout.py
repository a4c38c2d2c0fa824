"""Agreement of a segmentation with the label map, in classes that both know."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneswap.evaluation.methods import PHOTOGRAPH
from sceneswap.evaluation.metrics.layout import LayoutAgreement
from sceneswap.evaluation.metrics.metric import Drawings
from sceneswap.evaluation.pairs import Sample, Scenes, random_pairs
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap


class Constant:
    """Sees one class everywhere."""

    description, sha256 = "constant", "0" * 64

    def __init__(self, schema: str, name: str) -> None:
        self.schema: LabelSchema = load_schema(schema)
        self.answer = self.schema.index_of(name)

    def segment(self, images: Tensor) -> LabelMap:
        return np.full((len(images), *images.shape[-2:]), self.answer, np.int16)


@pytest.fixture
def samples(scenes_folder: Path) -> list[Sample]:
    pairs = random_pairs(Scenes([scenes_folder], 32, load_schema("procedural")), 4, 0)
    return [pairs[i] for i in range(4)]


def agreement(samples: list[Sample], segmenter: Constant, schema: str = "procedural") -> list[float]:
    drawings = Drawings(samples, PHOTOGRAPH.draw(samples), torch.device("cpu"))
    return LayoutAgreement(segmenter, load_schema(schema))(drawings)


def test_share_of_the_class_that_is_said(samples: list[Sample]) -> None:
    schema = load_schema("procedural")
    shares = agreement(samples, Constant("procedural", "grass"))
    for sample, share in zip(samples, shares, strict=True):
        assert share == pytest.approx((sample.target.label_map == schema.index_of("grass")).mean())
    assert max(shares) > 0


def test_void_is_not_counted(samples: list[Sample]) -> None:
    schema = load_schema("procedural")
    label_map = np.full((32, 32), schema.void_index, np.int16)
    label_map[:8] = schema.index_of("grass")
    label_map[8:16] = schema.index_of("road")
    sample = replace(samples[0], target=replace(samples[0].target, label_map=label_map))
    assert agreement([sample], Constant("procedural", "grass")) == [0.5]
    label_map[:] = schema.void_index
    assert agreement([sample], Constant("procedural", "grass")) == [0.0]


def test_classes_unknown_to_the_segmenter_are_not_counted(samples: list[Sample]) -> None:
    """ADE20K has a sky, but neither clouds nor snow: both schemas meet in `outdoor`, and those pixels drop out."""
    procedural = load_schema("procedural")
    label_map = np.full((32, 32), procedural.index_of("clouds"), np.int16)
    label_map[:8] = procedural.index_of("sky-other")
    label_map[8:16] = procedural.index_of("tree")
    sample = replace(samples[0], target=replace(samples[0].target, label_map=label_map))
    assert agreement([sample], Constant("ade20k-150", "sky")) == [0.5]
