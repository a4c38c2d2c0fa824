"""`sceneswap labels …`: the commands on real files."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.cli.labels import COMMANDS, check, colorize, convert, list_presets, show
from sceneswap.cli.main import run
from sceneswap.errors import UserError
from sceneswap.labels.check import find_label_maps
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import PRESETS, load_schema

ADE = load_schema("ade20k-150-1based")


def save(path: Path, *values: int) -> None:
    """A label map of one row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([values], dtype=np.uint8)).save(path)


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Two ADE20K maps, one in a subfolder: sky, tree, floor, void."""
    save(tmp_path / "maps/a.png", 3, 3, 3, 5)
    save(tmp_path / "maps/deep/b.png", 3, 4, 255, 255)
    (tmp_path / "maps/notes.txt").write_text("no label map")
    save(tmp_path / "maps/.hidden/c.png", 200)
    return tmp_path / "maps"


def test_check_counts(maps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(maps, "ade20k-150-1based")
    captured = capsys.readouterr()
    assert "2 label maps of ade20k-150-1based, 8 pixels, void 25.0%" in captured.out
    rows = [line.split("│")[1:-1] for line in captured.out.splitlines() if "│" in line]
    cells = [tuple(cell.strip() for cell in row) for row in rows]
    assert cells[0] == ("3", "sky", "4", "50.00%", "2")
    assert ("5", "tree", "1", "12.50%", "1") in cells
    assert ("–", "void", "2", "25.00%", "1") in cells
    assert captured.err == ""


def test_check_collects_every_bad_file(maps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(maps / "c.png", 151, 3)
    Image.new("RGB", (4, 4)).save(maps / "d.jpg")
    before = sorted(maps.rglob("*"))
    with pytest.raises(UserError, match=r"^2 of 4 label maps in .* do not fit schema ade20k-150-1based"):
        check(maps, "ade20k-150-1based")
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert "c.png: id 151 (1 pixel) is not in schema" in lines[0]
    assert "d.jpg" in lines[1]
    assert "loses exact ids" in lines[1]
    assert "2 label maps" in captured.out
    assert sorted(maps.rglob("*")) == before


def test_check_names_what_it_passes_over_and_folders_it_cannot_read(
    maps: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["labels", "check", str(maps), "--schema", "ade20k-150-1based"]) == 0
    assert f"passed over in {maps}: 1 .txt (no label maps that can be read)" in capsys.readouterr().err
    if os.geteuid() == 0:  # whom no permission stops
        listed = os.scandir

        def forbidding(path: str) -> object:
            if Path(path).name == "deep":
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return listed(path)

        monkeypatch.setattr("os.scandir", forbidding)
    (maps / "deep").chmod(0)
    assert run(["labels", "check", str(maps), "--schema", "ade20k-150-1based"]) == 2
    captured = capsys.readouterr()
    assert f"{maps / 'deep'} may not be read" in captured.err
    assert "1 label map of" in captured.out
    (maps / "deep").chmod(0o755)


def test_check_says_what_all_maps_together_look_like(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 0, 7, 255)
    save(tmp_path / "b.png", 181, 255)
    with pytest.raises(UserError, match="together, this looks like coco-stuffthingmaps"):
        check(tmp_path, "coco-stuff")


@pytest.mark.parametrize(
    ("schema", "values", "files", "hint"),
    [
        ("ade20k-150-1based", (0, 3, 255), 1, "0 and 255 both occur"),
        ("ade20k-150", (1, 3, 255), 10, "id 0 ('wall') never occurs"),
        ("ade20k-150", (1, 3, 255), 9, ""),
        ("ade20k-150", (0, 1, 3), 10, ""),
        ("ade20k-150-1based", (0, 3, 150), 10, ""),
        ("coco-stuffthingmaps", (5, 9), 10, "id 0 ('person') never occurs"),
        ("camvid", (1, 2), 10, ""),
    ],
)
def test_check_hints_at_a_silent_shift(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, schema: str, values: tuple[int, ...], files: int, hint: str
) -> None:
    for number in range(files):
        save(tmp_path / f"{number}.png", *values)
    with caplog.at_level("INFO", "sceneswap"):
        check(tmp_path, schema)
    note = caplog.text
    assert (hint in note and "also legal in" in note) if hint else note == ""


def test_convert(maps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert(maps, "ade20k-150-1based", "outdoor", tmp_path / "out")
    outdoor = load_schema("outdoor")
    sky, tree, void = outdoor.index_of("sky-other"), outdoor.index_of("tree"), outdoor.void_index
    assert read_label_map(tmp_path / "out/a.png", outdoor).tolist() == [[sky, sky, sky, tree]]
    assert read_label_map(tmp_path / "out/deep/b.png", outdoor).tolist() == [[sky, void, void, void]]
    assert sorted(p.name for p in (tmp_path / "out").rglob("*")) == ["a.png", "b.png", "deep"]
    printed = capsys.readouterr().out
    assert "2 label maps of ade20k-150-1based written" in printed
    assert "1 class of it has no counterpart there and became void (12.5% of the pixels)" in printed
    assert "floor" in printed
    assert "tree" not in printed


def test_nothing_but_void_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "maps/a.png", 0, 255)
    assert run(["labels", "check", str(tmp_path / "maps"), "--schema", "ade20k-150-1based"]) == 2
    assert "is void everywhere" in capsys.readouterr().err
    save(tmp_path / "maps/a.png", 4, 0)  # floor, which does not occur outdoors
    convert = [
        "labels",
        "convert",
        str(tmp_path / "maps"),
        "--out",
        str(tmp_path / "out"),
        "--from",
        "ade20k-150-1based",
    ]
    assert run([*convert, "--to", "outdoor"]) == 2
    assert "is void everywhere; choose another --to" in capsys.readouterr().err
    (tmp_path / "farm.toml").write_text('void_ids = [9]\nclasses = [{ id = 0, name = "barn" }]')
    assert run([*convert, "--to", str(tmp_path / "farm.toml"), "--overwrite"]) == 2
    assert "no class of schema ade20k-150-1based has a counterpart in farm" in capsys.readouterr().err


def test_converting_a_tiff_writes_a_png(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    Image.fromarray(np.array([[3, 5]], np.uint8)).save(tmp_path / "maps/a.tif")
    convert(tmp_path / "maps", "ade20k-150-1based", "ade20k-150", tmp_path / "out")
    assert np.asarray(Image.open(tmp_path / "out/a.png")).tolist() == [[2, 4]]


def test_convert_one_file_and_overwriting(maps: Path, tmp_path: Path) -> None:
    convert(maps / "a.png", "ade20k-150-1based", "ade20k-150", tmp_path / "out")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/a.png")), [[2, 2, 2, 4]])
    with pytest.raises(UserError, match="--overwrite"):
        convert(maps / "a.png", "ade20k-150-1based", "outdoor", tmp_path / "out")
    convert(maps / "a.png", "ade20k-150-1based", "outdoor", tmp_path / "out", overwrite=True)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/a.png")), [[0, 0, 0, 3]])


def test_converting_a_folder_into_itself_is_refused(maps: Path) -> None:
    before = (maps / "a.png").read_bytes()
    with pytest.raises(UserError, match="exists"):
        convert(maps, "ade20k-150-1based", "outdoor", maps)
    assert (maps / "a.png").read_bytes() == before


def test_colorize(maps: Path, tmp_path: Path) -> None:
    colorize(maps, "ade20k-150-1based", tmp_path / "colors")
    colors = np.asarray(Image.open(tmp_path / "colors/deep/b.png"))
    assert colors.shape == (1, 4, 3)
    np.testing.assert_array_equal(colors[0, 0], ADE.colors[ADE.index_of("sky")])
    assert colors[0, 3].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(read_label_map(tmp_path / "colors/a.png", ADE), read_label_map(maps / "a.png", ADE))


def test_two_maps_that_would_become_one_picture(maps: Path, tmp_path: Path) -> None:
    np.save(maps / "a.npy", np.array([[3]]))
    with pytest.raises(UserError, match="both become"):
        colorize(maps, "ade20k-150-1based", tmp_path / "colors")
    assert not (tmp_path / "colors").exists()


def test_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no label map"):
        find_label_maps(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        find_label_maps(tmp_path / "missing")


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    list_presets()
    printed = capsys.readouterr().out
    assert all(name in printed for name in PRESETS)
    show("stanford-background")
    printed = capsys.readouterr().out
    assert "foreground object" in printed
    assert "building-other" in printed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_its_help_in_an_example(name: str) -> None:
    text = COMMANDS[name].__doc__ or ""
    assert f"sceneswap labels {name}" in text.split("Try:")[1]


def test_on_the_command_line(maps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--from", "ade20k-150-1based", "--to", "outdoor", "--out", str(tmp_path / "out")]
    assert run(["labels", "convert", str(maps), *flags]) == 0
    assert (tmp_path / "out/a.png").is_file()
    capsys.readouterr()
    assert run(["labels", "check", str(maps), "--schema", "coco-stuff"]) == 2
    captured = capsys.readouterr().err
    assert captured.splitlines()[-1].startswith("sceneswap: 1 of 2 label maps")
