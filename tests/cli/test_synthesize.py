"""`sceneswap synthesize` as it is typed."""

import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from sceneswap.cli.main import run
from sceneswap.images import read_photo, read_png_text, write_png
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema


def arguments(data: Path, release_folder: Path, output: Path, **changed: str) -> list[str]:
    values = {
        "label-map": f"{data}/labels/a.png",
        "exemplar": f"{data}/images/b.png",
        "exemplar-label-map": f"{data}/labels/b.png",
        "model": str(release_folder),
        "device": "cpu",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    return ["synthesize", *(part for name, value in values.items() for part in (f"--{name}", value)), "-o", str(output)]


def refused(capsys: pytest.CaptureFixture[str], command: list[str]) -> str:
    """Run a command that must fail with one sentence, and return it."""
    capsys.readouterr()
    assert run(command) == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith("sceneswap: ")
    assert "\n" not in message
    return message


def test_one_picture(
    synthesizer: Synthesizer, data: Path, release_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "out.png"
    assert run(arguments(data, release_folder, output)) == 0
    assert capsys.readouterr().out.strip() == str(output)
    look = synthesizer.encode(synthesizer.read_scene(data / "images" / "b.png", data / "labels" / "b.png"))
    alone = synthesizer.draw(synthesizer.read_label_map(data / "labels" / "a.png"), look).astype(int)
    assert np.abs(read_photo(output).astype(int) - alone).max() <= 1
    note = json.loads(read_png_text(output)["sceneswap"])
    assert (note["exemplar"]["file"], note["model"]["name"]) == ("b.png", "tiny-msca")


def test_maps_of_other_schemas(data: Path, release_folder: Path, tmp_path: Path) -> None:
    camvid, ade = load_schema("camvid"), load_schema("ade20k-150")
    write_label_map(tmp_path / "c.png", np.zeros((20, 30), np.int16), camvid)
    write_label_map(tmp_path / "e.png", np.full((48, 64), ade.index_of("sky"), np.int16), ade)
    files = {"label_map": f"{tmp_path}/c.png", "exemplar_label_map": f"{tmp_path}/e.png"}
    files |= {"exemplar": f"{data}/images/a.png"}
    command = arguments(
        data, release_folder, tmp_path / "o.png", **files, schema="camvid", exemplar_schema="ade20k-150"
    )
    assert run(command) == 0
    note = json.loads(read_png_text(tmp_path / "o.png")["sceneswap"])
    assert (note["label_map"]["schema"], note["exemplar_label_map"]["schema"]) == ("camvid", "ade20k-150")


def test_mistakes_are_one_sentence_and_write_nothing(
    data: Path, release_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    cases = {
        "missing.jpg does not exist": {"exemplar": f"{tmp_path}/missing.jpg"},
        "no model folder": {"model": f"{tmp_path}/missing"},
        "no schema|cocoo": {"schema": "cocoo"},
        "must be of one size": {"exemplar_label_map": f"{data}/labels/a.png"},
        "label map .*schema.toml": {"label_map": f"{data}/schema.toml"},
        "are not in schema camvid|is not in schema camvid": {"schema": "camvid"},
        "--batch-size": {"batch_size": "0"},
    }
    for words, changed in cases.items():
        message = refused(capsys, arguments(data, release_folder, out, **changed))
        assert re.search(words, message), message
    assert not out.exists()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("out.gif", "must be named .png"),
        ("data/images/b.png", "would overwrite the input"),
        ("file/o.png", "is a file"),
    ],
)
def test_outputs_that_cannot_be(
    data: Path, release_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str, words: str
) -> None:
    (tmp_path / "file").write_text("mine")
    before = (data / "images" / "b.png").read_bytes()
    assert words in refused(capsys, arguments(data, release_folder, tmp_path / output))
    assert (data / "images" / "b.png").read_bytes() == before
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission")])
def test_a_full_disk_keeps_the_older_picture(
    data: Path,
    release_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    words: str,
) -> None:
    (tmp_path / "o").mkdir()
    write_png(tmp_path / "o" / "out.png", np.zeros((4, 4), np.uint8))
    older = (tmp_path / "o" / "out.png").read_bytes()

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    assert words in refused(capsys, arguments(data, release_folder, tmp_path / "o" / "out.png"))
    assert [(p.name, p.read_bytes()) for p in (tmp_path / "o").iterdir()] == [("out.png", older)]


def test_arguments_that_do_not_go_together(
    data: Path, release_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--exemplar, --output is missing" in refused(capsys, ["synthesize", "--label-map", "a.png"])
    command = ["synthesize", "--manifest", str(tmp_path / "list.csv"), "-o", "a.png"]
    assert "leave out --output" in refused(capsys, command)


def test_a_manifest(data: Path, release_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["label_map,exemplar,exemplar_label_map,output"]
    lines += [f"labels/{n}.png,images/a.png,labels/a.png,out/{n}.png" for n in "abx"]
    (data / "list.csv").write_text("\n".join(lines))
    command = ["synthesize", "--manifest", str(data / "list.csv"), "--model", str(release_folder), "--device", "cpu"]
    assert run(command) == 2
    told = capsys.readouterr()
    assert told.out.strip() == "2 drawn, 0 there already, 1 failed"
    assert "1 of 3 rows failed" in told.err
    (failure,) = map(json.loads, (data / "out" / "errors.jsonl").read_text().splitlines())
    assert (failure["line"], failure["output"]) == (4, str(data / "out" / "x.png"))
    assert "x.png does not exist" in failure["error"]

    write_png(data / "labels" / "x.png", np.zeros((9, 9), np.uint8))
    assert run(command) == 0
    assert capsys.readouterr().out.strip() == "1 drawn, 2 there already, 0 failed"
    assert (data / "out" / "errors.jsonl").read_text() == ""
    assert run([*command, "--overwrite"]) == 0
    assert "3 drawn" in capsys.readouterr().out


def test_schemas_of_rows_win_over_the_commands(data: Path, release_folder: Path) -> None:
    ade = load_schema("ade20k-150")
    write_label_map(data / "labels" / "s.png", np.full((8, 8), ade.index_of("sky"), np.int16), ade)
    row = {"label_map": "labels/s.png", "exemplar": "images/a.png", "exemplar_label_map": "labels/a.png"}
    row |= {"output": "o.png", "schema": "ade20k-150"}
    (data / "list.jsonl").write_text(json.dumps(row))
    command = ["synthesize", "--manifest", str(data / "list.jsonl"), "--model", str(release_folder), "--device", "cpu"]
    assert run([*command, "--schema", "camvid", "--exemplar-schema", "outdoor"]) == 0
    note = json.loads(read_png_text(data / "o.png")["sceneswap"])
    assert (note["label_map"]["schema"], note["exemplar_label_map"]["schema"]) == ("ade20k-150", "outdoor")


@pytest.mark.parametrize("command", ["synthesize", "swap", "export"])
def test_help_shows_a_worked_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Try:" in shown
    assert f"    sceneswap {command} " in shown
