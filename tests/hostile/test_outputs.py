"""No command writes over a file that it reads, and none outside its folder."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sceneswap.cli.main import run
from sceneswap.errors import UserError
from sceneswap.files import atomic_path, slug, write_bytes
from sceneswap.guard import keep_inputs
from sceneswap.images import write_png


def _photo(path: Path, seed: int = 0) -> Path:
    write_png(path, np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8))
    return path


def test_two_names_of_one_file_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    (tmp_path / "soft").symlink_to("a")
    os.link(tmp_path / "a", tmp_path / "hard")
    (tmp_path / "other").write_text("mine")
    for name in ("a", "soft", "hard", "../" + tmp_path.name + "/a"):
        with pytest.raises(UserError, match="would overwrite the input"):
            keep_inputs([tmp_path / name], [tmp_path / "a"])
    keep_inputs([tmp_path / "other", tmp_path / "new"], [tmp_path / "a", None, tmp_path / "gone"])
    with pytest.raises(UserError, match="lies in"):
        keep_inputs([], [tmp_path / "a"], filled=[tmp_path])


@pytest.mark.parametrize("name", ["grid.png", "strips.png", "maps.png"])
def test_a_sheet_is_not_written_over_a_photograph(
    tmp_path: Path, head_folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    photo, other = str(_photo(tmp_path / name)), str(_photo(tmp_path / "b.png", 1))
    before = Path(photo).read_bytes()
    out = ["--out", str(tmp_path), "--model", str(head_folder)]
    command = {
        "grid.png": ["swap", photo, other, *out],
        "strips.png": [
            "interpolate",
            "global",
            "--label-map",
            other,
            "--exemplars",
            photo,
            other,
            "--frames",
            "2",
            *out,
        ],
        "maps.png": ["attention", "trace", "--at", "3,3", "--label-map", other, "--exemplar", photo, *out],
    }[name]
    assert run(command) == 2
    assert "would overwrite the input" in capsys.readouterr().err
    assert Path(photo).read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "b.png"])


def test_a_grid_does_not_join_the_photographs_it_was_drawn_from(
    tmp_path: Path, head_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        _photo(tmp_path / f"{name}.png")
    assert run(["swap", str(tmp_path), "--out", str(tmp_path), "--model", str(head_folder)]) == 2
    assert "grid.png would be taken for one next time" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("folder", ["colors", "labels"])
def test_estimated_maps_do_not_replace_their_photographs(
    tmp_path: Path, head_folder: Path, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    before = _photo(tmp_path / folder / "a.png").read_bytes()
    arguments = ["labels", "estimate", str(tmp_path / folder), "--out", str(tmp_path), "--model", str(head_folder)]
    assert run([*arguments, "--overwrite"]) == 2
    assert "would overwrite the input" in capsys.readouterr().err
    assert (tmp_path / folder / "a.png").read_bytes() == before


def test_a_list_of_failures_replaces_only_such_a_list(
    tmp_path: Path, release_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, mine, ours = (tmp_path / name for name in ("list.csv", "notes.txt", "errors.jsonl"))
    manifest.write_text("label_map,exemplar,exemplar_label_map,output\nnope.png,b.png,c.png,o.png\n")
    mine.write_text("precious")
    ours.write_text('{"line": 9, "output": "o.png", "error": "old"}\n')
    arguments = ["synthesize", "--manifest", str(manifest), "--model", str(release_folder), "--errors"]
    for path in (mine, manifest):
        before = path.read_bytes()
        assert run([*arguments, str(path)]) == 2
        assert "is no list of failed rows" in capsys.readouterr().err
        assert path.read_bytes() == before
    assert run([*arguments, str(ours)]) == 2
    assert "nope.png" in ours.read_text()


@pytest.mark.parametrize(
    "name", ["x/../../../escaped", "..", ".", "", "/etc", "a\0b", "\ud800", "n" * 500, "x\\y", "con:"]
)
def test_any_name_gives_a_file_inside_the_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"class-{slug(name)}.png"
    write_bytes(path, b"x")
    assert path.resolve().parent == tmp_path
    assert slug(name) != slug(name + "x")


def test_what_killed_processes_leave_is_deleted_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from sceneswap.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as temporary:\n    temporary.touch(); os.kill(os.getpid(), 9)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a")]) as killed:
        pass
    (left,) = tmp_path.iterdir()
    assert f"-{killed.pid}-" in left.name
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as alive:
        writing = tmp_path / left.name.replace(f"-{killed.pid}-", f"-{alive.pid}-")
        elsewhere = tmp_path / ".sceneswap-00000000-1-abcd.tmp"
        for path in (writing, elsewhere):
            path.touch()
        write_bytes(tmp_path / "b", b"x")
        assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "b", writing, elsewhere])
        alive.communicate(b"\n")


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    write_bytes(tmp_path / ("n" * 255), b"x")
    with pytest.raises(UserError, match="too long"), atomic_path(tmp_path / ("n" * 256)):
        pytest.fail("the name is refused before the work")
    assert len(list(tmp_path.iterdir())) == 1
