"""Results are compared only when they were measured alike."""

import copy
from pathlib import Path
from typing import Any

import pytest

from sceneswap.errors import UserError
from sceneswap.evaluation.compare import compare
from sceneswap.evaluation.page import TRAINED_ON, score_rows
from sceneswap.evaluation.protocol import FORMAT
from sceneswap.files import write_json


def record(name: str, mean: float) -> dict[str, Any]:
    score = {"mean": mean, "low": mean - 1, "high": mean + 1, "n": 5}
    return {
        "format": FORMAT,
        "protocol": {"task": "swap", "size": 256, "pairs": {"count": 5, "sha256": "aa"}, "metrics": {"NN_pixel": "nn-pixel-1"}},
        "methods": {name: {"kind": "model", "weights_sha256": name * 3}},
        "better": {"NN_pixel": "lower"},
        "scores": {name: {"NN_pixel": score}},
        "overall": {name: {"FID": 2 * mean}},
        "binned": {name: {"NN_pixel": [{"from": 0.0, "to": 0.1, **score}]}},
        "versions": {"torch": "2.13", "numpy": "2.0"},
        "run": {"device": "cpu"},
    }  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "one" / "results.json", tmp_path / "two" / "results.json"


def test_like_results_are_joined(paths: tuple[Path, Path]) -> None:
    write_json(paths[0], record("ours", 3.0))
    write_json(paths[1], record("GAP", 4.0))
    joined, notes = compare([paths[0], paths[1].parent])  # a folder will do
    assert notes == []
    header, rows = score_rows(joined)
    assert header == ["method", "NN_pixel ↓", "FID"]
    assert rows == [["ours", "3 [2, 4]", "6"], ["GAP", "4 [3, 5]", "8"]]


def test_the_table_says_who_was_trained_on_what_it_measures(paths: tuple[Path, Path]) -> None:
    one, other = record("ours", 3.0), record("photograph", 4.0)
    one["methods"]["ours"]["trained_on"] = "activations of relu1_1"
    write_json(paths[0], one)
    write_json(paths[1], other)
    header, rows = score_rows(compare(paths)[0])
    assert header[-1] == TRAINED_ON
    assert [row[-1] for row in rows] == ["activations of relu1_1", "–"]


@pytest.mark.parametrize(
    ("part", "key", "value", "named"),
    [
        ("protocol", "size", 128, "size is 256 in the first and 128 in the second"),
        ("protocol", "pairs", {"count": 5, "sha256": "bb"}, "pairs.sha256 is aa in the first and bb in the second"),
        ("protocol", "metrics", {"NN_pixel": "nn-pixel-2"}, "metrics.NN_pixel is nn-pixel-1"),
        ("protocol", "resize", "bilinear", "resize is missing in the first and bilinear"),
    ],
)
def test_unlike_protocols_are_refused_by_field(
    paths: tuple[Path, Path], part: str, key: str, value: object, named: str
) -> None:
    one, other = record("ours", 3.0), record("GAP", 4.0)
    other[part][key] = value
    write_json(paths[0], one)
    write_json(paths[1], other)
    with pytest.raises(UserError, match=named):
        compare(paths)


def test_other_versions_are_noted_and_speed_is_not_compared(paths: tuple[Path, Path]) -> None:
    one, other = record("ours", 3.0), record("GAP", 4.0)
    other["versions"]["torch"], other["run"] = "2.14", {"device": "cuda"}
    write_json(paths[0], one)
    write_json(paths[1], other)
    _, notes = compare(paths)
    assert len(notes) == 1
    assert "torch is 2.14" in notes[0]


def test_the_same_row_appears_once_another_of_its_name_twice(paths: tuple[Path, Path]) -> None:
    write_json(paths[0], record("ours", 3.0))
    write_json(paths[1], copy.deepcopy(record("ours", 3.0)))
    assert list(compare(paths)[0]["scores"]) == ["ours"]
    write_json(paths[1], record("ours", 5.0))
    joined = compare(paths)[0]
    assert list(joined["scores"]) == ["ours", "ours (two)"]
    assert joined["scores"]["ours (two)"]["NN_pixel"]["mean"] == 5


def test_files_that_are_no_results(paths: tuple[Path, Path]) -> None:
    write_json(paths[0], record("ours", 3.0))
    with pytest.raises(UserError, match="at least two"):
        compare(paths[:1])
    with pytest.raises(UserError, match="is missing"):
        compare(paths)
    for unlike in ({"format": "something else"}, record("ours", 3.0) | {"format": "sceneswap-evaluation-1"}):
        write_json(paths[1], unlike)
        with pytest.raises(UserError, match="holds no results of sceneswap evaluate"):
            compare(paths)
