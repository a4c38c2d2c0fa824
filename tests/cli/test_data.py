"""`sceneswap data render`: folders of scenes and of swaps, resumed, refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from sceneswap.cli.main import run
from sceneswap.data.folder import FolderDataset
from sceneswap.images import read_photo
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import TEST_SEEDS, scene, swap_pair


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def render(out: Path, *options: object) -> int:
    return run(["data", "render", "--out", str(out), "--workers", "1", *map(str, options)])


def test_scenes_become_a_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render(tmp_path, "--count", 3, "--seed", 5, "--size", 40, "--width", 56) == 0
    assert "scenes rendered in " in capsys.readouterr().out
    index = json.loads((tmp_path / "scenes.json").read_text())
    assert index == {
        "format": "sceneswap-scenes-1",
        "kind": "scenes",
        "size": [40, 56],
        "schema": "outdoor",
        "seeds": [5, 6, 7],
    }
    outdoor = load_schema("outdoor")
    dataset = FolderDataset([tmp_path], outdoor)
    assert len(dataset) == 3
    for number, seed in enumerate((5, 6, 7)):
        wanted, found = scene(seed, (40, 56)), dataset[number]
        assert np.array_equal(found.photo, wanted.photo)
        assert np.array_equal(found.label_map, load_schema("procedural").convert(wanted.label_map, outdoor))


def test_the_procedural_schema(tmp_path: Path) -> None:
    assert render(tmp_path, "--count", 1, "--size", 32, "--schema", "procedural") == 0
    schema = load_schema("procedural")
    assert (tmp_path / "schema.toml").read_text() == 'preset = "procedural"\n'
    label_map = read_label_map(tmp_path / "labels" / "000000.png", schema)
    assert np.array_equal(label_map, scene(0, (32, 32)).label_map)
    assert np.array_equal(FolderDataset([tmp_path], schema)[0].label_map, label_map)


def test_an_interrupted_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    assert render(whole, "--count", 5, "--size", 32) == 0
    assert render(resumed, "--count", 3, "--size", 32) == 0
    (resumed / "labels" / "000001.png").unlink()
    untouched = (resumed / "images" / "000002.png").stat().st_mtime_ns
    capsys.readouterr()
    assert render(resumed, "--count", 5, "--size", 32) == 0
    assert ": 3; already there: 2" in capsys.readouterr().out
    assert (resumed / "images" / "000002.png").stat().st_mtime_ns == untouched
    assert files_of(resumed) == files_of(whole)


def test_several_processes_write_the_same_files(tmp_path: Path) -> None:
    assert render(tmp_path / "one", "--count", 9, "--size", 24) == 0
    assert (
        run(["data", "render", "--out", str(tmp_path / "two"), "--count", "9", "--size", "24", "--workers", "2"]) == 0
    )
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_swaps_with_their_answers(tmp_path: Path) -> None:
    assert render(tmp_path, "--swaps", 2, "--size", 32) == 0
    lines = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    outdoor, drawn = load_schema("outdoor"), load_schema("procedural")
    for number, line in enumerate(lines):
        target, exemplar, answer = swap_pair(TEST_SEEDS + number, (32, 32))
        assert set(line) == {"label_map", "exemplar", "exemplar_label_map", "answer"}
        assert np.array_equal(read_photo(tmp_path / line["answer"]), answer)
        assert np.array_equal(read_photo(tmp_path / line["exemplar"]), exemplar.photo)
        for name, wanted in (("label_map", target.label_map), ("exemplar_label_map", exemplar.label_map)):
            assert np.array_equal(read_label_map(tmp_path / line[name], outdoor), drawn.convert(wanted, outdoor))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "either --count or --swaps"),
        (("--count", 2, "--swaps", 2), "either --count or --swaps"),
        (("--count", -3), "--count -3: give a number from 0"),
        (("--count", 10**24), "--count 1,000,000,000,000,000,000,000,000: give"),
        (("--count", 1, "--height", 0), "--height 0: give a number from 16 to 4,096"),
        (("--count", 1, "--width", 100000), "--width 100,000"),
        (("--count", 1, "--seed", -1), "--seed -1"),
        (("--count", 1, "--workers", 0), "--workers 0"),
        (("--count", 1, "--schema", "indoor"), "schema"),
    ],
)
def test_wrong_options_are_refused(
    tmp_path: Path, options: tuple[object, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "render", "--out", str(tmp_path / "out"), *map(str, options)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_pictures_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render(tmp_path / "a", "--count", 1, "--size", 32) == 0
    before = files_of(tmp_path / "a")
    for options in (("--size", 40), ("--size", 32, "--schema", "procedural")):
        assert render(tmp_path / "a", "--count", 2, *options) == 2
        assert "choose another folder" in capsys.readouterr().err
    assert render(tmp_path / "a", "--swaps", 1, "--size", 32) == 2
    assert files_of(tmp_path / "a") == before

    (tmp_path / "mine" / "images").mkdir(parents=True)
    assert render(tmp_path / "mine", "--count", 1, "--size", 32) == 2
    assert "has not written" in capsys.readouterr().err

    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "scenes.json").write_text('{"seeds": 3}')
    assert render(tmp_path / "bad", "--count", 1, "--size", 32) == 2
    assert "is not an index" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert render(tmp_path / "file" / "out", "--count", 1, "--size", 32) == 2
    assert "cannot write" in capsys.readouterr().err
