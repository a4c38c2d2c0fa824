"""The commands with photographs alone: no label map is given."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.cli.main import run
from sceneswap.images import read_photo, read_picture_text, read_png_text
from sceneswap.inference.segmentation import shipped_segmenter
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural import render
from tests.tiny import write_photo, write_segmenter

OUTDOOR = load_schema("outdoor")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two photographs, beach.jpg and dusk.jpg."""
    write_photo(tmp_path / "photos" / "beach.jpg", (60, 80), 1)
    write_photo(tmp_path / "photos" / "dusk.jpg", (90, 70), 2)
    return tmp_path / "photos"


def note(path: Path) -> dict[str, dict[str, object]]:
    return json.loads(read_png_text(path)["sceneswap"])


def test_two_photographs_make_one_picture(
    photos: Path, head_folder: Path, reading: Synthesizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["swap", f"{photos}/beach.jpg", f"{photos}/dusk.jpg", "--model", str(head_folder), "--device", "cpu"]
    out, maps = tmp_path / "new" / "out.png", tmp_path / "maps"
    assert run([*command, "-o", str(out), "--save-labels", str(maps)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    picture = read_photo(out)
    assert picture.shape == (60, 80, 3)
    told = note(out)
    assert [told[what]["file"] for what in ("label_map", "exemplar", "exemplar_label_map")] == [
        "beach.jpg", "dusk.jpg", "dusk.jpg"
    ]  # fmt: skip
    for what in ("label_map", "exemplar_label_map"):
        assert told[what]["estimated_by"] == {
            "network": f"label head of {reading.name}", "sha256": reading.weights_sha256
        }  # fmt: skip
    assert {p.name for p in maps.iterdir()} == {"beach.png", "dusk.png"}
    np.testing.assert_array_equal(
        read_label_map(maps / "beach.png", OUTDOOR), reading.estimate_labels(read_photo(photos / "beach.jpg"))
    )
    assert run([*command, "-o", str(out), "--labels", str(maps)]) == 0  # the maps, corrected or not, may be given back
    np.testing.assert_array_equal(read_photo(out), picture)
    assert "estimated_by" not in note(out)["label_map"]


def test_the_size_of_the_picture(photos: Path, head_folder: Path, tmp_path: Path) -> None:
    large = write_photo(tmp_path / "large.jpg", (700, 1400))
    command = ["swap", str(large), f"{photos}/dusk.jpg", "--model", str(head_folder), "--device", "cpu"]
    for options, shape in (([], (256, 512, 3)), (["--long-side", "64"], (32, 64, 3))):
        assert run([*command, "-o", str(tmp_path / "out.png"), *options]) == 0
        assert read_photo(tmp_path / "out.png").shape == shape


def test_one_picture_takes_two_photographs(
    photos: Path, head_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(head_folder), "--device", "cpu"]
    beach = f"{photos}/beach.jpg"
    for inputs, out, words in (
        ([beach], "out.png", "takes two photographs"),
        ([str(photos), beach], "out.png", "takes two photographs"),
        ([beach, beach, beach], "out.png", "takes two photographs"),
        ([beach, f"{photos}/dusk.jpg"], "out.tif", "must be named .png"),
        ([beach, f"{photos}/gone.jpg"], "out.png", "gone.jpg does not exist"),
    ):
        assert run(["swap", *inputs, "-o", str(tmp_path / out), *model]) == 2
        said = capsys.readouterr().err.strip()
        assert words in said
        assert "\n" not in said
    assert run(["swap", beach, beach, "-o", beach.replace("jpg", "png"), *model]) == 0
    assert not (tmp_path / "out.png").exists()


def test_all_pairs_of_a_folder_of_photographs(photos: Path, head_folder: Path, tmp_path: Path) -> None:
    out, maps = tmp_path / "swapped", tmp_path / "maps"
    command = ["swap", str(photos), "--out", str(out), "--model", str(head_folder), "--device", "cpu"]
    assert run([*command, "--save-labels", str(maps), "--long-side", "64"]) == 0
    assert read_photo(out / "swaps" / "beach__dusk.png").shape == (48, 64, 3)
    assert len(list((out / "swaps").iterdir())) == 4
    assert len(list(maps.iterdir())) == 2
    assert "2 of 2 estimated from the photographs by label head of tiny-msca" in (out / "index.html").read_text()
    record = json.loads((out / "swap.json").read_text())
    assert all("estimated_by" in one for one in record["layouts"])
    assert all("estimated_by" in one["label_map"] for one in record["exemplars"])
    assert str(tmp_path) not in json.dumps(record)


def test_synthesize_from_photographs(
    photos: Path, data: Path, head_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    command = ["synthesize", "--exemplar", f"{photos}/dusk.jpg", "--model", str(head_folder), "-o", str(out)]
    assert run([*command, "--label-map", f"{photos}/beach.jpg"]) == 0
    assert read_photo(out).shape == (60, 80, 3)
    assert "estimated_by" in note(out)["label_map"]
    assert run([*command, "--label-map", f"{data}/labels/d.png"]) == 0
    assert read_photo(out).shape == (33, 70, 3)
    assert note(out)["label_map"]["schema"] == "outdoor"
    assert "estimated_by" in note(out)["exemplar_label_map"]
    assert run([*command, "--layout-photo", f"{data}/images/a.png", "--long-side", "32"]) == 0
    assert read_photo(out).shape == (24, 32, 3)
    capsys.readouterr()
    assert run([*command, "--layout-photo", f"{data}/images/a.png", "--label-map", f"{data}/labels/a.png"]) == 2
    assert "both name the layout" in capsys.readouterr().err


def test_a_manifest_of_photographs_can_be_gone_on_with(
    photos: Path, head_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["label_map,exemplar,output", "beach.jpg,dusk.jpg,out/1.png", "dusk.jpg,beach.jpg,out/2.png"]
    (photos / "list.csv").write_text("\n".join(lines))
    command = ["synthesize", "--manifest", f"{photos}/list.csv", "--model", str(head_folder), "--device", "cpu"]
    for options, told in (
        ([], "2 drawn, 0 there already"), ([], "0 drawn, 2 there already"), (["--long-side", "40"], "2 drawn"),
        (["--long-side", "40"], "0 drawn, 2 there already"),
    ):  # fmt: skip
        assert run([*command, *options]) == 0
        assert capsys.readouterr().out.startswith(told)
    assert read_photo(photos / "out" / "1.png").shape == (30, 40, 3)


@pytest.mark.parametrize(
    "command",
    [
        ["swap", "beach.jpg", "dusk.jpg", "-o", "out.png"],
        ["swap", ".", "--out", "swapped"],
        ["synthesize", "--label-map", "beach.jpg", "--exemplar", "dusk.jpg", "-o", "out.png"],
        ["synthesize", "--manifest", "list.jsonl"],
        ["labels", "estimate", "beach.jpg", "--out", "maps"],
        ["interpolate", "global", "--label-map", "beach.jpg", "--exemplars", "beach.jpg", "dusk.jpg", "--out", "strip"],
        ["attention", "trace", "--label-map", "beach.jpg", "--exemplar", "dusk.jpg", "--at", "1,1", "--out", "trace"],
    ],
    ids=lambda c: " ".join(c[:2]),
)
def test_without_a_head_the_shipped_segmenter_reads(
    photos: Path,
    release_folder: Path,
    head_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    monkeypatch.chdir(photos)
    row = {"label_map": "beach.jpg", "exemplar": "dusk.jpg", "output": "out.png"}
    (photos / "list.jsonl").write_text(json.dumps(row))
    for number, name in enumerate(("beach", "dusk")):
        Image.fromarray(render.scene(3_000_000 + number, (60, 80)).photo).save(f"{name}.jpg")
    before = set(photos.iterdir())
    model = ["--model", str(release_folder), "--device", "cpu"]
    assert run([*command, *model, "--segmenter", str(tmp_path / "gone.safetensors")]) == 2
    *notes, said = capsys.readouterr().err.splitlines()
    assert "gone.safetensors do not exist" in said
    assert all(note.startswith("sceneswap: note: ") for note in notes)
    assert set(photos.iterdir()) == before
    assert run([*command, *model]) == 0
    assert set(photos.iterdir()) > before
    again = [*command, *["--overwrite"] * (command[0] == "labels")]
    segmenter = write_segmenter(tmp_path / "sky.safetensors", "sky")
    assert run([*again, *model, "--segmenter", str(segmenter)]) == 0
    assert run([*again, "--model", str(head_folder), "--device", "cpu"]) == 0


def test_the_note_says_that_the_shipped_segmenter_read(photos: Path, release_folder: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("beach", "dusk")):
        Image.fromarray(render.scene(3_000_000 + number, (60, 80)).photo).save(photos / f"{name}.jpg")
    command = ["swap", f"{photos}/beach.jpg", f"{photos}/dusk.jpg", "--model", str(release_folder), "--device", "cpu"]
    assert run([*command, "-o", str(tmp_path / "out.png")]) == 0
    shipped = shipped_segmenter()
    for what in ("label_map", "exemplar_label_map"):
        read_by = note(tmp_path / "out.png")[what]["estimated_by"]
        assert read_by == {"network": shipped.description, "sha256": shipped.sha256}


def test_labels_estimate(
    photos: Path, head_folder: Path, reading: Synthesizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "maps"
    command = ["labels", "estimate", str(photos), "--model", str(head_folder), "--device", "cpu", "--out", str(out)]
    assert run(command) == 0
    assert "2 label maps of outdoor" in capsys.readouterr().out
    for name in ("beach", "dusk"):
        expected = reading.estimate_labels(read_photo(photos / f"{name}.jpg"))
        np.testing.assert_array_equal(read_label_map(out / "labels" / f"{name}.png", OUTDOOR), expected)
        np.testing.assert_array_equal(read_label_map(out / "colors" / f"{name}.png", OUTDOOR), expected)
    assert run(command) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run([*command, "--overwrite", "--long-side", "40"]) == 0
    assert read_label_map(out / "labels" / "beach.png", OUTDOOR).shape == (30, 40)


@pytest.mark.parametrize("command", [["labels", "estimate"], ["evaluate", "labels"], ["swap"], ["synthesize"]])
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"    sceneswap {' '.join(command)} " in shown
    assert "--segmenter" in shown


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.webp"])
def test_a_picture_may_be_written_as_photographs_are_and_is_no_photograph_of_anybody(
    photos: Path, head_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = tmp_path / name
    model = ["--model", str(head_folder), "--device", "cpu"]
    swap = ["swap", f"{photos}/beach.jpg", f"{photos}/dusk.jpg", "-o", str(out), *model]
    synthesize = [
        "synthesize",
        "--label-map",
        f"{photos}/beach.jpg",
        "--exemplar",
        f"{photos}/dusk.jpg",
        "-o",
        str(out),
    ]
    assert run(swap) == 0
    assert run([*synthesize, *model]) == 0  # in place of the one of before
    assert read_photo(out).shape == (60, 80, 3)
    assert "estimated_by" in read_picture_text(out)["sceneswap"]
    (tmp_path / "list.csv").write_text(f"label_map,exemplar,output\n{photos}/beach.jpg,{photos}/dusk.jpg,{out}\n")
    capsys.readouterr()
    assert run(["synthesize", "--manifest", str(tmp_path / "list.csv"), *model]) == 0
    assert "0 drawn, 1 there already" in capsys.readouterr().out
    mine = write_photo(out, (20, 30)).read_bytes()
    for command in (swap, [*synthesize, *model]):
        assert run(command) == 2
        assert "sceneswap has not written it" in capsys.readouterr().err
    assert run(["synthesize", "--manifest", str(tmp_path / "list.csv"), *model]) == 2
    assert "sceneswap has not written it" in (tmp_path / "errors.jsonl").read_text()
    assert out.read_bytes() == mine
