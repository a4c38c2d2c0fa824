"""The procedural renderer: layout and look are independent, exact and varied."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sceneswap.images import resize_photo
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.kinds import KINDS, sample_layout
from sceneswap.procedural.noise import sample
from sceneswap.procedural.render import CLASSES, TEST_SEEDS, Mood, label_map_of, paint, render, scene, swap_pair

SIZE = (96, 96)


def means(photo: np.ndarray, label_map: np.ndarray, index: int) -> np.ndarray:
    return photo[label_map == index].mean(axis=0)


def test_classes_are_those_of_the_schema() -> None:
    schema = load_schema("procedural")
    assert tuple(schema.names[: schema.num_classes]) == CLASSES
    outdoor = load_schema("outdoor")
    assert [one.id for one in schema.classes] == [outdoor.classes[outdoor.index_of(name)].id for name in CLASSES]


@pytest.mark.parametrize("seed", [0, 7, 12345, TEST_SEEDS + 3])
def test_the_same_seed_gives_the_same_scene(seed: int) -> None:
    first, second = scene(seed, SIZE), scene(seed, SIZE)
    assert np.array_equal(first.photo, second.photo)
    assert np.array_equal(first.label_map, second.label_map)
    assert not np.array_equal(first.photo, scene(seed + 1, SIZE).photo)


def test_scenes_are_the_same_on_every_machine() -> None:
    """Coarse sums against stored ones; the tolerance leaves room for another machine's last bits, not for a change."""
    shares, colors = np.zeros(len(CLASSES)), []
    for seed in range(12):
        one = scene(seed, (64, 64))
        shares += np.bincount(one.label_map.ravel(), minlength=len(CLASSES)) / 64**2 / 12
        colors.append(one.photo.mean(axis=(0, 1)))
    stored_shares = {"sky-other": 0.2595, "clouds": 0.0853, "tree": 0.1202, "grass": 0.1996, "road": 0.0195}
    np.testing.assert_allclose(
        [shares[CLASSES.index(name)] for name in stored_shares], list(stored_shares.values()), atol=0.002
    )
    np.testing.assert_allclose(np.mean(colors, axis=0), [119.9, 117.29, 112.24], atol=0.5)
    np.testing.assert_allclose(np.std(colors, axis=0), [42.96, 43.96, 46.97], atol=0.5)


def test_looks_are_drawn_apart_from_layouts() -> None:
    layouts, moods = [sample_layout(seed) for seed in range(150)], [Mood.sample(seed) for seed in range(150)]
    kinds = {
        kind: [mood.elevation for layout, mood in zip(layouts, moods, strict=True) if layout.kind == kind]
        for kind in KINDS
    }
    assert all(len(values) >= 2 and max(values) - min(values) > 10 for values in kinds.values())


@pytest.mark.parametrize("seed", range(6))
def test_the_label_map_does_not_depend_on_the_look(seed: int) -> None:
    layout = sample_layout(seed)
    maps = [render(layout, Mood.sample(100 + mood), SIZE).label_map for mood in range(4)]
    assert all(np.array_equal(maps[0], other) for other in maps[1:])


def test_snow_in_the_look_whitens_grass_and_leaves_its_label() -> None:
    layout = next(one for one in map(sample_layout, range(50)) if one.kind == "meadow")
    mood = replace(Mood.sample(1), elevation=40.0, overcast=0.2, snow=0.0, haze=0.05, storm=0.0, season=0.3, lamps=0.0)
    green, white = render(layout, mood, SIZE), render(layout, replace(mood, snow=1.0), SIZE)
    grass = CLASSES.index("grass")
    assert np.array_equal(green.label_map, white.label_map)
    r, g, b = means(green.photo, green.label_map, grass)
    assert g > b + 30
    assert g > r
    snowy = means(white.photo, white.label_map, grass)
    assert snowy.min() > 150
    assert np.ptp(snowy) < 60


def test_a_swap_has_the_layout_of_the_one_and_the_look_of_the_other() -> None:
    moved = []
    for seed in range(TEST_SEEDS, TEST_SEEDS + 12):
        target, exemplar, answer = swap_pair(seed, SIZE)
        exact = render(sample_layout(2 * seed), Mood.sample(2 * seed + 1), SIZE)
        assert np.array_equal(answer, exact.photo)
        assert np.array_equal(target.label_map, exact.label_map)
        assert np.array_equal(target.photo, scene(2 * seed, SIZE).photo)
        assert np.array_equal(exemplar.photo, scene(2 * seed + 1, SIZE).photo)
        assert not np.array_equal(answer, target.photo)
        for index in set(np.unique(target.label_map)) & set(np.unique(exemplar.label_map)):
            if min((target.label_map == index).sum(), (exemplar.label_map == index).sum()) > 200:
                wanted = means(exemplar.photo, exemplar.label_map, index)
                before = np.abs(means(target.photo, target.label_map, index) - wanted).mean()
                after = np.abs(means(answer, target.label_map, index) - wanted).mean()
                moved.append((before, after))
    before, after = np.mean(moved, axis=0)
    assert len(moved) > 15
    assert after < 0.5 * before


def test_classes_appear_often_and_largely_enough() -> None:
    pictures, largest = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    for seed in range(100):
        label_map = label_map_of(paint(sample_layout(seed), (64, 64)))
        assert label_map.dtype == np.int16
        share = np.bincount(label_map.ravel(), minlength=len(CLASSES)) / label_map.size
        pictures += share > 0.004
        largest = np.maximum(largest, share)
    assert ((pictures >= 5) & (largest > 0.03)).sum() >= 20
    assert (largest > 0).all()
    assert pictures[CLASSES.index("sky-other")] >= 90


def test_two_scenes_usually_share_some_classes_and_differ_in_others() -> None:
    present = [set(np.unique(label_map_of(paint(sample_layout(seed), (64, 64))))) for seed in range(40)]
    shared = [len(a & b) / len(a | b) for a, b in pairwise(present)]
    assert 0.2 < np.mean(shared) < 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_scene_has_any_size(kind: str) -> None:
    layout = next(one for one in map(sample_layout, range(200)) if one.kind == kind)
    for size in ((97, 131), (131, 97), (64, 190), (16, 16), (1, 1), (3, 40)):
        one = render(layout, Mood.sample(3), size)
        assert one.size == size
        assert 0 <= one.label_map.min() <= one.label_map.max() < len(CLASSES)


@pytest.mark.parametrize("size", [(0, 64), (64, -1)])
def test_an_impossible_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        scene(0, size)


@pytest.mark.parametrize("seed", range(5))
def test_a_scene_is_the_same_at_every_size(seed: int) -> None:
    small, large = scene(seed, (128, 128)), scene(seed, (256, 256))
    shrunk = resize_photo(large.photo, (128, 128)).astype(float)
    difference = np.abs(shrunk - small.photo).mean()
    unlike = np.abs(shrunk - scene(seed + 1, (128, 128)).photo).mean()
    assert difference < 0.3 * unlike
    assert (large.label_map[1::2, 1::2] == small.label_map).mean() > 0.9


def test_a_wide_picture_shows_the_square_one_in_its_middle() -> None:
    layout, mood = sample_layout(5), Mood.sample(5)
    square, wide = render(layout, mood, (96, 96)), render(layout, mood, (96, 192))
    assert (wide.label_map[:, 48:144] == square.label_map).mean() > 0.99


def test_surfaces_are_textured_and_texture_follows_the_look() -> None:
    layout = next(one for one in map(sample_layout, range(50)) if one.kind == "meadow")
    mood = replace(Mood.sample(1), elevation=45.0, overcast=0.1, snow=0.0, haze=0.05, storm=0.0, wetness=0.0)
    spread = []
    for texture in (0.3, 1.3):
        one = render(layout, replace(mood, texture=texture), SIZE)
        for name in ("grass", "tree"):
            spread.append(one.photo[one.label_map == CLASSES.index(name)].std(axis=0).mean())
    assert min(spread[2:]) > 8
    assert spread[2] > 1.15 * spread[0]
    assert spread[3] > 1.05 * spread[1]


def test_looks_differ_strongly() -> None:
    layout = sample_layout(3)
    canvas = paint(layout, (48, 48))
    assert canvas.material.shape == (48, 48)
    mean = np.array([render(layout, Mood.sample(seed), (48, 48)).photo.mean(axis=(0, 1)) for seed in range(60)])
    brightness = mean.mean(axis=1)
    assert np.percentile(brightness, 95) - np.percentile(brightness, 5) > 80
    warm = mean[:, 0] - mean[:, 2]
    assert warm.max() - warm.min() > 60


def test_lamps_light_windows_only_in_the_dark() -> None:
    layout = next(one for one in map(sample_layout, range(200)) if one.kind == "street")
    night = replace(Mood.sample(2), elevation=-12.0, overcast=0.0, storm=0.0, haze=0.05)
    day = replace(night, elevation=40.0)
    lit, dark = (render(layout, replace(night, lamps=lamps), SIZE).photo.astype(int) for lamps in (0.9, 0.0))
    assert (lit - dark).max() > 60
    one, other = (render(layout, replace(day, lamps=lamps), SIZE).photo for lamps in (0.9, 0.0))
    assert np.array_equal(one, other)


def test_textures_are_periodic_and_bounded() -> None:
    u, v = np.linspace(0, 1, 50)[None, :], np.linspace(0, 1, 40)[:, None]
    for kind in ("fbm", "detail", "streak", "ridge", "slope"):
        values = sample(kind, u, v)
        assert values.shape == (40, 50)
        np.testing.assert_allclose(values, sample(kind, u + 1, v - 2), atol=2e-3)
        assert 0.2 < values.std() < 0.9
        assert np.abs(values).max() <= 1.61
