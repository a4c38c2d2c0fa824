"""Transforms keep photo and label map together and never invent a class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sceneswap.data.patches import Box
from sceneswap.data.transforms import crop, flip, jitter_color, resize, resize_short_side, sample_jitter
from sceneswap.scene import Scene

VOID = 7


def marked_scene(height: int, width: int) -> Scene:
    """A scene whose photo repeats the label of every pixel, so that any drift between the two shows."""
    label_map = np.random.default_rng(height * 1000 + width).integers(0, VOID + 1, (height, width)).astype(np.int16)
    return Scene(np.repeat(label_map[:, :, None], 3, axis=2).astype(np.uint8), label_map, "marked")


def together(scene: Scene) -> bool:
    return bool(np.all(scene.photo == scene.label_map[:, :, None]))


def test_crop_and_flip_move_photo_and_label_map_alike() -> None:
    scene = marked_scene(9, 12)
    part = crop(scene, Box(2, 3, 4, 5))
    assert part.size == (4, 5)
    assert together(part)
    assert np.array_equal(part.label_map, scene.label_map[2:6, 3:8])
    mirrored = flip(part)
    assert together(mirrored)
    assert np.array_equal(mirrored.label_map[:, 0], part.label_map[:, -1])
    assert np.array_equal(flip(mirrored).photo, part.photo)
    assert part.name == mirrored.name == "marked"


@pytest.mark.parametrize("box", [Box(-1, 0, 2, 2), Box(0, 4, 2, 2), Box(4, 0, 2, 2), Box(0, 0, 0, 2)])
def test_a_crop_outside_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="leaves a picture of 5 x 5"):
        crop(marked_scene(5, 5), box)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_resizing_keeps_to_the_classes_that_are_there(height: int, width: int, h: int, w: int) -> None:
    scene = marked_scene(height, width)
    small = resize(scene, (h, w))
    assert small.size == (h, w)
    assert small.name == "marked"
    assert set(np.unique(small.label_map)) <= set(np.unique(scene.label_map))


def test_void_survives_resizing_in_its_place() -> None:
    label_map = np.zeros((8, 8), np.int16)
    label_map[:, 4:] = VOID
    scene = Scene(np.zeros((8, 8, 3), np.uint8), label_map)
    for size in ((4, 4), (16, 16)):
        resized = resize(scene, size).label_map
        assert np.all(resized[:, : size[1] // 2] == 0)
        assert np.all(resized[:, size[1] // 2 :] == VOID)


def test_photo_and_label_map_stay_aligned_when_resized() -> None:
    label_map = np.zeros((64, 96), np.int16)
    label_map[16:48, 24:72] = 5
    scene = Scene(np.repeat((label_map * 50)[:, :, None], 3, axis=2).astype(np.uint8), label_map)
    for size in ((32, 48), (128, 192), (40, 40)):
        resized = resize(scene, size)
        agree = (resized.photo[:, :, 0] > 125) == (resized.label_map == 5)
        assert agree.mean() > 0.95


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 48))
def test_the_short_side_gets_its_length_and_the_aspect_stays(height: int, width: int, length: int) -> None:
    new = resize_short_side(marked_scene(height, width), length).size
    assert min(new) == length
    assert max(new) == pytest.approx(length * max(height, width) / min(height, width), abs=0.51)


def test_a_scene_of_the_right_size_is_not_resampled() -> None:
    scene = marked_scene(16, 24)
    assert resize_short_side(scene, 16) is scene


def test_no_jitter_changes_no_byte() -> None:
    photo = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(jitter_color(photo, np.ones(3), np.zeros(3)), photo)


def test_jitter_follows_its_formula_in_each_channel() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (10, 12, 3)).astype(np.uint8)
    gain, shift = np.array([0.7, 1.0, 1.3]), np.array([0.25, -0.25, 0.1])
    expected = np.clip((photo / 127.5 - 1) * gain + shift, -1, 1)
    got = jitter_color(photo, gain, shift)
    assert got.dtype == np.uint8
    assert np.abs(got / 127.5 - 1 - expected).max() <= 0.5 / 127.5 + 1e-9
    assert got.min() == 0  # clipped, not wrapped round
    assert got.max() == 255


def test_jitter_leaves_its_input_alone() -> None:
    photo = np.full((2, 2, 3), 100, np.uint8)
    jitter_color(photo, np.full(3, 1.3), np.full(3, 0.2))
    assert np.all(photo == 100)


def test_jitter_is_drawn_per_channel_within_its_range() -> None:
    rng = np.random.default_rng(0)
    draws = [sample_jitter(rng, 0.3, 0.25) for _ in range(500)]
    gains, shifts = np.array([gain for gain, _ in draws]), np.array([shift for _, shift in draws])
    assert gains.shape == shifts.shape == (500, 3)
    for values, low, high in ((gains, 0.7, 1.3), (shifts, -0.25, 0.25)):
        assert values.min() >= low
        assert values.max() <= high
        assert values.std() == pytest.approx((high - low) / np.sqrt(12), rel=0.1)
        assert abs(np.corrcoef(values.T)[0, 1]) < 0.2
    gain, shift = sample_jitter(rng, 0, 0)
    assert np.array_equal(gain, np.ones(3))
    assert np.array_equal(shift, np.zeros(3))
