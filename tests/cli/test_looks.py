"""A saved look stands wherever commands take an exemplar, and draws the same pictures."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sceneswap.checkpoint import read_tensors
from sceneswap.cli.main import run
from sceneswap.images import read_photo, read_png_text
from sceneswap.inference.blend import blend
from sceneswap.inference.synthesizer import Synthesizer
from tests.tiny import random_scene, tiny_release, tiny_synthesizer, write_scene

Command = Callable[..., int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, a layout, two exemplars, and the look of the second in a file."""
    folder = tmp_path_factory.mktemp("looks")
    Synthesizer(tiny_release(), name="tiny", device="cpu").save_pretrained(folder / "model")
    for i, name in enumerate(("layout", "beach", "dusk")):
        write_scene(folder, name, random_scene(i, 32, 40 if name == "beach" else 32))
    (folder / "images" / "dusk.png").rename(folder / "dusk-photo.png")
    command = ["encode", str(folder / "dusk-photo.png"), "--label-map", str(folder / "labels" / "dusk.png")]
    assert run([*command, "-o", str(folder / "dusk.look.safetensors"), *options(folder)]) == 0
    return folder


def options(folder: Path) -> list[str]:
    return ["--model", str(folder / "model"), "--device", "cpu"]


def same(first: Path, second: Path) -> bool:
    return np.array_equal(read_photo(first), read_photo(second))


def test_the_file_tells_its_model_and_picture(folder: Path) -> None:
    _, about = read_tensors(folder / "dusk.look.safetensors", "a look")
    assert about["name"] == "dusk-photo.png"
    assert about["model"] == json.loads((folder / "model" / "config.json").read_text())["weights_sha256"]
    assert len(about["picture"]) == 64


def test_synthesize_draws_the_same_picture(folder: Path, tmp_path: Path) -> None:
    command = ["synthesize", "--label-map", str(folder / "labels" / "layout.png"), *options(folder)]
    photo = ["--exemplar", str(folder / "dusk-photo.png"), "--exemplar-label-map", str(folder / "labels" / "dusk.png")]
    assert run([*command, *photo, "-o", str(tmp_path / "a.png")]) == 0
    look = ["--exemplar", str(folder / "dusk.look.safetensors")]
    assert run([*command, *look, "-o", str(tmp_path / "b.png")]) == 0
    assert same(tmp_path / "a.png", tmp_path / "b.png")
    note = json.loads(read_png_text(tmp_path / "b.png")["sceneswap"])
    assert note["exemplar"]["file"] == "dusk.look.safetensors"
    assert "exemplar_label_map" not in note


def test_a_manifest_mixes_photographs_and_looks(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        ("dusk-photo.png", str(folder / "labels" / "dusk.png"), "photo.png"),
        ("dusk.look.safetensors", "", "look.png"),
        ("dusk.look.safetensors", str(folder / "labels" / "dusk.png"), "both.png"),
        ("gone.look.safetensors", "", "gone.png"),
    ]
    lines = [f"{folder}/labels/layout.png,{folder}/{exemplar},{m},{out}" for exemplar, m, out in rows]
    (tmp_path / "list.csv").write_text("\n".join(["label_map,exemplar,exemplar_label_map,output", *lines]))
    assert run(["synthesize", "--manifest", str(tmp_path / "list.csv"), *options(folder)]) == 2
    assert "2 drawn, 0 there already, 2 failed" in capsys.readouterr().out
    assert np.abs(read_photo(tmp_path / "photo.png").astype(int) - read_photo(tmp_path / "look.png")).max() <= 1
    errors = [json.loads(line)["error"] for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
    assert "is a look, which needs no label map" in errors[0]
    assert "does not exist" in errors[1]
    assert run(["synthesize", "--manifest", str(tmp_path / "list.csv"), *options(folder)]) == 2
    assert "0 drawn, 2 there already, 2 failed" in capsys.readouterr().out


def test_swap_draws_one_photograph_in_a_look(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beach, look = str(folder / "images" / "beach.png"), str(folder / "dusk.look.safetensors")
    given = ["--labels", str(folder / "labels"), *options(folder)]
    assert run(["swap", beach, look, "-o", str(tmp_path / "one.png"), *given]) == 0
    synthesizer = tiny_synthesizer()
    dusk = synthesizer.encode(synthesizer.read_scene(folder / "dusk-photo.png", folder / "labels" / "dusk.png"))
    layout = synthesizer.read_label_map(folder / "labels" / "beach.png")
    assert np.array_equal(read_photo(tmp_path / "one.png"), synthesizer.draw(layout, dusk))
    capsys.readouterr()
    assert run(["swap", look, beach, "-o", str(tmp_path / "two.png"), *given]) == 2
    assert "is a look, which has no layout" in capsys.readouterr().err


def test_in_a_grid_a_look_is_a_column(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, look = [str(folder / "images" / f"{n}.png") for n in ("layout", "beach")], folder / "dusk.look.safetensors"
    given = ["--labels", str(folder / "labels"), "--out", str(tmp_path / "grid"), *options(folder)]
    assert run(["swap", *photos, str(look), *given]) == 0
    drawn = sorted(p.name for p in (tmp_path / "grid" / "swaps").iterdir())
    assert drawn == [f"{row}__{column}.png" for row in ("beach", "layout") for column in ("beach", "dusk", "layout")]
    record = json.loads((tmp_path / "grid" / "swap.json").read_text())
    assert [one["name"] for one in record["layouts"]] == ["layout", "beach"]
    assert [one["file"] for one in record["exemplars"]] == ["layout.png", "beach.png", "dusk.look.safetensors"]
    assert len(record["pictures"]) == 6
    capsys.readouterr()
    assert run(["swap", str(look), "--out", str(tmp_path / "none"), *options(folder)]) == 2
    assert "a look has no layout" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", ["global", "classes"])
def test_interpolate_mixes_photographs_and_looks(kind: str, folder: Path, tmp_path: Path) -> None:
    choice = ["--class", "sky=dusk", "--rest", "beach", "--border", "0"] if kind == "classes" else []
    command = [
        "interpolate", kind, "--label-map", str(folder / "labels" / "layout.png"), "--frames", "3",
        "--exemplars", str(folder / "images" / "beach.png"), str(folder / "dusk.look.safetensors"),
        "--exemplar-label-maps", str(folder / "labels" / "beach.png"), "--animation", "none",
    ]  # fmt: skip
    assert run([*command, *choice, "--out", str(tmp_path), *options(folder)]) == 0
    assert (tmp_path / "index.html").stat().st_size > 10_000
    synthesizer = tiny_synthesizer()
    scenes = [(folder / "images" / "beach.png", "beach"), (folder / "dusk-photo.png", "dusk")]
    looks = [synthesizer.encode(synthesizer.read_scene(p, folder / "labels" / f"{n}.png")) for p, n in scenes]
    layout = synthesizer.read_label_map(folder / "labels" / "layout.png")
    mixed = looks[1] if kind == "global" else blend(looks, classes={"sky": 1}, rest=0, border=0)
    last = read_photo(tmp_path / "pictures" / "layout-02.png").astype(int)
    assert np.abs(last - synthesizer.draw(layout, mixed)).max() <= 1


def test_a_look_of_another_model_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_synthesizer(seed=1).save_pretrained(tmp_path / "other")
    command = ["synthesize", "--label-map", str(folder / "labels" / "layout.png"), "-o", str(tmp_path / "a.png")]
    command += ["--exemplar", str(folder / "dusk.look.safetensors"), "--model", str(tmp_path / "other")]
    assert run([*command, "--device", "cpu"]) == 2
    message = capsys.readouterr().err
    assert "encoded by another model" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_encode_says_what_is_wrong(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["encode", str(folder / "dusk-photo.png"), "-o", str(tmp_path / "dusk.png")]) == 2
    assert "must be named *.look.safetensors" in capsys.readouterr().err
    look = str(folder / "dusk.look.safetensors")
    assert run(["encode", look, "-o", str(tmp_path / "a.look.safetensors")]) == 2
    assert "is a look already" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
