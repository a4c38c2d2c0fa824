"""What files are: by their first bytes, whatever their names say, and by their suffixes where a folder holds others."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from sceneswap.member import Member

OPTIONAL = {  # suffix -> the module that reads it, and how to come by it
    ".heic": ("pillow_heif", "pip install 'sceneswap[heic]' reads HEIC"),
    ".heif": ("pillow_heif", "pip install 'sceneswap[heic]' reads HEIC"),
    ".avif": ("PIL._avif", "a newer Pillow reads AVIF"),
}
"""The pictures that not every installation reads."""

_DO = {  # what to do about a file that is something else
    "a HEIC picture": "install what reads it (pip install 'sceneswap[heic]'), or export it as PNG or JPEG",
    "an AVIF picture": "install a newer Pillow, which reads it, or export it as PNG or JPEG",
    "a web page": "the download brought a page in place of the file: download it again",
    "a pointer of Git LFS, not the file itself": "fetch the file with git lfs pull",
    "an empty file": "download or export it again",
}

_START = 512  # bytes that are looked at
_LFS = b"version https://git-lfs"
_AVIF = (b"avif", b"avis")
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")  # the last two: whatever codec it is
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"GIF8", "a GIF picture"),
    (b"8BPS", "a Photoshop file"), (b"gimp xcf", "a GIMP file"), (b"%PDF", "a PDF"), (b"\x93NUMPY", "a NumPy array"),
    (b"PK\x03\x04", "a ZIP archive"), (b"\x1f\x8b", "a gzip archive"), (b"\x89HDF", "an HDF5 file"),
    (b"\x80\x04\x95", "a Python pickle"), (b"FUJIFILMCCD-RAW", "a camera's raw file"), (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"), (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"), (b"MATLAB", "a MATLAB file"),
)  # fmt: skip


def is_heif(path: Path | Member) -> bool:
    """Whether the file `path` starts as HEIC does, the format of many phones."""
    return _family(_start(path)) == "a HEIC picture"


def looks_like(path: Path | Member) -> str:
    """Return what the regular file `path` looks like, with its article ("a web page"), or ""."""
    start = _start(path)
    if not start:
        return "an empty file"
    if not any(start):
        return "a file of zeros"
    if start.startswith(_LFS):
        return "a pointer of Git LFS, not the file itself"
    if family := _family(start):
        return family
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "a WebP picture"
    for magic, name in _STARTS:
        if start.startswith(magic):
            return name
    return _text_kind(start)


def but_found(path: Path | Member, suited: str) -> str:
    """Return the end of a sentence that says `path` is not what it should be: " but a web page; download it again".

    suited: the formats to save it as where nothing better is known.
    """
    found = looks_like(path)
    return f"{f' but {found}' if found else ''}; {_DO.get(found, f'export it as {suited}')}"


def passed_over(paths: Iterable[Path], what: str = "photographs that can be read") -> str:
    """Say in a clause what files of a folder are passed over and why, "" for none: "2 .heic (…), 1 .txt (…)"."""
    kinds = Counter(path.suffix.lower() or "without a suffix" for path in paths)
    reasons = {kind: OPTIONAL[kind][1] if kind in OPTIONAL else f"no {what}" for kind in kinds}
    parts = []
    for reason in dict.fromkeys(reasons.values()):
        of_it = [f"{count:,} {kind}" for kind, count in kinds.most_common() if reasons[kind] == reason]
        parts.append(f"{', '.join(of_it)} ({reason})")
    return ", ".join(parts)


def _text_kind(start: bytes) -> str:
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if head.startswith((b"<svg", b"<?xml")):
        return "an SVG drawing" if b"<svg" in head else "an XML file"
    if b"\0" in start:
        return ""
    try:
        start.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":  # a character cut in two
            return ""
    return "a JSON file" if head.startswith((b"{", b"[")) else "a text file"


def _family(start: bytes) -> str:
    """Which picture of the MP4 family it is, "" for none: by its brand, and where that is general by the further ones."""
    size = int.from_bytes(start[:4], "big")
    if start[4:8] != b"ftyp":
        return ""
    brands = [start[at : at + 4] for at in (8, *range(16, min(size, len(start)), 4))]
    if brands[0] in _AVIF or (brands[0] in _HEIC[-2:] and set(brands) & set(_AVIF)):
        return "an AVIF picture"
    return "a HEIC picture" if brands[0] in _HEIC else ""


def _start(path: Path | Member) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_START)
    except OSError:
        return b""
