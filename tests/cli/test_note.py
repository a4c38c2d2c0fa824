"""`sceneswap note` and `synthesize --like`: what a picture says of itself, and the same picture again."""

import json
from pathlib import Path

import numpy as np
import pytest

from sceneswap.cli.main import run
from sceneswap.images import read_photo, write_png
from sceneswap.inference.look import Look


@pytest.fixture
def place(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with data/ in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def draw(release_folder: Path) -> list[str]:
    """The beginning of a command line."""
    return ["synthesize", "--device", "cpu", "--model", str(release_folder)]


EXEMPLAR = ["--exemplar", "data/images/b.png", "--exemplar-label-map", "data/labels/b.png"]
FIRST = ["--label-map", "data/labels/a.png", *EXEMPLAR, "--long-side", "24", "-o", "drawn.png"]


def test_a_note_is_printed_as_json(place: Path, draw: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*draw, *FIRST]) == 0
    capsys.readouterr()
    assert run(["note", "drawn.png"]) == 0
    note = json.loads(capsys.readouterr().out)
    assert note["label_map"]["file"] == "a.png"
    assert note["label_map"]["long_side"] == 24
    assert note["exemplar"]["file"] == "b.png"
    assert note["model"]["schema"] == "outdoor"


def test_the_same_picture_again_and_one_with_a_change(place: Path, draw: list[str]) -> None:
    assert run([*draw, *FIRST]) == 0
    assert run([*draw, "--like", "drawn.png", "-o", "again.png"]) == 0
    assert Path("again.png").read_bytes() == Path("drawn.png").read_bytes()
    other = ["--exemplar", "data/images/c.png", "--exemplar-label-map", "data/labels/c.png"]
    assert run([*draw, "--like", "drawn.png", *other, "-o", "other.png"]) == 0
    changed = read_photo(Path("other.png"))
    assert changed.shape == read_photo(Path("drawn.png")).shape
    assert np.any(changed != read_photo(Path("drawn.png")))


def test_estimated_label_maps_and_saved_looks_are_recalled_too(place: Path, head_folder: Path) -> None:
    draw = ["--device", "cpu", "--model", str(head_folder)]
    assert run(["encode", "data/images/b.png", "-o", "data/b.look.safetensors", *draw]) == 0
    assert Look.load("data/b.look.safetensors").name == "b.png"
    photo = ["--layout-photo", "data/images/a.png", "--exemplar", "data/b.look.safetensors", "--long-side", "32"]
    assert run(["synthesize", *photo, "-o", "drawn.png", *draw]) == 0
    assert run(["synthesize", "--like", "drawn.png", "-o", "again.png", *draw]) == 0
    assert Path("again.png").read_bytes() == Path("drawn.png").read_bytes()


def test_what_cannot_be_recalled_is_said(place: Path, draw: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str) -> str:
        assert run([*words]) == 2
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        return said

    assert run([*draw, *FIRST]) == 0
    again = ["--like", "drawn.png", "-o", "again.png"]
    assert "another model" in refused("synthesize", "--device", "cpu", *again)
    (place / "data" / "labels" / "a.png").rename(place / "gone.npy")
    assert "a.png: only another file of that name is there" in refused(*draw, *again)
    (place / "data" / "images" / "b.png").unlink()
    assert "name it with --exemplar" in refused(*draw, "--label-map", "data/labels/b.png", *again)
    write_png(place / "plain.png", np.zeros((8, 8, 3), np.uint8))
    assert "carries no settings" in refused("note", "plain.png")
    for text in "nonsense", "[1]", json.dumps({"label_map": 1, "exemplar": 2}):
        write_png(place / "odd.png", np.zeros((8, 8, 3), np.uint8), {"sceneswap": text})
        assert "cannot be read" in refused(*draw, "--like", "odd.png", "-o", "again.png")
    files = {"label_map": {"file": "../x.png", "sha256": "0"}, "exemplar": {}, "model": {"precision": "fp32"}}
    write_png(place / "odd.png", np.zeros((8, 8, 3), np.uint8), {"sceneswap": json.dumps(files)})
    assert "no file name" in refused(*draw, "--like", "odd.png", "-o", "again.png")
    write_png(place / "odd.png", np.zeros((8, 8, 3), np.uint8), {"sceneswap": json.dumps({"exemplar_1": {}})})
    assert "one layout in one look" in refused(*draw, "--like", "odd.png", "-o", "again.png")
    assert not (place / "again.png").exists()
