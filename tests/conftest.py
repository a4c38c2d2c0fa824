"""Shared by all tests: the folder of optional data; tiny models with random weights, small scenes, feature networks.

What is tested with them is the plumbing; the metrics themselves are tested with real weights elsewhere.
"""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import HealthCheck, settings
from safetensors.torch import save_file

from sceneswap.checkpoint import Release, folded_copy, save_release
from sceneswap.config import load_train_config
from sceneswap.images import write_png
from sceneswap.inference.segmentation import SEGMENTER_WEIGHTS
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.models.build import build_generator
from sceneswap.models.pretrained.lpips import LPIPS
from sceneswap.models.pretrained.vgg import VGG19
from sceneswap.procedural import render
from sceneswap.scene import Scene
from tests.tiny import SIZES, make_scene, vivid_release

if TYPE_CHECKING:
    from playwright.sync_api import Browser

torch.set_num_threads(1)  # the networks of tests are tiny: more threads only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that tests start, likewise

# The clock says how busy the machine is, not whether the code is right.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

SIZE = 64


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In parallel, the files that take long come first, so that none is begun when all others are done."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of pretrained networks and photographs: $SCENESWAP_SHARED, or `shared` beside the repository."""
    folder = Path(os.environ.get("SCENESWAP_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"the optional data folder {folder} is not there (set SCENESWAP_SHARED to its path)")
    return folder


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released model of `outdoor`."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_release(folder, vivid_release())
    return folder


@pytest.fixture(scope="session")
def synthesizer(release_folder: Path) -> Synthesizer:
    """The released model, opened."""
    return Synthesizer.from_pretrained(release_folder, device="cpu")


@pytest.fixture(scope="session")
def shipped() -> Synthesizer:
    """The model that comes with the package."""
    return Synthesizer.from_pretrained(device="cpu")


@pytest.fixture(scope="session")
def head_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released model of `outdoor` that estimates label maps."""
    folder = tmp_path_factory.mktemp("models") / "head"
    save_release(folder, vivid_release(label_head=8))
    return folder


@pytest.fixture(scope="session")
def reading(head_folder: Path) -> Synthesizer:
    """The released model with a label head, opened."""
    return Synthesizer.from_pretrained(head_folder, device="cpu")


@pytest.fixture(autouse=True)
def no_networks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests name the feature networks they want: none comes from the environment or the cache of this machine."""
    monkeypatch.delenv(SEGMENTER_WEIGHTS.variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


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


@pytest.fixture(scope="session")
def scenes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight procedural scenes of 64 × 64 pixels."""
    root = tmp_path_factory.mktemp("data") / "scenes"
    schema = load_schema("procedural")
    for number in range(8):
        drawn = render.scene(3_000_000 + number, (SIZE, SIZE))
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


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium as the system has it; one for all tests, since Playwright drives one at a time in a process."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (the extra `dev` has it)"
    )
    program = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
    )
    if not program:
        pytest.skip("there is no Chromium on this machine to drive pages with")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program)
        yield opened
        opened.close()
