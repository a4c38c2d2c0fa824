"""Tiny models with random weights, and scenes of blocks, for the tests of this folder."""

import numpy as np
import torch

from sceneswap.checkpoint import Release, folded_copy
from sceneswap.config import load_train_config, to_dict
from sceneswap.labels.schema import LabelSchema, load_schema
from sceneswap.models.build import build_generator
from sceneswap.scene import Scene

SIZES = ((48, 64), (64, 48), (48, 64), (33, 70))


def tiny_release(kind: str = "msca", schema: str = "outdoor", seed: int = 0) -> Release:
    """The `tiny` preset's model with seeded weights whose pictures are not grey."""
    settings = load_train_config("tiny").with_model(kind)  # type: ignore[arg-type]
    known = load_schema(schema)
    torch.manual_seed(seed)
    network = build_generator(settings.model, known.num_classes)
    with torch.no_grad():
        network.synthesis.to_image.weight.mul_(3)
    record = {"name": f"tiny-{kind}", "config": to_dict(settings)}
    return Release(folded_copy(network), settings.model, known, record)


def make_scene(size: tuple[int, int], seed: int, schema: LabelSchema) -> Scene:
    """Blocks of classes, each in a colour of its own."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, schema.num_classes, (4, 4))
    rows, columns = (np.arange(side) * 4 // side for side in size)
    label_map = blocks[rows[:, None], columns].astype(np.int16)
    colors = random.integers(0, 256, (schema.num_classes, 3))
    return Scene(colors[label_map].astype(np.uint8), label_map, f"scene {seed}")
