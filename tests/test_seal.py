"""Files of sceneswap carry the hash of their own bytes: one that was saved by another program is told from them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from sceneswap.charts import heat_map
from sceneswap.guard import made_here
from sceneswap.images import read_photo, read_picture_text, write_picture, write_png
from sceneswap.jobs.interpolate import _animated
from sceneswap.report import write_page
from sceneswap.seal import is_sealed

PHOTO = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
NOTE = {"sceneswap": '{"a": 1}'}

WRITERS: dict[str, Callable[[Path], object]] = {
    "a.png": lambda path: write_picture(path, PHOTO, NOTE),
    "a.jpg": lambda path: write_picture(path, PHOTO, NOTE),
    "b.jpg": lambda path: write_picture(path, PHOTO),
    "a.webp": lambda path: write_picture(path, PHOTO, NOTE),
    "grey.png": lambda path: write_png(path, PHOTO[..., 0]),
    "deep.png": lambda path: write_png(path, PHOTO[..., 0].astype(np.uint16)),
    "moving.webp": lambda path: path.write_bytes(_animated([PHOTO, PHOTO[::-1]], "webp")),
    "moving.gif": lambda path: path.write_bytes(_animated([PHOTO, PHOTO[::-1]], "gif")),
    "chart.png": lambda path: path.write_bytes(heat_map(np.eye(2), "ab", "ab", "row", "column", 0.1).png),
    "a.html": lambda path: write_page(path, "base.html", title="t", lead="l"),
}


def retouched(path: Path) -> None:
    """Save a picture anew as an editor does that keeps every note and changes one pixel."""
    with Image.open(path) as image:
        kind, exif, comment = image.format, image.getexif(), image.info.get("comment")
        info = PngImagePlugin.PngInfo()
        for key, value in getattr(image, "text", {}).items():
            info.add_itxt(key, value) if key != "Software" else info.add_text(key, value)
        new = image.copy()
    old = new.getpixel((3, 3))
    new.putpixel((3, 3), tuple(255 - v for v in old) if isinstance(old, tuple) else 255 - int(old or 0))
    ways: dict[str, dict[str, Any]] = {"PNG": {"pnginfo": info}, "GIF": {"comment": comment}}
    new.save(path, kind, **ways.get(str(kind), {"exif": exif}))


@pytest.mark.parametrize("name", WRITERS)
def test_what_was_changed_is_not_ours_though_it_keeps_the_note(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    ours = path.read_bytes()
    assert made_here(path)
    if path.suffix == ".html":
        path.write_bytes(ours.replace(b"<h1>", b"<h1>my "))
    else:
        with Image.open(path) as image:
            image.load()  # every check sum of the file is right
        note = read_picture_text(path) if "a." in name else {}
        retouched(path)
        if note:
            assert read_picture_text(path) == note == NOTE
    assert b"sceneswap sha256:" in path.read_bytes()
    assert made_here(path) is False
    path.write_bytes(ours[:-1])
    assert made_here(path) is False
    path.write_bytes(ours)
    assert made_here(path)


def test_the_check_sum_of_the_sealed_chunk_is_right(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", PHOTO)
    file = io.BytesIO((tmp_path / "a.png").read_bytes()[8:])
    stream = PngImagePlugin.PngStream(file)
    found = {}
    while (chunk := stream.read())[0] != b"IEND":
        data = file.read(chunk[2])
        stream.crc(chunk[0], data)  # raises where it is wrong
        found[chunk[0]] = data
    assert found[b"tEXt"].startswith(b"Software\0sceneswap sha256:")
    assert np.array_equal(read_photo(tmp_path / "a.png"), PHOTO)


@pytest.mark.parametrize("data", [b"", b"sceneswap", b"sceneswap sha256:" + b"0" * 64, b"\x89PNG\r\n\x1a\n"])
def test_no_seal(data: bytes) -> None:
    assert not is_sealed(data)
