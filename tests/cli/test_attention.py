"""`sceneswap attention`."""

import json
from pathlib import Path

import pytest

from sceneswap.cli.main import run
from tests.tiny import random_scene, tiny_model, write_scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model and a data set of three scenes."""
    folder = tmp_path_factory.mktemp("attention")
    tiny_model(folder / "model")
    for i in range(3):
        write_scene(folder / "scenes", f"{i}", random_scene(i))
    return folder


def common(folder: Path, out: Path) -> list[str]:
    return ["--model", str(folder / "model"), "--device", "cpu", "--out", str(out)]


def test_matrix_then_dendrogram(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*common(folder, tmp_path), "--data", str(folder / "scenes")]
    assert run(["attention", "matrix", *options, "--pairs", "2"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "index.html")
    assert not (tmp_path / "dendrogram.png").exists()
    assert run(["attention", "dendrogram", *options, "--pairs", "3"]) == 0
    record = json.loads((tmp_path / "transfer.json").read_text())
    assert record["pairs"] == 3
    names = [*(f"untrained, seed {seed}" for seed in range(3)), "global average pooling"]
    assert list(record["controls"]) == list(json.loads((tmp_path / "dendrogram.json").read_text())["controls"]) == names
    page = (tmp_path / "index.html").read_text()
    assert all(page.count(name) >= 2 for name in names)  # beside the matrix, and beside the dendrogram
    for name in ("transfer.png", "transfer.csv", "dendrogram.png", "dendrogram.csv", "dendrogram.json"):
        assert (tmp_path / name).stat().st_size > 0


def trace(folder: Path, out: Path, *options: str, model: Path | None = None) -> int:
    scenes = folder / "scenes"
    return run([
        "attention", "trace", "--model", str(model or folder / "model"), "--device", "cpu", "--out", str(out),
        "--label-map", str(scenes / "labels/0.png"), "--exemplar", str(scenes / "images/1.png"),
        "--exemplar-label-map", str(scenes / "labels/1.png"), *options,
    ])  # fmt: skip


def test_trace(folder: Path, tmp_path: Path) -> None:
    assert trace(folder, tmp_path, "--at", "3,4", "--at", "31,0", "--class", "sky") == 0
    regions = [r["region"] for r in json.loads((tmp_path / "trace.json").read_text())["regions"]]
    assert regions == ["the point 3,4", "the point 31,0", "the class sky-other"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at", "32,0"], "the point 32,0 is outside the label map of 32×32 pixels"),
        (["--at", "middle"], "give a point as x,y"),
        (["--class", "sjy"], "did you mean"),
        (["--class", "boat"], "no pixel of the class boat"),
        ([], "nothing to trace"),
    ],
)
def test_bad_input_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert trace(folder, tmp_path, *options) == 2
    said = capsys.readouterr().err.strip()
    assert message in said
    assert said.count("\n") == 0


def test_other_mistakes(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*common(folder, tmp_path), "--data", str(folder / "scenes")]
    assert run(["attention", "matrix", *options, "--pairs", "0"]) == 2
    assert "--pairs 0: give a number from 1" in capsys.readouterr().err
    assert run(["attention", "matrix", *options, "--data", str(tmp_path / "gone")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    vae = tiny_model(tmp_path / "vae", "spade-vae")
    assert trace(folder, tmp_path, "--at", "1,1", model=vae) == 2
    assert "no attention" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["matrix", "dendrogram", "trace"])
def test_help(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["attention", kind, "--help"]) == 0
    assert f"sceneswap attention {kind}" in capsys.readouterr().out
