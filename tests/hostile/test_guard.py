"""What exists is replaced only where sceneswap has written it, by every command that writes, or with --overwrite."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from sceneswap.cli.main import run
from sceneswap.errors import UserError
from sceneswap.guard import keep_files, made_here, overwriting
from sceneswap.images import write_picture, write_png
from tests.tiny import write_run

MINE = b"precious"

COMMANDS: dict[str, tuple[list[str], list[str]]] = {  # a command line, and files that it writes
    "swap": (
        ["swap", "{photo}", "{other}", "--labels", "{labels}", "--out", "{out}"],
        ["grid.png", "swap.json", "index.html", "swaps/a__b.png"],
    ),
    "swap of two": (["swap", "{photo}", "{other}", "--labels", "{labels}", "-o", "{out}/o.png"], ["o.png"]),
    "synthesize": (
        ["synthesize", "--label-map", "{map}", "--exemplar", "{photo}", "--exemplar-label-map", "{map}",
         "-o", "{out}/o.png"],
        ["o.png"],
    ),
    "encode": (["encode", "{photo}", "--label-map", "{map}", "-o", "{out}/a.look.safetensors"], ["a.look.safetensors"]),
    "interpolate": (
        ["interpolate", "global", "--label-map", "{map}", "--exemplars", "{photo}", "{other}", "--exemplar-label-maps",
         "{map}", "{map2}", "--frames", "2", "--out", "{out}"],
        ["strips.png", "interpolation.json", "index.html", "pictures/a-01.png", "a.webp"],
    ),
    "interpolate to a GIF": (
        ["interpolate", "global", "--label-map", "{map}", "--exemplars", "{photo}", "{other}", "--exemplar-label-maps",
         "{map}", "{map2}", "--frames", "2", "--animation", "gif", "--out", "{out}"],
        ["a.gif"],
    ),
    "trace": (
        ["attention", "trace", "--at", "3,3", "--label-map", "{map}", "--exemplar", "{photo}", "--exemplar-label-map",
         "{map}", "--out", "{out}"],
        ["trace-at-3-3.png", "maps.png", "trace.json", "index.html"],
    ),
    "matrix": (
        ["attention", "matrix", "--data", "{data}", "--pairs", "2", "--out", "{out}"],
        ["transfer.png", "transfer.csv", "transfer.json", "index.html"],
    ),
    "dendrogram": (
        ["attention", "dendrogram", "--data", "{data}", "--pairs", "2", "--out", "{out}"],
        ["dendrogram.png", "dendrogram.csv", "dendrogram.json"],
    ),
    "known answers": (
        ["evaluate", "known-answer", "--pairs", "2", "--size", "64", "--lpips", "{lpips}", "--out", "{out}"],
        ["results.json", "index.html", "figures/examples.png", "figures/similarity.png"],
    ),
    "evaluate swap": (
        ["evaluate", "swap", "--data", "{data}", "--pairs", "2", "--size", "64", "--vgg19", "{vgg}", "--grid-scenes", "2",
         "--out", "{out}"],
        ["figures/tiny.png", "figures/tiny.json", "results.json"],
    ),
    "render": (
        ["data", "render", "--count", "1", "--size", "16", "--workers", "1", "--out", "{out}"],
        ["images/000000.png", "labels/000000.png"],
    ),
    "export": (["export", "{run}", "--out", "{out}"], ["model.safetensors", "config.json"]),
    "train": (
        ["train", "--preset", "tiny", "--scale-steps", "0.01", "--data", "{data}", "--device", "cpu", "--out", "{out}"],
        ["config.json", "metrics.jsonl"],
    ),
}  # fmt: skip
NO_MODEL = ("render", "export", "train")
NEVER = ("render", "export")  # a folder of something else is never taken for one of theirs


@pytest.fixture
def words(
    data: Path, tmp_path: Path, release_folder: Path, lpips_file: Path, vgg_file: Path
) -> Callable[[str], list[str]]:
    """The words of a command on good files; the model named as the command takes it."""
    write_run(tmp_path / "run")
    known = {
        "photo": data / "images" / "a.png", "other": data / "images" / "b.png", "labels": data / "labels",
        "map": data / "labels" / "a.png", "map2": data / "labels" / "b.png", "data": data, "out": tmp_path / "out",
        "lpips": lpips_file, "vgg": vgg_file, "run": tmp_path / "run",
    }  # fmt: skip

    def make(name: str) -> list[str]:
        line = [part.format(**known) for part in COMMANDS[name][0]]
        model = f"tiny={release_folder}" if line[0] == "evaluate" else str(release_folder)
        return line if name in NO_MODEL else [*line, "--model", model, "--device", "cpu"]

    return make


@pytest.mark.parametrize("name", COMMANDS)
def test_only_own_files_are_replaced(
    name: str, words: Callable[[str], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, files = tmp_path / "out", COMMANDS[name][1]
    for file in files:
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (out / file).write_bytes(MINE)
        assert run(words(name)) == 2
        line = capsys.readouterr().err
        assert line.startswith("sceneswap: ")
        assert line.count("\n") == 1
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == {out / file: MINE}
        (out / file).unlink()
    last = out / files[-1]
    last.write_bytes(MINE)
    if name not in NEVER:
        assert run([*words(name), "--overwrite"]) == 0
        assert last.read_bytes() != MINE
    else:
        shutil.rmtree(out)
        assert run(words(name)) == 0
    if name != "train":  # which is gone on with --resume
        assert run(words(name)) == 0, capsys.readouterr().err


@pytest.mark.parametrize("keep_note", [False, True])
def test_a_retouched_picture_is_kept(
    words: Callable[[str], list[str]], tmp_path: Path, release_folder: Path, data: Path,
    capsys: pytest.CaptureFixture[str], keep_note: bool,
) -> None:  # fmt: skip
    rows = [{"label_map": f"labels/{n}.png", "exemplar": "images/a.png", "exemplar_label_map": "labels/a.png",
             "output": f"out/{n}.png"} for n in "ab"]  # fmt: skip
    (data / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["synthesize", "--manifest", str(data / "list.jsonl"), "--model", str(release_folder), "--device", "cpu"]
    assert run(command) == 0
    picture = data / "out" / "a.png"
    with Image.open(picture) as drawn:
        info = PngImagePlugin.PngInfo()
        info.add_itxt("sceneswap", drawn.info["sceneswap"])
        drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(picture, pnginfo=info if keep_note else None)
    before = picture.read_bytes()
    capsys.readouterr()
    assert run(command) == (0 if keep_note else 2)  # with its note it is taken for the drawing that is there already
    assert picture.read_bytes() == before
    if keep_note:  # and is kept where another drawing is wanted in its place
        capsys.readouterr()
        (data / "list.jsonl").write_text((data / "list.jsonl").read_text().replace("/a.png", "/b.png", 1))
        assert run(command) == 2
        assert picture.read_bytes() == before
        assert "it was changed since" in (data / "out" / "errors.jsonl").read_text()
    else:
        said = capsys.readouterr()
        assert "0 drawn, 1 there already, 1 failed" in said.out
        assert "has not written it or it was changed since" in (data / "out" / "errors.jsonl").read_text()
        assert run([*command, "--overwrite"]) == 0
        assert picture.read_bytes() != before


def test_an_input_is_never_replaced(data: Path, release_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, label_map = str(data / "images" / "a.png"), str(data / "labels" / "a.png")
    command = [
        "synthesize",
        "--label-map",
        label_map,
        "--exemplar",
        photo,
        "--exemplar-label-map",
        label_map,
        "-o",
        photo,
    ]
    assert run([*command, "--model", str(release_folder), "--overwrite"]) == 2
    assert "would overwrite the input" in capsys.readouterr().err


def test_what_says_that_it_was_made_here(tmp_path: Path) -> None:
    photo = np.zeros((4, 4, 3), np.uint8)
    write_png(tmp_path / "a.png", photo)
    for suffix in (".png", ".jpg", ".webp"):
        write_picture(tmp_path / f"ours{suffix}", photo)
        assert made_here(tmp_path / f"ours{suffix}")
        Image.open(tmp_path / f"ours{suffix}").save(tmp_path / f"theirs{suffix}")
        assert made_here(tmp_path / f"theirs{suffix}") is False
    (tmp_path / "x.csv").write_text("sceneswap")
    assert made_here(tmp_path / "x.csv") is None
    with pytest.raises(UserError, match=r"x\.csv exists, and sceneswap has not written it"):
        keep_files([tmp_path / "x.csv"])
    with overwriting():
        keep_files([tmp_path / "x.csv"])
    (tmp_path / "record.json").write_text('{"format": "sceneswap-test-1"}')
    keep_files([tmp_path / "x.csv", tmp_path / "record.json"])  # the record beside it speaks for it
    (tmp_path / "empty.png").touch()
    keep_files([tmp_path / "empty.png", tmp_path / "new.png"])
