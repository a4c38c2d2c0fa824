"""Estimated against true label maps: what is counted, in classes and in groups."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sceneswap.checkpoint import Release, folded_copy, save_release
from sceneswap.cli.main import run
from sceneswap.config import load_train_config
from sceneswap.data.folder import FolderDataset
from sceneswap.evaluation.labels import (
    COARSE,
    class_ious,
    count,
    evaluate_labels,
    group_mapping,
    grouped,
    scores,
)
from sceneswap.inference.segmentation import shipped_segmenter
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.build import build_generator
from sceneswap.scene import LabelMap, Photo

OUTDOOR = load_schema("outdoor")


class Known:
    """Answers true label maps by heart, after `change`; in the classes of the data."""

    def __init__(self, root: Path, schema: LabelSchema, change: Callable[[LabelMap], LabelMap]) -> None:
        scenes = FolderDataset([root], schema)
        self._maps = {scenes[i].photo.tobytes(): scenes[i].label_map for i in range(len(scenes))}
        self._change = change
        self.record = {"network": "memory", "sha256": "0"}

    def label(self, photo: Photo) -> LabelMap:
        return self._change(self._maps[photo.tobytes()])


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained tiny model with a label head."""
    folder = tmp_path_factory.mktemp("head")
    torch.manual_seed(0)
    model = replace(load_train_config("tiny").model, label_head=8)
    save_release(folder, Release(folded_copy(build_generator(model, OUTDOOR.num_classes)), model, OUTDOOR, {}))
    return folder


def test_every_class_is_in_one_group() -> None:
    assert sorted(name for names in COARSE.values() for name in names) == sorted(OUTDOOR.names)
    stanford = load_schema("stanford-background")
    groups = group_mapping(OUTDOOR)[stanford.mapping_to(OUTDOOR)]
    assert sorted(groups.tolist()) == list(range(len(COARSE) + 1))  # its 8 classes are the 8 groups, void stays void


def test_counts_and_scores_by_hand() -> None:
    true = np.array([[0, 0, 1, 1], [2, 2, 3, 3]], np.int16)  # void is 3
    said = np.array([[0, 1, 1, 1], [3, 2, 0, 3]], np.int16)
    counts = count(true, said, 3)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [0, 0, 1, 1]]
    np.testing.assert_allclose(class_ious(counts), [1 / 2, 2 / 3, 1 / 2])
    found = scores(counts)
    assert found["pixel accuracy"] == pytest.approx(4 / 6)
    assert found["mean IoU"] == pytest.approx((1 / 2 + 2 / 3 + 1 / 2) / 3)
    merged = grouped(counts, np.array([0, 0, 1, 2], np.int16))
    assert merged.tolist() == [[4, 0, 0], [0, 1, 1]]
    assert scores(merged)["pixel accuracy"] == pytest.approx(5 / 6)


def test_classes_that_no_true_map_has_do_not_count() -> None:
    counts = count(np.array([[0, 0]], np.int16), np.array([[0, 1]], np.int16), 3)
    np.testing.assert_allclose(class_ious(counts), [0.5, np.nan, np.nan])
    assert scores(counts) == {"pixel accuracy": 0.5, "mean IoU": 0.5}
    assert scores(np.zeros((3, 4), np.int64)) == {"pixel accuracy": 0.0, "mean IoU": 0.0}


def test_the_truth_scores_one_and_its_groups_forgive_neighbours(scenes_folder: Path, tmp_path: Path) -> None:
    schema = load_schema("procedural")
    right = Known(scenes_folder, schema, lambda m: m)
    page = evaluate_labels([scenes_folder], right, schema, tmp_path / "right", about=right.record)
    record = json.loads((tmp_path / "right" / "labels.json").read_text())
    assert record["scores"]["scenes"] == record["scores"]["all"]
    for part in ("outdoor", "groups"):
        assert record["scores"]["all"][part] == {"pixel accuracy": 1.0, "mean IoU": 1.0}
    assert record["scores"]["all"]["scenes"] == 8
    by_group = record["scores"]["all"]["by group"]
    assert all(one["recall"] == one["IoU"] == 1 for one in by_group.values())
    assert sum(one["share"] for one in by_group.values()) == pytest.approx(1)
    text = page.read_text()
    assert str(tmp_path) not in text
    assert "memory" in text

    table = np.arange(schema.num_classes + 1, dtype=np.int16)  # every class becomes another of its group, where it can
    groups = group_mapping(OUTDOOR)[schema.mapping_to(OUTDOOR)]
    for i in range(schema.num_classes):
        others = [j for j in range(schema.num_classes) if j != i and groups[j] == groups[i]]
        table[i] = others[0] if others else i
    near = Known(scenes_folder, schema, lambda m: table[m])
    evaluate_labels([scenes_folder], near, schema, tmp_path / "near", about=near.record, limit=3)
    found = json.loads((tmp_path / "near" / "labels.json").read_text())["scores"]["all"]
    assert found["scenes"] == 3
    assert found["groups"]["pixel accuracy"] == 1
    assert found["outdoor"]["pixel accuracy"] < 0.5


def test_the_command(
    head: Path, msca: Path, scenes_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "labels", "--data", str(scenes_folder), "--out", str(tmp_path / "out")]
    assert run([*command, "--model", str(head), "--device", "cpu", "--limit", "4"]) == 0
    told = capsys.readouterr().out
    assert told.strip().endswith(str(tmp_path / "out" / "index.html"))
    assert "groups 8: pixel accuracy" in told
    record = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert record["labeller"]["network"].startswith("label head of")
    assert record["scores"]["all"]["scenes"] == 4
    assert 0 <= record["scores"]["all"]["groups"]["pixel accuracy"] <= 1
    assert np.array(record["confusion of groups"]).sum() == record["scores"]["all"]["pixels"]
    assert (
        run([*command, "--model", str(msca), "--device", "cpu", "--limit", "4"]) == 0
    )  # without a head: the segmenter
    record = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert record["labeller"]["sha256"] == shipped_segmenter().sha256
    assert record["scores"]["all"]["groups"]["pixel accuracy"] > 0.3
    for options, words in (
        (["--model", str(head), "--segmenter", "org/name"], "leave out one of them"),
        (["--limit", "0"], "--limit 0: give a number from 1"),
        (["--segmenter", str(tmp_path / "gone.safetensors")], "gone.safetensors"),
        (["--model", str(head), "--data", str(tmp_path / "gone")], "is not a folder"),
    ):
        assert run([*command, *options]) == 2
        said = capsys.readouterr().err.strip()
        assert words in said
        assert "\n" not in said
