"""The examples: what is written, what they hold, and that nothing of the user's is replaced."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.cli.main import run
from sceneswap.data.folder import FolderDataset
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.examples import LOOKS, write_examples
from sceneswap.jobs.manifest import read_manifest
from sceneswap.labels.io import is_photo
from sceneswap.labels.presets import load_schema

OUTDOOR = load_schema("outdoor")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("here") / "examples"
    assert write_examples(out) == len([path for path in out.rglob("*") if path.is_file()])
    return out


def test_photographs_with_label_maps_are_a_data_folder(examples: Path) -> None:
    dataset = FolderDataset([examples], OUTDOOR)
    assert 6 <= len(dataset) <= 10
    assert sum(path.stat().st_size for path in examples.rglob("*")) < 1_000_000
    for number in range(len(dataset)):
        scene = dataset[number]
        assert max(scene.photo.shape) <= 640
        assert (scene.label_map != OUTDOOR.void_index).all()
        assert len(np.unique(scene.label_map)) >= 2
    for path in (examples / "images").iterdir():
        with Image.open(path) as photo:
            assert not photo.getexif(), "photographs come without metadata"


def test_source_and_licence_of_every_photograph_are_told(examples: Path) -> None:
    lines = (examples / "README.md").read_text(encoding="utf-8").splitlines()
    for path in (examples / "images").iterdir():
        assert [line for line in lines if line.startswith(f"| `{path.name}` ") and "CC0-1.0" in line], path.name


def test_the_drawn_map_the_looks_and_the_list_fit_the_shipped_model(examples: Path, shipped: Synthesizer) -> None:
    assert not is_photo(examples / "bay.png", OUTDOOR)
    label_map = shipped.read_label_map(examples / "bay.png")
    assert len(np.unique(label_map)) >= 6
    looks = sorted((examples / "looks").iterdir())
    assert [path.name.split(".")[0] for path in looks] == sorted(LOOKS)
    for path in looks:
        shipped.check_look(Look.load(path))
    rows = read_manifest(examples / "jobs.csv")
    assert rows
    assert all(path.is_file() for row in rows for path in row.inputs if path is not None)


def test_a_second_time_nothing_is_new(examples: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in examples.rglob("*") if path.is_file()}
    assert write_examples(examples) == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("name", ["bay.png", "labels/tea.png", "looks/waves.look.safetensors"])
def test_a_file_of_the_users_is_kept_and_nothing_is_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"my own")
    assert run(["examples", "--out", str(tmp_path)]) == 2
    assert name in capsys.readouterr().err
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"my own"]
    assert run(["examples", "--out", str(tmp_path), "--overwrite"]) == 0
    assert (tmp_path / name).read_bytes() != b"my own"


def test_a_link_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "bay.png").symlink_to(tmp_path / "nowhere")
    assert run(["examples", "--out", str(tmp_path)]) == 2
    assert (tmp_path / "bay.png").is_symlink()
