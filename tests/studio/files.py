"""Files to drop onto the studio: good ones, and those of strangers."""

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.tiny import make_photo

MARKUP = "<img src=x onerror=alert(1)>"
PROJECT = {
    "format": "sceneswap-studio-1",
    "schema": "outdoor",
    "width": 64,
    "height": 64,
    "map": [4096, 0],
    "looks": [{"shelf": "lake"}],
}
WRONG: tuple[tuple[str, Any], ...] = (
    ("map", [4096, 99]), ("map", [4095, 0]), ("map", [-1, 0]), ("map", "x"), ("width", 5000), ("width", 1e9),
    ("looks", []), ("looks", {}), ("looks", [{"tensors": {"values.0": {"shape": [1], "data": "!!"}}}]),
    ("schema", MARKUP), ("format", "other"),
)  # fmt: skip


def png(values: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def jpeg(size: tuple[int, int] = (96, 128), seed: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(make_photo(size, seed)).save(file, "JPEG", quality=92)
    return file.getvalue()


def hostile() -> dict[str, bytes]:
    """Files by name, none of which is anything that the studio opens."""
    return _pictures() | _others() | _projects()


def _pictures() -> dict[str, bytes]:
    good, photo = png(np.zeros((64, 64), np.uint8)), jpeg()
    huge, wide = bytearray(good), bytearray(photo)
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    start = wide.index(b"\xff\xc0")
    wide[start + 5 : start + 9] = b"\xff\xff\xff\xff"
    return {
        "empty.png": b"",
        "cut.png": good[:40],
        "cut2.png": good[:-20],
        "signature.png": good[:8],
        "middle.png": good[:45] + b"\1\2\3" + good[48:],
        "huge.png": bytes(huge),
        "ids.png": png(np.full((64, 64), 77, np.uint8)),
        "deep.png": png(np.full((64, 64), 60_000, np.uint16)),
        "bits.png": png(np.zeros((64, 64), bool)),
        f"{MARKUP}.png": good[:40],
        "cut.jpg": photo[: len(photo) // 8],
        "wide.jpg": bytes(wide),
        "start.jpg": photo[:3],
        "noise.jpg": b"\xff\xd8" + bytes(range(256)) * 4,
        "cut.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
        "gif.gif": b"GIF89a" + bytes(40),
        "bmp.bmp": b"BM" + bytes(60),
        "long.bmp": b"BM" + b"\xff" * 60,
    }


def _others() -> dict[str, bytes]:
    svg = f"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script>{MARKUP}</svg>"
    return {
        "text.txt": b"hello",
        "script.svg": svg.encode(),
        "page.html": f"<html>{MARKUP}".encode(),
        "zip.zip": b"PK\x03\x04" + bytes(60),
        "program.exe": b"MZ" + bytes(100),
        "pdf.pdf": b"%PDF-1.7" + bytes(100),
        "look.safetensors": (20).to_bytes(8, "little") + b"{}" + bytes(30),
        "look2.safetensors": (10**6).to_bytes(8, "little") + b"{" + bytes(30),
        "look3.safetensors": (2).to_bytes(8, "little") + b"{}" + bytes(30),
    }


def _projects() -> dict[str, bytes]:
    broken = {"broken.json": b"{", "deep.json": b"{" * 100_000, "other.json": b"{}", "list.json": b'{"a": [1, 2]}'}
    return broken | {f"{n}.json": json.dumps(PROJECT | {key: value}).encode() for n, (key, value) in enumerate(WRONG)}
