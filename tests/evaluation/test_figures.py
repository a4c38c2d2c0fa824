"""Figures are PNGs of the right make-up, and a drawn one is not drawn again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneswap.evaluation import figures
from sceneswap.evaluation.aggregate import binned
from sceneswap.evaluation.methods import COPY, PHOTOGRAPH, ModelMethod
from sceneswap.evaluation.pairs import FolderPairs, ProceduralPairs, Scenes, random_pairs
from sceneswap.images import read_photo
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.presets import load_schema
from sceneswap.pictures import evenly_spread

PROTOCOL: dict[str, Any] = {"task": "test"}


@pytest.fixture
def pairs(scenes_folder: Path) -> FolderPairs:
    return random_pairs(Scenes([scenes_folder], 32, load_schema("procedural")), 10, 0)


def test_swapping_figure_and_alarms_of_trivial_methods(pairs: FolderPairs, tmp_path: Path) -> None:
    scenes = evenly_spread(pairs.scenes, 3)
    copy = figures.swap_figure(COPY, pairs, scenes, tmp_path, PROTOCOL)
    photograph = figures.swap_figure(PHOTOGRAPH, pairs, scenes, tmp_path, PROTOCOL)
    assert copy.alarms.copies
    assert not copy.alarms.ignores
    assert photograph.alarms.ignores
    assert not photograph.alarms.copies
    sheet = read_photo(copy.path)
    pictures = sheet[-4 * 36 - 4 :, -4 * 36 - 4 :]  # a header and three scenes of 32 pixels, gaps of 4; names outside
    assert pictures.shape[:2] < sheet.shape[:2]
    assert np.array_equal(pictures[40:72, 40:72], scenes[0].photo)
    assert np.array_equal(pictures[40:72, 76:108], scenes[1].photo)  # columns are exemplars
    both = figures.side_by_side([copy, photograph])
    assert both.shape[1] > 2 * sheet.shape[1]


def test_a_figure_once_drawn_is_kept(pairs: FolderPairs, msca: Path, tmp_path: Path) -> None:
    scenes = evenly_spread(pairs.scenes, 2)
    model = ModelMethod("ours", Synthesizer.from_pretrained(msca, device="cpu"), pairs, 4)
    first = figures.swap_figure(model, pairs, scenes, tmp_path, PROTOCOL)
    Image.new("RGB", (8, 8)).save(first.path)
    assert figures.swap_figure(model, pairs, scenes, tmp_path, PROTOCOL) == first
    assert read_photo(first.path).shape == (8, 8, 3)
    figures.swap_figure(model, pairs, scenes, tmp_path, {"task": "another"})
    assert read_photo(first.path).shape != (8, 8, 3)


def test_layouts_and_exemplars_of_a_figure_may_differ(pairs: FolderPairs, tmp_path: Path) -> None:
    layouts, exemplars = [pairs.scenes[i] for i in (0, 1)], [pairs.scenes[i] for i in (2, 3, 4)]
    path = tmp_path / "looks.png"
    sheet = figures.looks_figure(COPY, pairs, layouts, exemplars, path, "data")
    pictures = sheet[-3 * 36 - 4 :, -4 * 36 - 4 :]
    assert np.array_equal(pictures[4:36, 40:72], exemplars[0].photo)
    assert np.array_equal(pictures[40:72, 76:108], exemplars[1].photo)
    Image.new("RGB", (8, 8)).save(path)
    assert figures.looks_figure(COPY, pairs, layouts, exemplars, path, "data").shape == (8, 8, 3)  # kept
    assert figures.looks_figure(COPY, pairs, layouts, exemplars, path, "other data").shape == sheet.shape


def test_sheet_shows_the_true_picture_where_there_is_one(pairs: FolderPairs) -> None:
    titles, lines, whole = figures.sheet(pairs, [COPY], rows=4)
    assert titles == ["label map", "exemplar", "target's photograph", "copy of the exemplar"]
    assert len(lines) == 4
    assert np.array_equal(lines[0][1][1], lines[0][1][3])
    assert whole.shape[1] == 4 * 36 + 4
    titles, lines, _ = figures.sheet(ProceduralPairs(2, 32, 0), [COPY], rows=4)
    assert titles[2] == "true picture"
    assert len(lines) == 2
    assert not np.array_equal(lines[0][1][2], lines[0][0].target.photo)


def test_every_metric_is_a_panel_with_a_line_per_method() -> None:
    similarities = np.linspace(0, 1, 50).tolist()
    bins = {name: {"L_style": binned(similarities, similarities)} for name in ("a", "b")}
    panels = figures.panels(bins, {"L_style": "lower"})
    assert list(panels) == ["L_style (lower is better)"]
    assert panels["L_style (lower is better)"]["b"] == bins["b"]["L_style"]
