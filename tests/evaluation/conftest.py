"""A folder of small procedural scenes, untrained tiny models, and random feature networks of the right shapes.

What is tested with them is the plumbing; the metrics themselves are tested with real weights elsewhere.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from sceneswap.checkpoint import Release, folded_copy, save_release
from sceneswap.config import load_train_config
from sceneswap.data.procedural import scene
from sceneswap.images import write_png
from sceneswap.labels.io import write_label_map
from sceneswap.labels.schema import load_schema
from sceneswap.models.build import build_generator
from sceneswap.models.lpips import LPIPS
from sceneswap.models.vgg import VGG19

SIZE = 64


@pytest.fixture(scope="session")
def scenes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight procedural scenes of 64 × 64 pixels."""
    root = tmp_path_factory.mktemp("data") / "scenes"
    schema = load_schema("procedural")
    for number in range(8):
        drawn = scene(3_000_000 + number, (SIZE, SIZE))
        write_png(root / "images" / f"{number:02d}.png", drawn.photo)
        write_label_map(root / "labels" / f"{number:02d}.png", drawn.label_map, schema)
    (root / "schema.toml").write_text('preset = "procedural"\n')
    return root


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Write an untrained tiny model of a kind, with the `outdoor` classes, and return its folder."""

    def write(kind: str) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        torch.manual_seed(0)
        settings, schema = load_train_config("tiny").with_model(kind), load_schema("outdoor")  # type: ignore[arg-type]
        network = folded_copy(build_generator(settings.model, schema.num_classes))
        save_release(folder, Release(network, settings.model, schema, {}))
        return folder

    return write


@pytest.fixture(scope="session")
def msca(release: Callable[[str], Path]) -> Path:
    return release("msca")


@pytest.fixture(scope="session")
def gap(release: Callable[[str], Path]) -> Path:
    return release("gap")


@pytest.fixture(scope="session")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-19 with random weights."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "vgg19.safetensors"
    save_file(VGG19().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def lpips_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LPIPS with random weights."""
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("weights") / "lpips.safetensors"
    save_file({name: value.abs() if "lin" in name else value for name, value in LPIPS().state_dict().items()}, path)
    return path


@pytest.fixture(scope="session")
def reference(shared: Path) -> ModuleType:
    """Independent loaders of the pretrained networks, written for verification."""
    specification = importlib.util.spec_from_file_location("reference", shared / "weights" / "reference_loaders.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
