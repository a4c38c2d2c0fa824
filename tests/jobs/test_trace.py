"""The trace of a pixel's look equals the dense affinity, without building it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sceneswap.errors import UserError
from sceneswap.images import read_photo
from sceneswap.inference.attention import Attention, attend
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source
from sceneswap.jobs.trace import class_region, contact_sheet, maps_of, overlay, point, trace, write_trace
from sceneswap.models import msca
from tests.tiny import random_scene, tiny_synthesizer, write_scene

LAYOUT = random_scene(2, 30, 42)  # sides that the network must extend


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return tiny_synthesizer()


@pytest.fixture(scope="module")
def attention(synthesizer: Synthesizer) -> tuple[Attention, ...]:
    return attend(synthesizer, LAYOUT.label_map, random_scene(1, 32, 64))


def dense(scale: Attention) -> torch.Tensor:
    """βᵀ diag(s) α, (P1, P2)."""
    return msca.effective_affinity(scale.channel.flatten(1)[None], scale.score[None], scale.spatial.flatten(1)[None])[0]


def names(synthesizer: Synthesizer) -> tuple[str, ...]:
    return (*synthesizer.schema.names, "void")


@pytest.mark.parametrize(("x", "y"), [(0, 0), (41, 29), (17, 6)])
def test_a_points_trace_is_its_row_of_the_affinity(
    synthesizer: Synthesizer, attention: tuple[Attention, ...], x: int, y: int
) -> None:
    found = trace(attention, point(LAYOUT.label_map, x, y), random_scene(1, 32, 64).label_map, names(synthesizer))
    for i, scale in enumerate(attention):
        row = (y // 2**i) * scale.channel.shape[2] + x // 2**i
        expected = dense(scale)[row].numpy()
        np.testing.assert_allclose(found.affinity[i].ravel(), expected, rtol=1e-4, atol=1e-7)
        assert sum(found.classes[i].values()) == pytest.approx(expected.sum(), rel=1e-4)
        assert 0 < expected.sum() < 1


def test_a_classs_trace_is_the_mean_of_its_rows(synthesizer: Synthesizer, attention: tuple[Attention, ...]) -> None:
    region = class_region(LAYOUT.label_map, synthesizer.schema, "sky")
    assert region.name == "the class sky-other"
    exemplar_map = random_scene(1, 32, 64).label_map
    found = trace(attention, region, exemplar_map, names(synthesizer))
    inside = np.zeros(attention[0].channel.shape[1:], bool)
    inside[:30, :42] = LAYOUT.label_map == 0
    expected = dense(attention[0])[inside.ravel()].mean(dim=0).numpy()
    np.testing.assert_allclose(found.affinity[0].ravel(), expected, rtol=1e-4, atol=1e-7)
    sky = synthesizer.encode(random_scene(1, 32, 64)).size
    assert found.affinity[0].shape == sky
    parts = list(found.classes[0].values())
    assert parts == sorted(parts, reverse=True)


def test_what_is_outside_is_refused(synthesizer: Synthesizer) -> None:
    for x, y in ((42, 0), (0, 30), (-1, 3)):
        with pytest.raises(UserError, match=rf"the point {x},{y} is outside the label map of 42×30"):
            point(LAYOUT.label_map, x, y)
    with pytest.raises(UserError, match="no pixel of the class boat; it has sky-other, tree, grass, sea"):
        class_region(LAYOUT.label_map, synthesizer.schema, "boat")
    with pytest.raises(UserError, match="there is no class 'lake'"):
        class_region(LAYOUT.label_map, synthesizer.schema, "lake")


def test_an_overlay_is_bright_where_the_weight_is() -> None:
    weights = np.zeros((4, 4), np.float32)
    weights[3, 0] = 0.02
    shown = overlay(np.full((40, 40, 3), 128, np.uint8), weights)
    assert shown[37, 2].astype(int).sum() > 2 * shown[2, 37].astype(int).sum()


def test_the_contact_sheet_holds_every_map(attention: tuple[Attention, ...]) -> None:
    sheet = contact_sheet(maps_of(attention, random_scene(1, 32, 64).photo))
    most = max(len(scale.spatial) for scale in attention)
    assert sheet.shape[0] > 2 * len(attention) * 72
    assert sheet.shape[1] > most * 144


def test_the_page_and_its_files(synthesizer: Synthesizer, tmp_path: Path) -> None:
    _, layout = write_scene(tmp_path, "layout", LAYOUT)
    photo, label_map = write_scene(tmp_path, "exemplar", random_scene(1, 32, 64))
    source = Source("exemplar", photo, label_map, synthesizer.schema)
    out = tmp_path / "out"
    write_trace(SceneReader(synthesizer), layout, source, [(3, 4)], ["sky"], out)
    assert {p.name for p in out.iterdir()} == {
        "index.html", "maps.png", "trace.json", "trace-at-3-4.png", "trace-class-sky-other.png"
    }  # fmt: skip
    record = json.loads((out / "trace.json").read_text())
    assert [r["region"] for r in record["regions"]] == ["the point 3,4", "the class sky-other"]
    assert all(0 < s["passed"] < 1 and 0 < s["half_area"] <= 1 for r in record["regions"] for s in r["scales"])
    assert read_photo(out / "trace-at-3-4.png").shape[2] == 3
    assert str(tmp_path) not in (out / "index.html").read_text()
    with pytest.raises(UserError, match="nothing to trace"):
        write_trace(SceneReader(synthesizer), layout, source, [], [], out)
