"""Blends as users make them: weights, maps, classes, their composition, and what is refused."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sceneswap.errors import UserError
from sceneswap.images import write_png
from sceneswap.inference import weights as weights_module
from sceneswap.inference.blend import BORDER, blend, find_class, normalised
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.weights import class_choice, path_weights, pattern, read_weight_map
from sceneswap.labels.presets import load_schema
from tests.tiny import random_scene, tiny_synthesizer

LAYOUT = random_scene(9, 30, 42).label_map  # sides that the network must extend; holds classes 0, 3, 5, 19


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return tiny_synthesizer()


@pytest.fixture(scope="module")
def looks(synthesizer: Synthesizer) -> list[Look]:
    return [synthesizer.encode(random_scene(i, *size)) for i, size in enumerate([(32, 32), (32, 64), (48, 32)], 1)]


def equal(first: np.ndarray, second: np.ndarray) -> bool:
    return bool((first == second).all())


# --- Drawn ------------------------------------------------------------------------------------------------------------


def test_zero_and_one_draw_the_single_picture_exactly(synthesizer: Synthesizer, looks: list[Look]) -> None:
    alone = synthesizer.draw(LAYOUT, looks[1])
    assert alone.shape == (30, 42, 3)
    everywhere = dict.fromkeys(synthesizer.schema.names, 1)
    for mixed in (
        blend(looks, [0, 1, 0]),
        blend([looks[1]]),
        blend(looks[:2], maps=[np.zeros((3, 5)), np.ones((2, 2))]),
        blend(looks, classes=everywhere, rest=1),
        blend([looks[1], looks[1]], [0.0, 1.0], maps="radial"),
    ):
        assert equal(synthesizer.draw(LAYOUT, mixed), alone)


def test_blends_of_every_kind_lie_between(synthesizer: Synthesizer, looks: list[Look]) -> None:
    first, last = (synthesizer.draw(LAYOUT, look) for look in looks[:2])
    assert not equal(first, last)
    for mixed in (
        blend(looks[:2], [0.5, 0.5]),
        blend(looks[:2], maps="left-right"),
        blend(looks[:2], classes={"sky": 1}, rest=0, border=4),
    ):
        drawn = synthesizer.draw(LAYOUT, mixed)
        assert not equal(drawn, first)
        assert not equal(drawn, last)


def test_copies_of_one_exemplar_draw_as_one(synthesizer: Synthesizer, looks: list[Look]) -> None:
    alone = synthesizer.draw(LAYOUT, looks[0]).astype(int)
    for mixed in (blend([looks[0]] * 2, [0.3, 0.7]), blend([looks[0]] * 3, maps="top-bottom")):
        assert np.abs(synthesizer.draw(LAYOUT, mixed) - alone).max() <= 1


def test_a_batch_may_hold_blends(synthesizer: Synthesizer, looks: list[Look]) -> None:
    mixed = blend(looks[:2], [0.5, 0.5])
    drawn = synthesizer.draw_batch([LAYOUT] * 4, [looks[0], mixed, looks[0], mixed])
    assert equal(drawn[1], synthesizer.draw(LAYOUT, mixed))
    assert equal(drawn[1], drawn[3])
    assert np.abs(drawn[0].astype(int) - synthesizer.draw(LAYOUT, looks[0])).max() <= 1


def test_encoding_once_is_enough(synthesizer: Synthesizer, looks: list[Look]) -> None:
    network, calls = synthesizer.release.network, Counter[str]()
    counters = [
        part.register_forward_hook(lambda *_, name=name: calls.update([name]))
        for name, part in (("encoded", network.image_encoder), ("drawn", network.synthesis))
    ]
    ends = [synthesizer.encode(random_scene(i)) for i in (1, 2)]
    for t in np.linspace(0, 1, 11):
        synthesizer.draw(LAYOUT, blend(ends, [1 - t, t]))
    for counter in counters:
        counter.remove()
    assert calls == {"encoded": 2, "drawn": 11}


@pytest.mark.parametrize("kind", ["msca", "gap"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_nothing_is_ever_nan(kind: str, precision: str) -> None:
    release = tiny_synthesizer(kind).release
    synthesizer = Synthesizer(release, device="cpu", precision=precision)  # type: ignore[arg-type]
    first, second = (synthesizer.encode(random_scene(i)) for i in (1, 2))
    seen = []
    release.network.synthesis.register_forward_hook(lambda module, inputs, drawn: seen.append(drawn))
    for mixed in (
        blend([first, second], [1e-30, 1]),
        blend([first, second], [0.5, 0.5]),
        blend([first, second], [3, -2], extrapolate=True),
        blend([first, second], maps="left-right"),
        blend([first, second], maps=[np.full((2, 2), 2.5), np.full((2, 2), -1.5)], extrapolate=True),
        blend([first, second], classes={"sky": 0}, rest=1, border=3),
    ):
        synthesizer.draw(LAYOUT, mixed)
    assert len(seen) == 6
    assert all(image.isfinite().all() for image in seen)


def test_the_baseline_mixes_globally_only() -> None:
    synthesizer = tiny_synthesizer("spade-vae")
    first, second = (synthesizer.encode(random_scene(i)) for i in (1, 2))
    assert equal(synthesizer.draw(LAYOUT, blend([first, second], [1, 0])), synthesizer.draw(LAYOUT, first))
    synthesizer.draw(LAYOUT, blend([first, second], [0.5, 0.5]))
    for mixed in (blend([first, second], maps="radial"), blend([first, second], classes={"sky": 0}, rest=1)):
        with pytest.raises(UserError, match="no attention"):
            synthesizer.draw(LAYOUT, mixed)


# --- Weights ----------------------------------------------------------------------------------------------------------


def test_the_looks_of_classes_pass_softly_into_each_other(looks: list[Look]) -> None:
    layout = np.zeros((40, 60), np.int16)
    layout[:, 30:] = 3
    soft = blend(looks[:2], classes={"sky": 0}, rest=1).weights_on(layout)
    assert isinstance(soft, np.ndarray)
    across = soft[0, 20]
    assert np.all(np.diff(across) <= 0)
    assert across[0] == 1
    assert across[-1] == 0
    assert 0.3 < across[29] < 0.7
    assert np.sum((across > 0.05) & (across < 0.95)) <= BORDER
    assert set(np.unique(blend(looks[:2], classes={"sky": 0}, rest=1, border=0).weights_on(layout))) == {0, 1}


def test_weights_compose_as_documented(looks: list[Look]) -> None:
    maps = [np.full((30, 42), w, np.float32) for w in (0.2, 0.3, 0.5)]
    mixed = blend(looks, [0.5, 0.25, 0.25], maps=maps, classes={"sky": 2, "tree": looks[0]}, border=0)
    weights = mixed.weights_on(LAYOUT)
    assert isinstance(weights, np.ndarray)
    assert weights.shape == (3, 30, 42)
    np.testing.assert_allclose(weights[:, LAYOUT == 0].T, np.broadcast_to([0, 0, 1], (np.sum(LAYOUT == 0), 3)))
    np.testing.assert_allclose(weights[:, LAYOUT == 3].T, np.broadcast_to([1, 0, 0], (np.sum(LAYOUT == 3), 3)))
    rest = np.array([0.5 * 0.2, 0.25 * 0.3, 0.25 * 0.5])
    rest /= rest.sum()
    np.testing.assert_allclose(weights[:, LAYOUT == 5].T, np.broadcast_to(rest, (np.sum(LAYOUT == 5), 3)), rtol=1e-5)


def test_without_maps_and_classes_the_weights_are_numbers(looks: list[Look]) -> None:
    assert blend(looks[:2], [0.25, 0.75]).weights_on(LAYOUT) == (0.25, 0.75)
    assert blend(looks[:2]).weights_on(LAYOUT) == (0.5, 0.5)


def test_maps_of_other_sizes_are_stretched(looks: list[Look]) -> None:
    left = np.zeros((120, 168), np.float32)
    left[:, :84] = 1
    weights = blend(looks[:2], maps=[left, (1 - left)[:7, :]]).weights_on(LAYOUT)
    assert isinstance(weights, np.ndarray)
    np.testing.assert_allclose(weights.sum(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(weights[0, :, :20], 1, atol=1e-5)
    np.testing.assert_allclose(weights[1, :, 22:], 1, atol=1e-5)


def test_the_last_map_may_be_left_out(looks: list[Look]) -> None:
    weights = blend(looks[:2], maps=[np.full((4, 4), 0.25)]).weights_on(LAYOUT)
    assert isinstance(weights, np.ndarray)
    np.testing.assert_allclose(weights[:, 0, 0], [0.25, 0.75])


def test_a_border_softens_the_choice_by_class() -> None:
    label_map = np.zeros((8, 64), np.int16)
    label_map[:, 32:] = 3
    hard = class_choice(label_map, {0: 0, 3: 1}, None, 2)
    assert equal(hard[0], label_map == 0)
    soft = class_choice(label_map, {0: 0, 3: 1}, None, 2, border=12)
    np.testing.assert_allclose(soft.sum(axis=0), 1, rtol=1e-5)
    inside = (soft[0, 4] > 0.025) & (soft[0, 4] < 0.975)
    assert inside.sum() == 12
    assert (np.diff(soft[0, 4]) <= 1e-6).all()


def test_void_and_unnamed_classes_take_the_rest() -> None:
    schema = load_schema("outdoor")
    label_map = np.array([[0, 5, schema.void_index]], np.int16)
    assert class_choice(label_map, {0: 1}, 0, 2)[:, 0].T.tolist() == [[0, 1], [1, 0], [1, 0]]
    assert class_choice(label_map, {0: 1}, None, 2)[:, 0].T.tolist() == [[0, 1], [0.5, 0.5], [0.5, 0.5]]


@given(st.floats(-0.5, 1.5), st.integers(2, 5))
def test_path_weights_sum_to_one(t: float, count: int) -> None:
    weights = path_weights(t, count)
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    if 0 <= t <= 1:
        assert weights.min() >= 0
        assert np.count_nonzero(weights) <= 2


@pytest.mark.parametrize("count", [2, 3])
def test_patterns_are_pure_at_their_ends(count: int) -> None:
    left_right, top_bottom = pattern("left-right", count, (6, 9)), pattern("top-bottom", count, (6, 9))
    assert (left_right[0, :, 0] == 1).all()
    assert (left_right[-1, :, -1] == 1).all()
    assert (top_bottom[0, 0] == 1).all()
    assert (top_bottom[-1, -1] == 1).all()
    radial = pattern("radial", count, (7, 9))
    assert radial[0, 3, 4] == 1
    assert radial[-1, 0, 0] == 1
    np.testing.assert_allclose(pattern("left-right", 2, (4, 5), overshoot=0.5)[0, 0], [1.5, 1, 0.5, 0, -0.5])


def test_weights_are_normalised_with_a_note(looks: list[Look]) -> None:
    mixed = blend(looks[:2], [2, 1])
    assert mixed.weights == pytest.approx((2 / 3, 1 / 3))
    assert "do not sum to 1" in mixed.notes[0]
    assert blend(looks[:2], [0.1 + 0.2, 0.7]).notes == ()
    assert normalised([1.5, -0.5], 2, extrapolate=True) == ((1.5, -0.5), ())


def test_class_names_may_be_shortened() -> None:
    schema = load_schema("outdoor")
    assert find_class(schema, "sea") == "sea"
    assert find_class(schema, "sky") == "sky-other"  # the word, though skyscraper begins so too
    assert find_class(schema, "play") == "playingfield"
    with pytest.raises(UserError, match="may mean sky-other, plant-other"):
        find_class(schema, "other")
    with pytest.raises(UserError, match=r"did you mean.*mountain"):
        find_class(schema, "mountian")


def test_weight_map_files(tmp_path: Path) -> None:
    grey = np.array([[0, 51, 255]], np.uint8)
    write_png(tmp_path / "8.png", grey)
    write_png(tmp_path / "16.png", grey.astype(np.uint16) * 257)
    write_png(tmp_path / "rgb.png", np.repeat(grey[..., None], 3, axis=2))
    for name in ("8", "16", "rgb"):
        np.testing.assert_allclose(read_weight_map(tmp_path / f"{name}.png"), [[0, 0.2, 1]], rtol=1e-5)
    with pytest.raises(UserError, match=r"weight map .*gone\.png does not exist"):
        read_weight_map(tmp_path / "gone.png")


# --- Refused ----------------------------------------------------------------------------------------------------------


def test_bad_blends_are_refused(looks: list[Look]) -> None:
    two = looks[:2]
    ones = np.ones((4, 4))
    for message, make in {
        "at least one exemplar": lambda: blend([]),
        "2 exemplars but 3 weights": lambda: blend(two, [1, 1, 1]),
        "are all zero": lambda: blend(two, [0, 0]),
        "hold a negative one": lambda: blend(two, [1.5, -0.5]),
        "not all finite": lambda: blend(two, [float("nan"), 1]),
        "do not add up": lambda: blend(two, [1, -2], extrapolate=True),
        "weights 1, -1 do not add up": lambda: blend(two, [1, 1e-12 - 1], extrapolate=True),
        "rest without classes": lambda: blend(two, rest=0),
        "there is no pattern": lambda: blend(two, maps="diagonal"),  # type: ignore[arg-type]
        "2 exemplars but 3 weight maps": lambda: blend(two, maps=[ones] * 3),
        "zero everywhere": lambda: blend(two, maps=[0 * ones] * 2),
        "holds negative weights": lambda: blend(two, maps=[ones, -ones]),
        "finite numbers": lambda: blend(two, maps=[ones, np.nan * ones]),
        "there is no class 'lake'": lambda: blend(two, classes={"lake": 0}),
        "no exemplar number 2": lambda: blend(two, classes={"sea": 2}),
        "not among the exemplars": lambda: blend(two, classes={"sea": looks[2]}),
        "border": lambda: blend(two, classes={"sea": 0}, border=-1),
    }.items():
        with pytest.raises(UserError, match=message):
            make()


def test_a_place_without_weight_is_named(looks: list[Look]) -> None:
    maps = [np.ones((30, 42)), np.ones((30, 42))]
    maps[0][7:9, 5] = maps[1][7:9, 5] = 0
    with pytest.raises(UserError, match=r"2 pixels \(the first at x 5, y 7\)"):
        blend(looks[:2], maps=maps).weights_on(LAYOUT)
    with pytest.raises(UserError, match="no exemplar with a positive weight"):
        blend(looks[:2], [1, 0], classes={"sky": 1}, border=0).weights_on(LAYOUT)


def test_exemplars_of_different_schemas_are_refused(looks: list[Look]) -> None:
    other = tiny_synthesizer(schema="camvid")
    foreign = other.encode(random_scene(1, classes=(0, 1, 2)))
    with pytest.raises(UserError, match="different label schemas"):
        blend([looks[0], foreign])
    with pytest.raises(UserError, match="label schema outdoor, but this model has camvid"):
        other.draw(random_scene(2, classes=(0, 1)).label_map, blend(looks))


@pytest.mark.parametrize(
    "options",
    [
        {"maps": "radial"},
        {"maps": "top-bottom"},
        {"maps": [np.random.default_rng(1).random((5, 7)), np.random.default_rng(2).random((301, 90))]},
        {"maps": [np.random.default_rng(3).random((60, 50))]},
        {"classes": {"sky": 1}, "rest": 0, "border": 9.5},
        {"maps": "left-right", "classes": {"sky": 1}, "weights": [2, 1], "border": 3},
    ],
)
def test_weights_of_large_maps_are_made_band_by_band(
    options: dict[str, Any], looks: list[Look], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = blend(*looks[:2], **options)
    label_map = random_scene(8, 61, 50).label_map
    whole = mixed.weights_on(label_map)
    monkeypatch.setattr(weights_module, "_BAND", 350)  # seven rows
    np.testing.assert_allclose(mixed.weights_on(label_map), whole, atol=1e-5)


def test_where_no_look_weighs_is_told_of_the_whole_map(looks: list[Look], monkeypatch: pytest.MonkeyPatch) -> None:
    hole = np.ones((40, 30), np.float32)
    hole[25:27, 4:6] = 0
    monkeypatch.setattr(weights_module, "_BAND", 300)
    with pytest.raises(UserError, match=r"at 4 pixels \(the first at x 4, y 25\)"):
        blend(*looks[:2], maps=[hole, hole]).weights_on(np.zeros((40, 30), np.int16))
