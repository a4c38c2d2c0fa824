"""`sceneswap swap` and `sceneswap export` as they are typed."""

from pathlib import Path

import pytest

from sceneswap.cli.main import run
from tests.tiny import write_run


def test_swap_prints_the_page(
    data: Path, release_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "swapped"
    command = ["swap", str(data), "--out", str(out), "--model", str(release_folder), "--device", "cpu", "--limit", "2"]
    assert run(command) == 0
    told = capsys.readouterr()
    assert told.out.strip().splitlines()[-1] == str(out / "index.html")
    assert "taking 2 of 4 scenes" in told.err
    assert len(list((out / "swaps").iterdir())) == 4


def test_swap_takes_photographs_and_a_folder_of_maps(data: Path, release_folder: Path, tmp_path: Path) -> None:
    photos = [str(data / "images" / f"{n}.png") for n in "ab"]
    command = ["swap", *photos, "--labels", str(data / "labels"), "--schema", "outdoor"]
    assert run([*command, "--out", str(tmp_path / "o"), "--model", str(release_folder), "--device", "cpu"]) == 0
    assert len(list((tmp_path / "o" / "swaps").iterdir())) == 4


def test_swap_says_what_is_wrong(
    data: Path, release_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "o"), "--model", str(release_folder)]
    assert run(["swap", str(tmp_path / "nowhere"), *out]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert run(["swap", *out]) == 2
    assert "nothing to swap" in capsys.readouterr().err
    assert run(["swap", str(data), *out, "--batch-size", "0"]) == 2
    assert "--batch-size" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_export_makes_a_model_to_swap_with(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "run")
    assert run(["export", str(tmp_path / "run"), "--out", str(tmp_path / "model"), "--half", "--name", "hills"]) == 0
    assert capsys.readouterr().out.startswith("hills: msca, 36 classes of outdoor, step 8")
    command = ["swap", str(data), "--out", str(tmp_path / "o"), "--model", str(tmp_path / "model"), "--limit", "1"]
    assert run([*command, "--device", "cpu"]) == 0
    assert run(["export", str(data), "--out", str(tmp_path / "other")]) == 2
    assert "is no training run" in capsys.readouterr().err


def test_a_grid_that_is_no_square(
    data: Path, release_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o"
    base = ["swap", "--out", str(out), "--model", str(release_folder), "--device", "cpu"]
    rows, columns = ["--layouts", str(data / "labels")], ["--looks", str(data)]
    assert run([*base, *rows, *columns, "--limit", "3", "--format", "jpg", "--quality", "80", "-j", "2"]) == 0
    assert capsys.readouterr().err.count("taking 3 of 4") == 1  # said once
    assert len(list((out / "swaps").glob("*.jpg"))) == 9
    assert run([*base, *rows, "--schema", "camvid", *columns]) == 2
    assert "camvid" in capsys.readouterr().err
    for wrong in (rows, columns, [str(data), *rows, *columns], [*rows, *columns, "--quality", "101"]):
        assert run([*base, *wrong]) == 2
        assert "--" in capsys.readouterr().err
