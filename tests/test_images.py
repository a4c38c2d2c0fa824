"""Photographs: reading, orientation, limits, writing."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from sceneswap.errors import UserError
from sceneswap.images import (
    PHOTO_SUFFIXES,
    check_photo,
    read_photo,
    read_picture_text,
    read_png_text,
    read_turned,
    resize_photo,
    write_picture,
    write_png,
)

PHOTO = np.random.default_rng(1).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.webp"])
def test_lossless_formats_are_exact(tmp_path: Path, name: str) -> None:
    options: dict[str, Any] = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    Image.fromarray(PHOTO).save(tmp_path / name, **options)
    photo = read_photo(tmp_path / name)
    assert photo.dtype == np.uint8
    assert photo.flags.c_contiguous
    np.testing.assert_array_equal(photo, PHOTO)


def test_jpeg(tmp_path: Path) -> None:
    Image.new("RGB", (16, 8), (200, 100, 50)).save(tmp_path / "a.jpg", quality=95)
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.shape == (8, 16, 3)
    assert np.abs(photo.astype(int) - (200, 100, 50)).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_checking_tells_size_and_orientation_of_what_is_read(tmp_path: Path, orientation: int, name: str) -> None:
    for size in ((9, 6), (301, 202)):
        Image.fromarray(PHOTO).resize(size).save(tmp_path / name, exif=exif(orientation))
        photo, turned = read_turned(tmp_path / name)
        assert check_photo(tmp_path / name) == (photo.shape[:2], turned)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_exif_orientation(tmp_path: Path, orientation: int, name: str) -> None:
    Image.fromarray(PHOTO).save(tmp_path / name, exif=exif(orientation))
    with Image.open(tmp_path / name) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_photo(tmp_path / name), expected)


@pytest.mark.parametrize("orientation", [0, 9])
def test_a_senseless_orientation_is_upright(tmp_path: Path, orientation: int) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png", exif=exif(orientation))
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), PHOTO)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_may_be_decoded_small(tmp_path: Path, orientation: int) -> None:
    smooth = Image.fromarray(PHOTO).resize((1600, 1000), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "a.jpg", quality=95, exif=exif(orientation))
    whole = read_photo(tmp_path / "a.jpg")
    for at_least, part in ((100, 8), (126, 4), (400, 2), (501, 1), (5000, 1)):
        photo = read_photo(tmp_path / "a.jpg", at_least=at_least)
        assert photo.shape[:2] == (whole.shape[0] // part, whole.shape[1] // part)
        shrunk = resize_photo(whole, photo.shape[:2]).astype(int)
        assert np.abs(photo - shrunk).mean() < 2  # the same picture, the same way up
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png", at_least=1).shape == PHOTO.shape


def test_a_damaged_exif_block_does_not_cost_the_photo(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff\x01")
    assert read_photo(tmp_path / "a.jpg").shape == PHOTO.shape


def test_grey_palette_and_opaque_become_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(PHOTO)
    for mode in ("L", "P", "RGBA", "1"):
        image.convert(mode).save(tmp_path / "a.png")
        expected = np.asarray(image.convert(mode).convert("RGB"))
        np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), expected)


def test_a_camera_s_jpeg_with_a_preview_is_a_photo(tmp_path: Path) -> None:
    image = Image.fromarray(PHOTO)
    image.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[image.resize((3, 2))])
    assert read_photo(tmp_path / "a.jpg").shape == PHOTO.shape


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.jpeg"])
def test_other_names_of_jpeg(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (16, 8), (200, 100, 50)).save(tmp_path / name, format="JPEG")
    assert Path(name).suffix in PHOTO_SUFFIXES
    assert read_photo(tmp_path / name).shape == (8, 16, 3)


def test_a_png_may_carry_megabytes_of_text(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("history", "an editor's long history " * 100_000, zip=True)
    Image.fromarray(PHOTO).save(tmp_path / "a.png", pnginfo=text)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), PHOTO)
    bomb = PngImagePlugin.PngInfo()
    bomb.add_text("history", " " * 70_000_000, zip=True)
    Image.fromarray(PHOTO).save(tmp_path / "b.png", pnginfo=bomb)
    with pytest.raises(UserError, match=r"b\.png carries more than 64 MB of text"):
        read_photo(tmp_path / "b.png")


def transparent_palette() -> Image.Image:
    image = Image.fromarray(PHOTO).convert("P")
    image.info["transparency"] = bytes(256)
    return image


def sixteen_bits(path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(7))) + chunk(b"IEND", b""))


def huge(path: Path) -> None:
    """A header that promises 60,000 × 60,000 pixels, without them."""
    Image.fromarray(PHOTO).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(data))


def truncated(path: Path) -> None:
    Image.fromarray(np.resize(PHOTO, (60, 90, 3))).save(path)
    path.write_bytes(path.read_bytes()[:-300])


def corrupt(path: Path) -> None:
    Image.fromarray(np.resize(PHOTO, (60, 90, 3))).save(path)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(bytes(data))


def without_palette(path: Path) -> None:
    Image.new("P", (4, 4)).save(path)
    data = path.read_bytes()
    start = data.index(b"PLTE") - 4
    path.write_bytes(data[:start] + data[start + 12 + int.from_bytes(data[start : start + 4], "big") :])


def animated(path: Path) -> None:
    image = Image.fromarray(PHOTO)
    image.save(path, save_all=True, append_images=[ImageOps.invert(image)])


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("a.jpg", lambda p: None, "does not exist"),
    "folder": ("a.jpg", lambda p: p.mkdir(), "is a folder"),
    "below a file": ("a.jpg/b.jpg", lambda p: p.parent.write_text(""), "a.jpg/b.jpg"),
    "text": ("a.jpg", lambda p: p.write_text("hello"), "not a picture"),
    "empty": ("a.jpg", lambda p: p.write_bytes(b""), "not a picture"),
    "truncated jpeg": ("a.jpg", truncated, "damaged"),
    "truncated png": ("a.png", truncated, "damaged"),
    "corrupt png": ("a.png", corrupt, "damaged"),
    "no palette": ("a.png", without_palette, "damaged (it has no palette)"),
    "huge": ("a.png", huge, "pixels"),
    "cmyk": ("a.jpg", lambda p: Image.new("CMYK", (4, 4)).save(p), "CMYK"),
    "16-bit grey": ("a.png", lambda p: Image.new("I;16", (4, 4)).save(p), "8-bit"),
    "16-bit colour": ("a.png", sixteen_bits, "16 bits"),
    "float": ("a.tif", lambda p: Image.new("F", (4, 4)).save(p), "8-bit"),
    "transparent": ("a.png", lambda p: Image.new("RGBA", (4, 4), (9, 9, 9, 200)).save(p), "16 transparent pixels"),
    "transparent palette": ("a.png", lambda p: transparent_palette().save(p), "transparent pixels"),
    "animated png": ("a.png", animated, "2 frames"),
    "animated webp": ("a.webp", animated, "2 frames"),
    "two pages": ("a.tif", animated, "2 frames"),
    "gif": ("a.gif", animated, "GIF"),
}


@pytest.mark.parametrize("case", BAD)
def test_every_bad_file_is_one_sentence(tmp_path: Path, case: str) -> None:
    name, save, expected = BAD[case]
    path = tmp_path / name
    save(path)
    with pytest.raises(UserError) as error:
        read_photo(path)
    text = str(error.value)
    with pytest.raises(UserError) as error:
        check_photo(path)
    assert str(error.value) == text
    assert expected in text
    assert str(path) in text
    assert "\n" not in text


def test_the_limit_is_on_pixels_and_comes_before_decoding(tmp_path: Path) -> None:
    truncated(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"90×60 pixels, more than the 0\.005399 million allowed"):
        read_photo(tmp_path / "a.png", max_pixels=5399)
    with pytest.raises(UserError, match="damaged"):
        read_photo(tmp_path / "a.png", max_pixels=5400)


def test_resize_to_the_same_size_is_a_copy() -> None:
    same = resize_photo(PHOTO, PHOTO.shape[:2])
    np.testing.assert_array_equal(same, PHOTO)
    assert not np.shares_memory(same, PHOTO)


def test_shrinking_averages_and_does_not_alias() -> None:
    board = np.zeros((64, 48, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    small = resize_photo(board, (16, 12))
    assert small.shape == (16, 12, 3)
    assert small.dtype == np.uint8
    assert np.abs(small.astype(int) - 128).max() < 12


def test_enlarging_keeps_an_even_photo_even() -> None:
    even = np.full((3, 5, 3), 77, np.uint8)
    assert (resize_photo(even, (20, 31)) == 77).all()


@pytest.mark.parametrize("array", [PHOTO, PHOTO[..., 0], PHOTO[..., 0].astype(np.uint16) * 257, PHOTO[:, ::-1]])
def test_png_and_its_text(tmp_path: Path, array: np.ndarray) -> None:
    text = {"sceneswap": '{"name": "Küste – 海"}', "empty": ""}
    path = tmp_path / "made" / "a.png"
    write_png(path, array, text)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), array)
    assert read_png_text(path) == text
    write_png(path, array)
    assert read_png_text(path) == {}


@pytest.mark.parametrize("shape", [(4, 4, 4), (4,), (0, 4, 3)])
def test_write_png_refuses_other_arrays(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="PNG"):
        write_png(tmp_path / "a.png", np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    write_png(path, PHOTO)
    before = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sceneswap.files.os.fsync", full_disk)
    with pytest.raises(UserError, match="disk is full"):
        write_png(path, PHOTO[::-1])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_png_text_of_a_jpeg(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg")
    with pytest.raises(UserError, match="JPEG"):
        read_png_text(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg", "a.webp", "B.JPG"])
def test_pictures_of_every_kind_carry_their_text(tmp_path: Path, name: str) -> None:
    photo = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    text = {"sceneswap": '{"exemplar": "Dämmerung \U0001f305 \udcff.jpg"}', "agreement": "0.75"}
    written = [tmp_path / folder / name for folder in ("one", "two")]
    for path in written:
        write_picture(path, photo, text)
    assert read_picture_text(written[0]).keys() == text.keys()
    assert read_picture_text(written[0])["agreement"] == "0.75"
    assert "Dämmerung" in read_picture_text(written[0])["sceneswap"]
    assert np.abs(read_photo(written[0]).astype(int) - photo).max() <= 4
    assert written[0].read_bytes() == written[1].read_bytes()


def test_quality_is_heeded_and_other_kinds_are_refused(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for suffix in ("jpg", "webp"):
        sizes = []
        for quality in (30, 95):
            write_picture(tmp_path / f"{quality}.{suffix}", photo, quality=quality)
            sizes.append((tmp_path / f"{quality}.{suffix}").stat().st_size)
        assert sizes[0] < sizes[1] / 2
    assert read_picture_text(tmp_path / "30.jpg") == {}
    with pytest.raises(UserError, match=r"name it \.png, \.jpg, \.jpeg, \.webp"):
        write_picture(tmp_path / "a.gif", photo)
