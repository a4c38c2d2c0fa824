"""The seal of a file: the SHA-256 of its bytes, in the file itself. Whoever saves the file anew breaks or loses it.

    write_bytes(path, sealed(data))        # data holds UNSEALED once, as the software that wrote it
    is_sealed(path.read_bytes())

PNG, JPEG, WebP and GIF pictures and HTML pages of sceneswap are sealed, so that `guard` tells them from what was retouched in
an editor, even in one that keeps every note.
"""

import hashlib
import re
import zlib

_NAME = b"sceneswap sha256:"
_BLANK = b"0" * 64
_SEAL = re.compile(_NAME + rb"([0-9a-f]{64})")
_PNG, _PNG_TEXT = b"\x89PNG\r\n\x1a\n", b"tEXtSoftware\0"

UNSEALED = (_NAME + _BLANK).decode()
"""What a file to be sealed says of the software that wrote it."""


def sealed(data: bytes) -> bytes:
    """The bytes of a file with its seal in the place of `UNSEALED`, which they hold once."""
    found = _SEAL.search(data)
    assert found is not None, "there is no place for a seal"
    return _with(data, found, hashlib.sha256(data).hexdigest().encode())


def is_sealed(data: bytes) -> bool:
    """Whether these are the bytes of a file as it was sealed."""
    found = _SEAL.search(data)
    return found is not None and hashlib.sha256(_with(data, found, _BLANK)).hexdigest().encode() == found[1]


def _with(data: bytes, found: re.Match[bytes], seal: bytes) -> bytes:
    """The bytes with `seal` in the place found; in a PNG, with the check sum of its chunk."""
    start, end = found.span(1)
    tail = data[end:]
    if data.startswith(_PNG):
        tail = zlib.crc32(data[found.start() - len(_PNG_TEXT) : start] + seal).to_bytes(4, "big") + tail[4:]
    return data[:start] + seal + tail
