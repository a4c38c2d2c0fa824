"""A tiny released model, and scenes of several sizes and looks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import SIZES, make_scene, tiny_release

from sceneswap.checkpoint import save_release
from sceneswap.images import write_png
from sceneswap.inference.segmentation import SEGMENTER_ENVIRONMENT
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import write_label_map
from sceneswap.labels.schema import load_schema
from sceneswap.scene import Scene


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released model of `outdoor`."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_release(folder, tiny_release())
    return folder


@pytest.fixture(scope="session")
def synthesizer(release_folder: Path) -> Synthesizer:
    """The released model, opened."""
    return Synthesizer.from_pretrained(release_folder, device="cpu")


@pytest.fixture(scope="session")
def head_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released model of `outdoor` that estimates label maps."""
    folder = tmp_path_factory.mktemp("models") / "head"
    save_release(folder, tiny_release(label_head=8))
    return folder


@pytest.fixture(scope="session")
def reading(head_folder: Path) -> Synthesizer:
    """The released model with a label head, opened."""
    return Synthesizer.from_pretrained(head_folder, device="cpu")


@pytest.fixture(autouse=True)
def no_segmenter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests name the segmenter they want."""
    monkeypatch.delenv(SEGMENTER_ENVIRONMENT, raising=False)


@pytest.fixture(scope="session")
def scene(synthesizer: Synthesizer) -> Callable[..., Scene]:
    """`scene(size, seed)` in the model's schema."""
    return lambda size=(48, 64), seed=0: make_scene(size, seed, synthesizer.schema)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of four scenes of three sizes, named a … d, with images/, labels/ and schema.toml."""
    schema = load_schema("outdoor")
    root = tmp_path / "data"
    for name, (seed, size) in zip("abcd", enumerate(SIZES), strict=True):
        made = make_scene(size, seed, schema)
        write_png(root / "images" / f"{name}.png", made.photo)
        write_label_map(root / "labels" / f"{name}.png", made.label_map, schema)
    (root / "schema.toml").write_text('preset = "outdoor"\n')
    return root
