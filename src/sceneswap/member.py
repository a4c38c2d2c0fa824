"""A file inside an archive: what the readers of pictures and label maps take in place of a path."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from sceneswap.files import check_regular
from sceneswap.remote import is_remote, place


@dataclass(frozen=True)
class Member:
    """The bytes of a file, and its name: of archive and member, for messages; its suffix is the file's."""

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name

    @property
    def suffix(self) -> str:
        """As of a path."""
        return PurePosixPath(self.name).suffix

    def read_bytes(self) -> bytes:
        """As of a path."""
        return self.data

    def open(self, mode: str = "rb") -> BytesIO:
        """As of a path, for reading."""
        return BytesIO(self.data)


File = Path | Member
"""What readers of files take."""


def as_file(path: File | str) -> File:
    """What readers of files are given, as something to open."""
    return path if isinstance(path, Member) else place(path)


def check_file(file: File, what: str) -> None:
    """`files.check_regular` of a path; a member has been read already."""
    if isinstance(file, Path):
        check_regular(file, what)


def openable(file: File) -> Path | BytesIO:
    """What libraries open: a path on this machine, or the bytes of what is elsewhere."""
    return BytesIO(file.read_bytes()) if isinstance(file, Member) or is_remote(file) else file
