"""Atomic writing: the old file or the whole new one."""

import os
from pathlib import Path

import pytest

from sceneswap import files
from sceneswap.errors import UserError


def test_text_and_json_survive(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.json"
    files.write_json(path, {"größe": [1, 2.5, None]})
    assert files.read_json(path, "a test") == {"größe": [1, 2.5, None]}
    files.write_text(path, "{}")
    assert path.read_text() == "{}"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write_bytes(path, b"old")

    def fail() -> None:
        with files.atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_lies_beside_the_target(tmp_path: Path) -> None:
    with files.atomic_path(tmp_path / "a") as temporary:
        temporary.write_bytes(b"new")
        assert temporary.parent == tmp_path  # same file system: renaming is atomic
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"new"


def test_no_nan_in_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file.*: a part of the path is a file"):
        files.write_text(tmp_path / "file" / "a", "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*folder: it is a folder; name a file"):
        files.write_text(tmp_path / "folder", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="no permission"):
        files.write_text(tmp_path / "a", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    def fill() -> None:
        with files.atomic_path(tmp_path / "a"), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(UserError, match=r"cannot write .*a: the disk is full; free some space"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_reading_names_the_file_and_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.json is missing; it should hold a list"):
        files.read_json(tmp_path / "a.json", "a list")
    for content in (b"{", b"\xff"):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(UserError, match=r"a\.json cannot be read as a list"):
            files.read_json(tmp_path / "a.json", "a list")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_utf_16_is_read_by_its_mark(tmp_path: Path, encoding: str) -> None:
    path, text = tmp_path / "a.json", '{"a": "häh"}'
    path.write_bytes(text.encode(encoding))
    if encoding.endswith(("-le", "-be", "32")):  # without a mark, or of a kind that nobody writes
        for read in (files.read_text, files.read_json):
            with pytest.raises(UserError, match=r"a\.json cannot be read.*UTF-16.*save it as UTF-8"):
                read(path, "the list")
    else:
        assert files.read_text(path, "the list") == text
        assert files.read_json(path, "a list") == {"a": "häh"}


def test_half_a_character_of_utf_16(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes("a = 1".encode("utf-16")[:-1])
    with pytest.raises(UserError, match=r"it is no text in UTF-16, as it begins, \(truncated data\); save"):
        files.read_text(tmp_path / "a.toml", "the schema")


def test_what_is_too_large_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bytes of JSON may become an object of 64, and a large TOML takes minutes."""
    monkeypatch.setattr(files, "MAX_TOML", 100)
    with pytest.raises(ValueError, match="it is larger than"):
        files.parse_toml("a = 1\n" * 50)
    (tmp_path / "a.json").write_text("[" + "{}," * 40 + "{}]")
    assert len(files.read_json(tmp_path / "a.json", "a list")) == 41
    with pytest.raises(UserError, match=r"a\.json is larger than 0 MB, too large"):
        files.read_json(tmp_path / "a.json", "a list", most=100)
