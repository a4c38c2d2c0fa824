"""Palette pictures: the class that the picture shows, whatever an editor has done to the numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.labels.io import colorize, read_label_map
from sceneswap.labels.mend import mend
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelClass, LabelSchema

OUTDOOR = load_schema("outdoor")
MAPS = hnp.arrays(np.int16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 36))


def save(path: Path, indices: np.ndarray, palette: np.ndarray, **options: Any) -> Path:
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette(np.asarray(palette, np.uint8).ravel().tolist())  # makes it a palette picture
    assert image.mode == "P"
    image.save(path, **options)
    return path


def renumbered(label_map: np.ndarray, colors: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices in a random order with the palette to it, as an optimiser writes them."""
    used = np.random.default_rng(seed).permutation(np.unique(label_map))
    number = np.zeros(len(colors), np.int64)
    number[used] = np.arange(len(used))
    return number[label_map], colors[used]


@settings(deadline=None)
@given(MAPS.filter(lambda label_map: bool((label_map < 36).any())), st.integers(0, 99))
def test_colours_of_the_schema_under_other_numbers(
    tmp_path_factory: pytest.TempPathFactory, label_map: np.ndarray, seed: int
) -> None:
    indices, palette = renumbered(label_map, OUTDOOR.colors, seed)
    path = save(tmp_path_factory.mktemp("palette") / "a.png", indices, palette)
    np.testing.assert_array_equal(read_label_map(path, OUTDOOR), label_map)


@settings(deadline=None)
@given(MAPS.filter(lambda label_map: bool(((label_map > 0) & (label_map < 36)).any())), st.integers(0, 99))
def test_ids_as_greys_under_other_numbers(
    tmp_path_factory: pytest.TempPathFactory, label_map: np.ndarray, seed: int
) -> None:
    greys = OUTDOOR.file_values.astype(np.uint8)[:, None].repeat(3, axis=1)
    indices, palette = renumbered(label_map, greys, seed)
    path = save(tmp_path_factory.mktemp("palette") / "a.png", indices, palette)
    np.testing.assert_array_equal(read_label_map(path, OUTDOOR), label_map)


@settings(deadline=None)
@given(MAPS, st.sampled_from(["identity", "schema", "other"]))
def test_ids_as_numbers_with_a_palette_to_look_at(
    tmp_path_factory: pytest.TempPathFactory, label_map: np.ndarray, kind: str
) -> None:
    palette = np.arange(256)[:, None].repeat(3, axis=1)
    if kind == "schema":
        palette[:36] = OUTDOOR.colors[:36]
        palette[36:] = 0
    elif kind == "other":
        palette = np.random.default_rng(5).integers(0, 256, (256, 3)) | (1, 0, 0)
    path = save(tmp_path_factory.mktemp("palette") / "a.png", OUTDOOR.decode(label_map), palette)
    np.testing.assert_array_equal(read_label_map(path, OUTDOOR), label_map)


@pytest.mark.parametrize(
    "palette",
    [
        [(0, 0, 0), (0, 0, 0)],  # nobody has filled it
        [(0, 0, 0), (255, 255, 255)],  # black and white to look at, or sky and void
        [(28, 92, 42), (28, 92, 42)],  # one colour for two numbers
    ],
)
def test_what_means_two_things_is_refused_naming_both(tmp_path: Path, palette: list[tuple[int, int, int]]) -> None:
    path = save(tmp_path / "a.png", np.array([[0, 1]]), np.array(palette))
    with pytest.raises(
        UserError, match=r"a\.png means two things: by its palette's numbers it holds sky-other, clouds; by"
    ):
        read_label_map(path, OUTDOOR)


def test_greys_spread_from_black_to_white_are_to_look_at(tmp_path: Path) -> None:
    schema = LabelSchema("greys", tuple(LabelClass(i, f"c{i}", (i, 9, 200)) for i in range(255)), (255,))
    path = save(tmp_path / "a.png", np.array([[0, 1, 2]]), np.array([(v, v, v) for v in (0, 127, 255)]))
    with pytest.raises(UserError, match=r"holds c0, c1, c2; by its palette's colours c0, c127, void"):
        read_label_map(path, schema)


@pytest.mark.parametrize("kind", ["a little off", "smoothed"])
def test_nearly_the_colours_of_the_schema_are_refused_and_mended(tmp_path: Path, kind: str) -> None:
    """An indexed save with colour management, or of a smoothed map: numbers 0 to 8 are legal ids too."""
    label_map = np.array([3, 5, 19, 22], np.int16)[np.arange(16).reshape(4, 4) // 4].repeat(6, axis=0).repeat(6, axis=1)
    colors = colorize(label_map, OUTDOOR)
    if kind == "a little off":
        picture = colors - (colors > 200).astype(np.uint8) * np.uint8(5) + (colors < 40).astype(np.uint8) * np.uint8(5)
    else:
        picture = colors.copy()
        picture[6] = picture[5] // 2 + picture[7] // 2
    palette = np.unique(picture.reshape(-1, 3), axis=0)
    indices = (picture[:, :, None] == palette).all(axis=3).argmax(axis=2)
    path = save(tmp_path / "a.png", indices, palette)
    with pytest.raises(
        UserError, match=r"a palette in nearly the colours of schema outdoor .* whose numbers say otherwise"
    ):
        read_label_map(path, OUTDOOR)
    wrong = mend(path, OUTDOOR).label_map != label_map
    assert not wrong[np.arange(24) != 6].any()


def test_transparent_colours_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[0, 1]]), OUTDOOR.colors[[5, 3]], transparency=b"\xff\x00")
    with pytest.raises(UserError, match="transparent pixels"):
        read_label_map(path, OUTDOOR)


def test_other_formats_with_a_palette(tmp_path: Path) -> None:
    for name in ("a.tif", "a.bmp"):
        path = save(tmp_path / name, np.array([[0, 1]]), OUTDOOR.colors[[5, 3]])
        assert read_label_map(path, OUTDOOR).tolist() == [[5, 3]]


def test_a_painted_map_saved_with_a_palette_by_an_editor(tmp_path: Path) -> None:
    label_map = np.random.default_rng(0).integers(0, 37, (9, 7)).astype(np.int16)
    picture = Image.fromarray(colorize(label_map, OUTDOOR))
    picture.quantize(256, dither=Image.Dither.NONE).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.png", OUTDOOR), label_map)
