"""Colour profiles: the same colours whatever a file calls them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from sceneswap.images import read_photo
from sceneswap.notes import on_stderr
from tests.profiles import ADOBE, P3, as_srgb, profile

LEVELS = st.integers(0, 255)


def save(path: Path, color: Any, icc: bytes, mode: str = "RGB", **options: Any) -> Path:
    Image.new(mode, (8, 6), color).save(path, icc_profile=icc, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
@pytest.mark.parametrize(("primaries", "gamma"), [(P3, 2.2), (ADOBE, 2.19921875), (P3, 1.8)])
def test_a_photograph_is_read_as_its_profile_says(
    tmp_path: Path, name: str, primaries: np.ndarray, gamma: float
) -> None:
    options: dict[str, dict[str, Any]] = {"a.webp": {"lossless": True}, "a.jpg": {"quality": 100, "subsampling": 0}}
    path = save(tmp_path / name, (200, 100, 50), profile(primaries, gamma), **options.get(name, {}))
    expected = as_srgb((200, 100, 50), primaries, gamma)
    assert np.abs(np.array(expected) - (200, 100, 50)).max() > 3  # there is something to convert
    assert np.abs(read_photo(path).reshape(-1, 3).astype(int) - expected).max() <= 2


@settings(deadline=None)
@given(st.tuples(LEVELS, LEVELS, LEVELS))
def test_every_display_p3_colour(tmp_path_factory: pytest.TempPathFactory, color: tuple[int, int, int]) -> None:
    path = save(tmp_path_factory.mktemp("p3") / "a.png", color, profile(P3, 2.2))
    assert np.abs(read_photo(path)[0, 0].astype(int) - as_srgb(color, P3, 2.2)).max() <= 3


def test_a_profile_of_srgb_changes_nothing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=icc)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), pixels)


def test_a_large_jpeg_is_read_smaller_and_converted(tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), (200, 100, 50)).save(tmp_path / "a.jpg", icc_profile=profile(P3, 2.2), quality=95)
    photo = read_photo(tmp_path / "a.jpg", at_least=100)
    assert photo.shape == (120, 160, 3)
    assert np.abs(photo.astype(int) - as_srgb((200, 100, 50), P3, 2.2)).max() <= 3


@pytest.mark.parametrize("mode", ["L", "LA", "P"])
def test_grey_and_palette_pictures(tmp_path: Path, mode: str) -> None:
    grey = profile(None, 1.8)
    picture = Image.new("L", (8, 6), 100).convert(mode)
    picture.save(tmp_path / "a.png", icc_profile=profile(P3, 1.8) if mode == "P" else grey)
    expected = as_srgb((100, 100, 100), P3, 1.8)
    assert np.abs(read_photo(tmp_path / "a.png")[0, 0].astype(int) - expected).max() <= 1


def test_grey_pictures_with_a_profile_of_rgb(tmp_path: Path) -> None:
    """As cameras write black-and-white JPEGs."""
    path = save(tmp_path / "a.jpg", 100, profile(P3, 1.8), mode="L")
    assert np.abs(read_photo(path)[0, 0].astype(int) - as_srgb((100, 100, 100), P3, 1.8)).max() <= 1


@pytest.mark.parametrize(
    ("icc", "words"),
    [
        (b"no profile at all", "cannot be read"),
        (profile(P3, 2.2)[:150], "cannot be read"),
        (profile(None, 2.2), "is for grey pictures"),
        (profile(P3, 2.2).replace(b"RGB ", b"CMYK", 1), "is for CMYK pictures"),
    ],
)
def test_an_unusable_profile_is_noted_and_the_photograph_read(
    tmp_path: Path, icc: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / "a.png", (200, 100, 50), icc)
    with on_stderr():
        assert read_photo(path)[0, 0].tolist() == [200, 100, 50]
        read_photo(path)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sceneswap: note: the colour profile of the photograph {path} {words}")
