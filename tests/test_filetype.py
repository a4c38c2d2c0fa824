"""Files under a wrong name: what they are is said."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.filetype import is_heif, looks_like, passed_over
from sceneswap.images import read_photo, read_turned
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import load_schema

KINDS: dict[str, tuple[bytes, str]] = {
    "page": (b"\n <!DOCTYPE html><html>", "a web page; the download brought a page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
    "empty": (b"", "an empty file"),
    "zeros": (bytes(900), "a file of zeros"),
    "text": ("é".encode() * 400, "a text file; export it as"),
    "json": (b'{"a": 1}', "a JSON file"),
    "svg": (b'<?xml version="1.0"?><svg>', "an SVG drawing"),
    "pdf": (b"%PDF-1.7", "a PDF"),
    "array": (b"\x93NUMPY\x01\x00", "a NumPy array"),
    "noise": (b"\xfe\x12\x00\x80 nothing", "is not a picture that can be read; export it as"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [read_photo, lambda path: read_label_map(path, load_schema("outdoor"))])
def test_what_a_file_is_under_a_wrong_name(tmp_path: Path, kind: str, read: Callable[[Path], object]) -> None:
    content, words = KINDS[kind]
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError) as error:
        read(tmp_path / "a.png")
    assert words in str(error.value)
    assert str(error.value).count(";") == 1
    assert ("JPEG" in str(error.value)) <= (read is read_photo)  # nobody is told to save a label map as JPEG


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"heic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"mif1\0\0\0\0mif1heic", "a HEIC picture"),
        (b"mif1\0\0\0\0mif1avif", "an AVIF picture"),
        (b"mif1\0\0\0\0mif1", "a HEIC picture"),
        (b"avif\0\0\0\0mif1heic", "an AVIF picture"),
        (b"isom\0\0\0\0mp41heic", ""),
    ],
)
def test_a_general_brand_is_told_by_the_others(tmp_path: Path, brands: bytes, kind: str) -> None:
    box = (len(brands) + 8).to_bytes(4, "big") + b"ftyp" + brands
    (tmp_path / "a.jpg").write_bytes(box + b"avif" + bytes(40))  # what follows the box is none of its brands
    assert looks_like(tmp_path / "a.jpg") == kind
    assert is_heif(tmp_path / "a.jpg") == ("HEIC" in kind)


@pytest.mark.parametrize("name", ["a.heic", "a.jpg"])
def test_heic(tmp_path: Path, name: str) -> None:
    heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    picture = heif.from_pillow(Image.new("RGB", (64, 48), (200, 100, 50)))
    picture.save(tmp_path / "made.heic", quality=95)
    (tmp_path / "made.heic").rename(tmp_path / name)
    photo = read_photo(tmp_path / name)
    assert photo.shape == (48, 64, 3)
    assert abs(photo.reshape(-1, 3).mean(axis=0) - (200, 100, 50)).max() < 4


def test_the_orientation_of_a_heic_is_told(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (64, 48), (200, 100, 50))
    picture.info["exif"] = exif.tobytes()
    heif.from_pillow(picture).save(tmp_path / "a.heic", quality=90)
    assert read_turned(tmp_path / "a.heic")[1] == 6  # the reader sets EXIF to 1, since it turns pixels as the file says


def test_heic_without_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sceneswap.images._register_heif", lambda: None)
    monkeypatch.setattr("sceneswap.images.Image.open", _unidentified)
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    with pytest.raises(UserError, match=r"a HEIC picture; install what reads it \(pip install 'sceneswap\[heic\]'\)"):
        read_photo(tmp_path / "a.jpg")


def _unidentified(path: Path) -> None:
    raise Image.UnidentifiedImageError(str(path))


def test_avif(tmp_path: Path) -> None:
    pytest.importorskip("PIL._avif", reason="this Pillow has no AVIF")
    Image.new("RGB", (64, 48), (200, 100, 50)).save(tmp_path / "a.avif", quality=95)
    assert abs(read_photo(tmp_path / "a.avif").mean() - 350 / 3) < 3


def test_what_is_passed_over_is_said_by_kind() -> None:
    names = ["a.CR2", "b.cr2", "c.txt", "Makefile"]
    assert passed_over(map(Path, names)) == ("2 .cr2, 1 .txt, 1 without a suffix (no photographs that can be read)")
    assert passed_over([]) == ""
