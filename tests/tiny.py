"""A tiny untrained model and random scenes, for tests of what is done with a model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sceneswap.checkpoint import Release, folded_copy, save_release
from sceneswap.config import load_train_config
from sceneswap.images import write_png
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.build import build_generator
from sceneswap.scene import Scene

SIZE = 32


LITERAL = {
    name: getattr(load_train_config("paper").model, name)
    for name in ("unit_logits", "aligned_start", "own_hidden", "own_shortcut", "hidden_activation", "initialisation")
}
"""The settings by which the preset `paper` takes the paper's or SPADE's word where our default differs."""


def tiny_release(kind: str = "msca", schema: str = "outdoor", seed: int = 0, **changes: Any) -> Release:
    """A random model of the tiny preset, as it would be released; it reads exemplars at 32×32. changes: of its settings."""
    torch.manual_seed(seed)
    model = replace(load_train_config("tiny").with_model(kind).model, **changes)  # type: ignore[arg-type]
    classes = load_schema(schema)
    network = folded_copy(build_generator(model, classes.num_classes))
    return Release(network, model, classes, {"config": {"phases": [{"image_size": 2 * SIZE}]}})


def tiny_synthesizer(kind: str = "msca", schema: str = "outdoor", seed: int = 0, **changes: Any) -> Synthesizer:
    return Synthesizer(tiny_release(kind, schema, seed, **changes), name="tiny", device="cpu")


def tiny_model(folder: Path, kind: str = "msca") -> Path:
    save_release(folder, tiny_release(kind))
    return folder


def random_scene(seed: int, height: int = SIZE, width: int = SIZE, classes: tuple[int, ...] = (0, 3, 5, 19)) -> Scene:
    """Blocks of 4×4 pixels of `classes` (indices), each class in a colour of its own for this scene, with noise."""
    random = np.random.default_rng(seed)
    blocks = random.choice(classes, (-(-height // 4), -(-width // 4))).astype(np.int16)
    label_map = blocks.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    colors = random.integers(0, 256, (max(classes) + 1, 3))
    photo = colors[label_map] + random.integers(-20, 21, (height, width, 3))
    return Scene(photo.clip(0, 255).astype(np.uint8), np.ascontiguousarray(label_map), f"scene-{seed}")


def write_scene(folder: Path, name: str, scene: Scene, schema: LabelSchema | str = "outdoor") -> tuple[Path, Path]:
    """Write images/name.png and labels/name.png, and a schema.toml if `schema` is a preset; return both paths."""
    known = load_schema(schema) if isinstance(schema, str) else schema
    photo, label_map = folder / "images" / f"{name}.png", folder / "labels" / f"{name}.png"
    write_png(photo, scene.photo)
    write_label_map(label_map, scene.label_map, known)
    (folder / "schema.toml").write_text(f'preset = "{known.name}"\n', encoding="utf-8")
    return photo, label_map
