"""Label map files: exact reading and writing, and every way to refuse."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.labels.io import colorize, is_photo, read_label_map, resize_label_map, write_label_map
from sceneswap.labels.presets import load_schema, schema_from_dict
from sceneswap.labels.schema import LabelClass, LabelSchema

OUTDOOR = load_schema("outdoor")
MAP = np.random.default_rng(0).integers(0, 37, (9, 7)).astype(np.int16)
VALUES = OUTDOOR.decode(MAP)


def wide_schema() -> LabelSchema:
    """A schema with values past 255."""
    return LabelSchema("wide", tuple(LabelClass(i * 300, f"c{i}", (i, 0, 1)) for i in range(200)), (65_535,))


@pytest.mark.parametrize("suffix", [".png", ".npy"])
@pytest.mark.parametrize("schema", [OUTDOOR, load_schema("coco-stuff"), wide_schema()], ids=lambda s: s.name)
def test_write_and_read(tmp_path: Path, suffix: str, schema: LabelSchema) -> None:
    label_map = np.arange(schema.num_classes + 1, dtype=np.int16)[None].repeat(3, axis=0)
    path = tmp_path / f"a{suffix}"
    write_label_map(path, label_map, schema)
    again = read_label_map(path, schema)
    assert again.dtype == np.int16
    np.testing.assert_array_equal(again, label_map)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_written_png_is_plain_grey(tmp_path: Path) -> None:
    write_label_map(tmp_path / "a.png", MAP, OUTDOOR)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), VALUES)


def save_palette(path: Path) -> None:
    image = Image.fromarray(VALUES).convert("L")
    palette = Image.new("P", image.size)
    palette.putpalette(list(range(256)) * 3)
    palette.putdata(list(VALUES.ravel().tolist()))
    palette.save(path)


SAVERS: dict[str, Callable[[Path], None]] = {
    "grey8": lambda path: Image.fromarray(VALUES).save(path),
    "grey16": lambda path: Image.fromarray(VALUES.astype(np.uint16)).save(path),
    "palette": save_palette,
    "colours": lambda path: Image.fromarray(colorize(MAP, OUTDOOR)).save(path),
    "opaque": lambda path: Image.fromarray(colorize(MAP, OUTDOOR)).convert("RGBA").save(path),
    "nearly opaque": lambda path: nearly_opaque().save(path),
    "grey and opaque": lambda path: Image.fromarray(VALUES).convert("LA").save(path),
    "oriented": lambda path: Image.fromarray(VALUES).save(path, exif=turned()),
}


def nearly_opaque() -> Image.Image:
    image = Image.fromarray(colorize(MAP, OUTDOOR)).convert("RGBA")
    image.putalpha(Image.fromarray(np.random.default_rng(2).integers(250, 256, MAP.shape).astype(np.uint8)))
    return image


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize("kind", SAVERS)
def test_every_kind_of_png(tmp_path: Path, kind: str) -> None:
    SAVERS[kind](tmp_path / "a.png")
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.png", OUTDOOR), MAP)


@pytest.mark.parametrize("name", ["a.tif", "a.bmp", "a.tiff"])
@pytest.mark.parametrize("kind", ["ids", "colours"])
def test_lossless_pictures_of_other_formats(tmp_path: Path, name: str, kind: str) -> None:
    Image.fromarray(VALUES if kind == "ids" else colorize(MAP, OUTDOOR)).save(tmp_path / name)
    np.testing.assert_array_equal(read_label_map(tmp_path / name, OUTDOOR), MAP)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64])
def test_arrays(tmp_path: Path, dtype: type) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(VALUES.astype(dtype)))
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.npy", OUTDOOR), MAP)


def test_the_unknown_regions_of_stanford_are_void(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[-1, 0]]))
    schema = load_schema("stanford-background")
    assert read_label_map(tmp_path / "a.npy", schema).tolist() == [[schema.void_index, 0]]


def test_a_black_class_is_readable_where_void_has_another_colour(tmp_path: Path) -> None:
    classes = (LabelClass(0, "background", (0, 0, 0)), LabelClass(1, "house", (128, 0, 0)))
    schema = LabelSchema("black", classes, (255,), void_color=(224, 224, 192))
    colors = np.array([[(0, 0, 0), (128, 0, 0), (224, 224, 192)]], np.uint8)
    Image.fromarray(colors).save(tmp_path / "a.png")
    assert read_label_map(tmp_path / "a.png", schema).tolist() == [[0, 1, schema.void_index]]
    np.testing.assert_array_equal(colorize(read_label_map(tmp_path / "a.png", schema), schema), colors)
    assert schema_from_dict(schema.to_dict()) == schema


@pytest.mark.parametrize(("name", "noted"), [("a.png", True), ("a.npy", True), ("colours.png", False)])
def test_a_yes_no_mask_is_noted(tmp_path: Path, name: str, noted: bool, caplog: pytest.LogCaptureFixture) -> None:
    mask = np.array([[0, 0, OUTDOOR.void_index]], dtype=np.int16)
    if name == "colours.png":
        Image.fromarray(colorize(mask, OUTDOOR)).save(tmp_path / name)
    else:
        write_label_map(tmp_path / name, mask, OUTDOOR)
    np.testing.assert_array_equal(read_label_map(tmp_path / name, OUTDOOR), mask)
    assert ("looks like a yes/no mask" in caplog.text) == noted


def test_a_mask_that_is_not_legal_is_called_one(tmp_path: Path) -> None:
    write_label_map(tmp_path / "a.png", np.array([[0, 36]], dtype=np.int16), OUTDOOR)
    schema = LabelSchema("one", (LabelClass(1, "house", (9, 9, 9)),), (7,))
    with pytest.raises(UserError, match="0 and 255 alone look like a yes/no mask"):
        read_label_map(tmp_path / "a.png", schema)


def low_bits(bits: int) -> bytes:
    """A grey PNG of 2×1 pixels with `bits` bits a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, bits, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\x12")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def half_transparent() -> Image.Image:
    image = Image.fromarray(colorize(MAP, OUTDOOR)).convert("RGBA")
    image.putpixel((1, 1), (0, 0, 0, 128))
    return image


def save_npy(path: Path, array: np.ndarray) -> None:
    np.save(path, array, allow_pickle=True)


def truncate(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def save_truncated(path: Path) -> None:
    write_label_map(path, np.resize(MAP, (90, 70)), OUTDOOR)
    truncate(path, 0.6)


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "jpeg": ("a.jpg", lambda p: Image.fromarray(VALUES).save(p), "loses exact ids"),
    "jpeg named png": ("a.png", lambda p: Image.fromarray(VALUES).save(p, format="JPEG"), "loses exact ids"),
    "gif": ("a.gif", lambda p: Image.fromarray(VALUES).save(p), "in the format GIF; save it as PNG"),
    "tiff that is a jpeg": (
        "a.tif",
        lambda p: Image.fromarray(colorize(MAP, OUTDOOR)).save(p, compression="jpeg"),
        "TIFF compressed as jpeg, which loses exact ids",
    ),
    "1 bit": ("a.png", lambda p: Image.new("1", (4, 4)).save(p), "1-bit black and white: it looks like a yes/no mask"),
    "4 bits": ("a.png", lambda p: p.write_bytes(low_bits(4)), "fewer than 8 bits"),
    "2 bits": ("a.png", lambda p: p.write_bytes(low_bits(2)), "fewer than 8 bits"),
    "grey with alpha": ("a.png", lambda p: Image.new("LA", (4, 4)).save(p), "transparent"),
    "transparent": ("a.png", lambda p: half_transparent().save(p), "transparent"),
    "foreign colour": ("a.png", lambda p: Image.new("RGB", (4, 3), (1, 2, 3)).save(p), "(1, 2, 3) (12 pixels"),
    "missing": ("a.png", lambda p: None, "does not exist"),
    "missing array": ("a.npy", lambda p: None, "does not exist"),
    "folder": ("a.png", lambda p: p.mkdir(), "is a folder"),
    "array folder": ("a.npy", lambda p: p.mkdir(), "is a folder"),
    "no picture": ("a.png", lambda p: p.write_text("hello"), "not a picture"),
    "empty": ("a.png", lambda p: p.write_bytes(b""), "not a picture"),
    "truncated": ("a.png", save_truncated, "damaged"),
    "no array": ("a.npy", lambda p: p.write_text("hello"), "is no readable NumPy array"),
    "bool array": ("a.npy", lambda p: save_npy(p, VALUES > 3), "bool"),
    "float array": ("a.npy", lambda p: save_npy(p, VALUES / 2), "float64"),
    "object array": ("a.npy", lambda p: save_npy(p, np.array([[None]])), "object"),
    "3-D array": ("a.npy", lambda p: save_npy(p, VALUES[None]), "(1, 9, 7)"),
    "empty array": ("a.npy", lambda p: save_npy(p, VALUES[:0]), "(0, 7)"),
    "foreign id": ("a.png", lambda p: Image.fromarray(VALUES + 100).save(p), "not in schema outdoor"),
}


@pytest.mark.parametrize("case", BAD)
def test_every_bad_file_is_one_sentence(tmp_path: Path, case: str) -> None:
    name, save, expected = BAD[case]
    path = tmp_path / name
    save(path)
    with pytest.raises(UserError) as error:
        read_label_map(path, OUTDOOR)
    text = str(error.value)
    assert expected in text
    assert str(path) in text
    assert "\n" not in text


def test_truncated_array(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, VALUES)
    truncate(path, 0.9)
    with pytest.raises(UserError, match="damaged"):
        read_label_map(path, OUTDOOR)


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_too_many_pixels(tmp_path: Path, name: str) -> None:
    write_label_map(tmp_path / name, MAP, OUTDOOR)
    with pytest.raises(UserError, match="7×9 pixels, more than"):
        read_label_map(tmp_path / name, OUTDOOR, max_pixels=62)


def test_a_shared_colour_is_ambiguous_only_when_it_occurs(tmp_path: Path) -> None:
    classes = tuple(LabelClass(i, name, color) for i, (name, color) in enumerate(
        [("a", (9, 9, 9)), ("b", (9, 9, 9)), ("c", (1, 1, 1))]
    ))  # fmt: skip
    schema = LabelSchema("twins", classes, (255,))
    Image.new("RGB", (2, 2), (1, 1, 1)).save(tmp_path / "fine.png")
    assert (read_label_map(tmp_path / "fine.png", schema) == 2).all()
    Image.new("RGB", (2, 2), (9, 9, 9)).save(tmp_path / "twins.png")
    with pytest.raises(UserError, match=r"\(9, 9, 9\) is shared by a and b"):
        read_label_map(tmp_path / "twins.png", schema)


def test_refused_suffix_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.png or \.npy"):
        write_label_map(tmp_path / "a.jpg", MAP, OUTDOOR)
    assert not list(tmp_path.iterdir())


sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(hnp.arrays(np.int16, sizes, elements=st.integers(0, 36)), sizes)
def test_resizing_takes_the_class_under_the_pixel_centre(label_map: np.ndarray, size: tuple[int, int]) -> None:
    resized = resize_label_map(label_map, size)
    assert resized.shape == size
    assert resized.dtype == np.int16
    for row in range(size[0]):
        for column in range(size[1]):
            y, x = (row + 0.5) * label_map.shape[0] / size[0], (column + 0.5) * label_map.shape[1] / size[1]
            assert resized[row, column] == label_map[int(y + 1e-9), int(x + 1e-9)]


@given(hnp.arrays(np.int16, sizes, elements=st.integers(0, 36)), st.integers(1, 5))
def test_resizing_to_the_same_size_and_by_whole_factors(label_map: np.ndarray, factor: int) -> None:
    height, width = label_map.shape
    np.testing.assert_array_equal(resize_label_map(label_map, (height, width)), label_map)
    large = resize_label_map(label_map, (factor * height, factor * width))
    np.testing.assert_array_equal(large, label_map.repeat(factor, 0).repeat(factor, 1))
    np.testing.assert_array_equal(resize_label_map(large, (height, width)), label_map)


def test_colorize() -> None:
    picture = colorize(np.array([[0, 36]], dtype=np.int16), OUTDOOR)
    assert picture.tolist() == [[list(OUTDOOR.classes[0].color), [0, 0, 0]]]
    assert picture.dtype == np.uint8


SAMPLES = {
    "ade20k_sample/labels": "ade20k-150-1based",
    "camvid/labels": "camvid",
    "coco_stuff_sample/train_label": "coco-stuffthingmaps",
    "stanford_bg/labels": "stanford-background",
}


@pytest.mark.shared
@pytest.mark.parametrize("folder", SAMPLES)
def test_real_label_maps_survive_a_round_trip(shared: Path, tmp_path: Path, folder: str) -> None:
    schema = load_schema(SAMPLES[folder])
    files = sorted((shared / "data" / folder).glob("*.png"))[:8]
    assert files
    for path in files:
        label_map = read_label_map(path, schema)
        write_label_map(tmp_path / path.name, label_map, schema)
        np.testing.assert_array_equal(read_label_map(tmp_path / path.name, schema), label_map)
        assert len(np.unique(schema.convert(label_map, OUTDOOR))) > 1 or "coco" in folder


@pytest.mark.shared
def test_real_stuffthingmaps_are_recognized(shared: Path) -> None:
    for path in sorted((shared / "data/coco_stuff_sample/train_label").glob("*.png"))[:5]:
        with pytest.raises(UserError, match="looks like coco-stuffthingmaps"):
            read_label_map(path, load_schema("coco-stuff"))


# --- Photograph or label map ------------------------------------------------------------------------------------------


def soft_map(width: int) -> np.ndarray:
    """Two areas of the schema's colours with a blurred border of `width` pixels between them."""
    part = np.linspace(0, 1, width)[None, :, None]
    between = np.rint(OUTDOOR.colors[1] * (1 - part) + OUTDOOR.colors[4] * part).repeat(64, axis=0)
    noise = np.random.default_rng(0).integers(0, 3, between.shape)
    left, right = (np.broadcast_to(OUTDOOR.colors[i], (64, 200, 3)) for i in (1, 4))
    return np.concatenate([left, between + noise, right], axis=1).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.jpg.png"])
def test_lossy_files_are_photographs_whatever_they_show(tmp_path: Path, name: str) -> None:
    kind = "WEBP" if name.endswith("webp") else "JPEG"
    Image.fromarray(VALUES).save(tmp_path / name, kind)
    assert is_photo(tmp_path / name, OUTDOOR)


def test_maps_are_no_photographs(tmp_path: Path) -> None:
    write_label_map(tmp_path / "grey.png", MAP, OUTDOOR)
    write_label_map(tmp_path / "array.npy", MAP, OUTDOOR)
    Image.fromarray(colorize(MAP, OUTDOOR)).save(tmp_path / "color.png")
    Image.fromarray(MAP[:, ::-1].astype(np.uint8)).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(255 - colorize(MAP, OUTDOOR)).save(
        tmp_path / "foreign.png"
    )  # few colours: reading says what they are
    many = LabelSchema("many", tuple(LabelClass(i, f"c{i}", (i % 256, i // 256, 7)) for i in range(2000)), (9_000,))
    Image.fromarray(many.colors[np.arange(2000).reshape(40, 50)]).save(tmp_path / "many.png")
    for name in ("grey.png", "array.npy", "color.png", "palette.png", "foreign.png"):
        assert not is_photo(tmp_path / name, OUTDOOR), name
    assert not is_photo(tmp_path / "many.png", many)
    assert is_photo(tmp_path / "many.png", OUTDOOR)  # 2,000 colours that mean nothing there


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_pictures_of_many_colours_are_photographs(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / f"a{suffix}")
    assert is_photo(tmp_path / f"a{suffix}", OUTDOOR)


def test_a_softly_painted_map_is_unclear(tmp_path: Path) -> None:
    Image.fromarray(soft_map(60)).save(tmp_path / "soft.png")
    with pytest.raises(UserError, match=r"soft\.png could be a photograph or a label map with blurred borders"):
        is_photo(tmp_path / "soft.png", OUTDOOR)


def test_files_that_are_neither(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    for name, words in (("a.png", "is not a picture"), ("gone.png", "does not exist")):
        with pytest.raises(UserError, match=words):
            is_photo(tmp_path / name, OUTDOOR)
