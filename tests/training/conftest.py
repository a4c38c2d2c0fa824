"""A few small scenes on disk, and short variants of the tiny preset."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneswap.config import TrainConfig, load_train_config, to_dict
from sceneswap.images import write_png
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six scenes of 64×64: blocks of random classes (void among them), each class in a colour of its own."""
    root = tmp_path_factory.mktemp("data")
    random, schema = np.random.default_rng(0), load_schema("outdoor")
    for i in range(6):
        label_map = np.kron(random.integers(0, 37, (4, 4)), np.ones((16, 16))).astype(np.int16)
        colors = random.integers(0, 256, (37, 3))
        photo = np.clip(colors[label_map] + random.normal(0, 8, (64, 64, 3)), 0, 255).astype(np.uint8)
        write_png(root / "images" / f"{i}.png", photo)
        write_label_map(root / "labels" / f"{i}.png", label_map, schema)
    (root / "schema.toml").write_text('preset = "outdoor"\n')
    return root


@pytest.fixture(scope="session")
def short() -> Callable[..., TrainConfig]:
    """The tiny preset: model, steps of (pretrain, patch, global; 0 leaves the phase out), further settings."""

    def make(model: str = "msca", steps: tuple[int, int, int] = (1, 1, 1), **changes: Any) -> TrainConfig:
        settings = load_train_config("tiny").with_model(model)  # type: ignore[arg-type]
        phases = tuple(replace(p, steps=n) for p, n in zip(settings.phases, steps, strict=True) if n)
        return replace(settings, phases=phases, **{"sample_every": 100, "checkpoint_every": 100} | changes)

    return make


@pytest.fixture
def as_toml(tmp_path: Path) -> Callable[[TrainConfig], Path]:
    """Write settings as a TOML file."""

    def table(name: str, values: dict[str, Any]) -> str:
        return f"{name}\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())

    def write(settings: TrainConfig) -> Path:
        values = to_dict(settings)
        tables = {f"[{key}]": values.pop(key) for key in ("model", "discriminator", "loss")}
        phases = [table("[[phases]]", phase) for phase in values.pop("phases")]
        path = tmp_path / f"preset-{len(list(tmp_path.glob('*.toml')))}.toml"
        path.write_text("".join([table("", values), *(table(*item) for item in tables.items()), *phases]))
        return path

    return write
