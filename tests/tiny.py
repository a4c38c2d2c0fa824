"""Tiny models with random weights, scenes of blocks, photographs, a segmenter, a run: what tests share beside conftest.py."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from sceneswap import checkpoint
from sceneswap.checkpoint import Release, folded_copy, save_release
from sceneswap.config import load_train_config, to_dict
from sceneswap.images import write_png
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.build import Network, build_generator
from sceneswap.models.pretrained.deeplab import DeepLab
from sceneswap.scene import Photo, Scene

SIZE = 32
SIZES = ((48, 64), (64, 48), (48, 64), (33, 70))


LITERAL = {
    name: getattr(load_train_config("paper").model, name)
    for name in (
        "unit_logits",
        "aligned_start",
        "own_hidden",
        "own_shortcut",
        "hidden_activation",
        "initialisation",
        "normalisation",
    )
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


def vivid_release(kind: str = "msca", schema: str = "outdoor", seed: int = 0, label_head: int = 0) -> Release:
    """As `tiny_release`, its pictures not grey and its record that of a training."""
    settings = load_train_config("tiny").with_model(kind)  # type: ignore[arg-type]
    settings = replace(settings, model=replace(settings.model, label_head=label_head))
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


def make_photo(size: tuple[int, int], seed: int = 0) -> Photo:
    """A soft gradient with noise: too many colours for a label map."""
    random = np.random.default_rng(seed)
    corners = random.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(corners).resize((size[1], size[0]), Image.Resampling.BICUBIC)).astype(int)
    return (smooth + random.integers(-24, 25, smooth.shape)).clip(0, 255).astype(np.uint8)


def write_photo(path: Path, size: tuple[int, int], seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(make_photo(size, seed)).save(path, quality=90)
    return path


def write_segmenter(path: Path, sees: str) -> Path:
    """Weights of a network for ADE20K that sees the class `sees` everywhere."""
    torch.manual_seed(0)
    network = DeepLab()
    with torch.no_grad():
        bias = network.get_parameter("logits.bias")
        bias[1 + load_schema("ade20k-150").index_of(sees)] += 1e4
    save_file(network.state_dict(), path)
    return path


def write_run(run: Path, kind: str = "msca", steps: tuple[int, ...] = (8,), label_head: int = 0) -> dict[int, Network]:
    """A run folder with the states that training would leave; returns the averages by step."""
    settings = load_train_config("tiny").with_model(kind)  # type: ignore[arg-type]
    settings = replace(settings, model=replace(settings.model, label_head=label_head))
    schema, averages = load_schema("outdoor"), {}
    for step in steps:
        torch.manual_seed(step)
        average, other = (build_generator(settings.model, schema.num_classes) for _ in range(2))
        meta = {
            "config": to_dict(settings),
            "schema": schema.to_dict(),
            "class_names": list(schema.names),
            "progress": {"phase": 1, "phase_step": 4, "step": step, "position": 8, "seconds": 1.5},
            "scenes": 6,
            "processes": 1,
            "device": "cpu",
        }
        networks = {"average": average, "generator": other}
        checkpoint.write_state(run, step, networks=networks, optimizers={}, meta=meta, keep=5)
        averages[step] = average
    lines: list[dict[str, Any]] = [
        {"step": 4, "phase": "pretrain", "seconds": 0.5, "terms": {"colour": 1.0}},
        {"step": 6, "phase": "patch", "seconds": 1.0, "terms": {"pixel": 0.5}},
        {"step": 8, "phase": "patch", "seconds": 1.5, "terms": {"pixel": 0.25}},
        {"step": 8, "alarms": {"response": 0.5, "copy_distance": 0.9}, "ignores": False, "copies": False},
        {"step": 12, "phase": "global", "seconds": 2.5, "terms": {"pixel": 0.1}},
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 1')
    return averages
