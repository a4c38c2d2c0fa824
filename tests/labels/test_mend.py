"""Mending label maps: each kind of damage becomes the ids it was, and what is no label map stays refused."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFilter

from sceneswap.cli.main import run
from sceneswap.data.pairing import constant_suffix, find_pairs
from sceneswap.errors import UserError
from sceneswap.labels.io import colorize, read_label_map, write_label_map
from sceneswap.labels.mend import mend
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema

OUTDOOR = load_schema("outdoor")


def landscape(height: int = 96, width: int = 128) -> np.ndarray:
    """Sky, hills, a lake and a road with curved borders, and a void corner."""
    y, x = np.mgrid[:height, :width]
    label_map = np.zeros((height, width), np.int16)
    label_map[y > 40 + 10 * np.sin(x / 15)] = 9
    label_map[y > 60 + 6 * np.cos(x / 20)] = 5
    label_map[(y - 75) ** 2 * 3 + (x - 40) ** 2 < 500] = 21
    label_map[abs(x - 90 - (y - 60) / 3) < 7] = np.where(y > 60, 16, 3)[abs(x - 90 - (y - 60) / 3) < 7]
    label_map[y + x < 20] = OUTDOOR.void_index
    return label_map


MAP = landscape()
COLORS = colorize(MAP, OUTDOOR)


def mended(path: Path, schema: LabelSchema = OUTDOOR) -> np.ndarray:
    """The mended map of a file that is refused as it is."""
    with pytest.raises(UserError):
        read_label_map(path, schema)
    found = mend(path, schema)
    assert found.steps
    assert found.guessed.shape == found.label_map.shape
    return found.label_map


@settings(deadline=None)
@given(
    hnp.arrays(np.int16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 36)),
    st.sampled_from(["ids", "colors", "array"]),
)
def test_what_is_right_comes_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, label_map: np.ndarray, kind: str
) -> None:
    path = tmp_path_factory.mktemp("right") / ("a.npy" if kind == "array" else "a.png")
    if kind == "colors":
        Image.fromarray(colorize(label_map, OUTDOOR)).save(path)
    else:
        write_label_map(path, label_map, OUTDOOR)
    found = mend(path, OUTDOOR)
    np.testing.assert_array_equal(found.label_map, label_map)
    assert not found.steps
    assert not found.guessed.any()


@pytest.mark.parametrize("preset", ["outdoor", "cityscapes", "coco-stuff", "ade20k-150", "camvid"])
@pytest.mark.parametrize("kind", ["bgr", "linear", "twice", "2.2"])
def test_colours_changed_alike_are_exact(tmp_path: Path, preset: str, kind: str) -> None:
    schema = load_schema(preset)
    label_map = (MAP % schema.num_classes).astype(np.int16)
    value = colorize(label_map, schema) / 255
    made = {
        "bgr": value[..., ::-1],
        "linear": np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4),
        "twice": np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055),
        "2.2": value**2.2,
    }[kind]
    Image.fromarray(np.rint(made * 255).astype(np.uint8)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(mended(tmp_path / "a.png", schema), label_map)


def test_ids_in_three_channels(tmp_path: Path) -> None:
    Image.fromarray(OUTDOOR.decode(MAP)[..., None].repeat(3, axis=2)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(mended(tmp_path / "a.png"), MAP)


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_instance_ids(tmp_path: Path, suffix: str) -> None:
    schema = load_schema("cityscapes")
    label_map = (MAP % schema.num_classes).astype(np.int16)
    values = schema.decode(label_map).astype(np.uint16)
    values[:, 64:] = values[:, 64:] * 1000 + 7  # stuff has its id, objects are numbered
    if suffix == ".npy":
        np.save(tmp_path / "a.npy", values)
    else:
        Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(mended(tmp_path / f"a{suffix}", schema), label_map)


def test_a_number_0_that_may_mean_nothing_is_accounted_for(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 3001, 5002]], np.uint16)).save(tmp_path / "a.png")
    found = mend(tmp_path / "a.png", OUTDOOR)
    assert found.label_map.tolist() == [[0, 3, 5]]
    assert found.steps["of number 0 taken as sky-other, which may mean no object as well"] == 1
    assert found.guessed.tolist() == [[True, False, False]]


def borders(label_map: np.ndarray, width: int) -> np.ndarray:
    """The pixels within `width` of another class."""
    padded = np.pad(label_map, width, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * width + 1, 2 * width + 1))
    return windows.min(axis=(2, 3)) != windows.max(axis=(2, 3))


@pytest.mark.parametrize("kind", ["antialiased", "blurred", "jpeg", "jpeg named png", "webp"])
def test_blended_borders_change_nothing_inside(tmp_path: Path, kind: str) -> None:
    picture, path = Image.fromarray(COLORS), tmp_path / "a.png"
    if kind == "antialiased":
        shifted = np.roll(COLORS, 1, axis=1)
        picture = Image.fromarray(((COLORS.astype(int) * 2 + shifted) / 3).astype(np.uint8))
    elif kind == "blurred":
        picture = picture.filter(ImageFilter.GaussianBlur(0.8))
    path = tmp_path / {"jpeg": "a.jpg", "webp": "a.webp"}.get(kind, "a.png")
    options: dict[str, dict[str, Any]] = {"jpeg": {"quality": 90}, "jpeg named png": {"format": "JPEG"}}
    picture.save(path, **options.get(kind, {}))
    found = mended(path)
    wrong = found != MAP
    assert not wrong[~borders(MAP, 2)].any()
    assert wrong.mean() < 0.04


def test_every_pixel_that_was_guessed_is_marked(tmp_path: Path) -> None:
    soft = COLORS.copy()
    soft[50, 10] = COLORS[50, 10] // 2 + COLORS[10, 60] // 2
    soft[80, 5:9] = COLORS[80, 5:9] - np.uint8(4)
    Image.fromarray(soft).save(tmp_path / "a.png")
    found = mend(tmp_path / "a.png", OUTDOOR)
    np.testing.assert_array_equal(found.label_map, MAP)
    assert found.guessed.sum() == sum(found.steps.values()) == 5
    assert found.guessed[50, 10]
    assert found.guessed[80, 5:9].all()


def filled(color: tuple[int, int, int]) -> Image.Image:
    picture = COLORS.copy()
    picture[45:55, 20:40] = color
    return Image.fromarray(picture)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8))
OBJECTS = Image.fromarray(
    (np.arange(9, dtype=np.uint8) * 29 + 1).reshape(3, 3, 1).repeat(3, 2) ^ np.array([[[3, 90, 7]]], np.uint8)
)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (filled((255, 0, 255)), r"row 47, column 22 is of colour \(255, 0, 255\), further than 24 levels"),
        (NOISE, "save the class ids as a grey PNG"),
        (Image.fromarray(OUTDOOR.decode(MAP) + np.uint8(100)), "not in schema outdoor"),
        (Image.new("1", (9, 9)), "yes/no mask"),
    ],
)
def test_what_is_no_label_map_stays_refused(tmp_path: Path, picture: Image.Image, words: str) -> None:
    picture.save(tmp_path / "a.png")
    with pytest.raises(UserError, match=words):
        mend(tmp_path / "a.png", OUTDOOR)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (
            Image.fromarray(COLORS[..., ::-1]),
            "its red and blue are exchanged: `sceneswap labels convert --repair` mends",
        ),
        (Image.fromarray(COLORS).filter(ImageFilter.GaussianBlur(0.5)), "its borders are blended"),
        (Image.fromarray(load_schema("cityscapes").colors[MAP % 19]), "these are the colours of cityscapes"),
        (Image.fromarray(np.array([[3001, 5002]], np.uint16)), "these look like instance ids"),
        (OBJECTS, "as in COCO's panoptic maps"),
        (Image.fromarray(np.array([[(10, 77, 3), (100, 3, 9), (0, 0, 0)]], np.uint8)), "a full annotation of ADE20K"),
    ],
)
def test_what_a_refused_file_looks_like_is_said(tmp_path: Path, picture: Image.Image, words: str) -> None:
    picture.save(tmp_path / "a.png")
    with pytest.raises(UserError) as error:
        read_label_map(tmp_path / "a.png", OUTDOOR)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@settings(deadline=None)
@given(st.data(), st.sampled_from(["a.png", "a.json", "a.npy", "labelmap.txt"]))
def test_no_bytes_raise_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str
) -> None:
    """Random bytes, and honest files with some bytes changed."""
    path = tmp_path_factory.mktemp("bytes") / name
    if name == "a.json":
        save_shapes(path, shape("sea", "polygon", (0, 0), (9, 0), (9, 3)), shape("sky-other", "circle", (3, 3), (4, 4)))
    elif name == "labelmap.txt":
        path.write_text("background:0,0,0::\nsky:70,130,180::\n")
    else:
        write_label_map(path, MAP[::4, ::4], OUTDOOR)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = bytearray(data.draw(st.binary(max_size=200)))
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(UserError):
        _ = load_schema(str(path)) if name == "labelmap.txt" else mend(path, OUTDOOR)


# --- labelme and labelmap.txt -----------------------------------------------------------------------------------------


def shape(label: str, kind: str, *points: tuple[float, float]) -> dict[str, object]:
    return {"label": label, "shape_type": kind, "points": points}


def save_shapes(path: Path, *shapes: dict[str, object], size: tuple[int, int] = (8, 10)) -> Path:
    path.write_text(json.dumps({"imageHeight": size[0], "imageWidth": size[1], "shapes": shapes, "imageData": None}))
    return path


def test_polygons_are_drawn_in_their_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save_shapes(
        tmp_path / "a.json",
        shape("sky-other", "polygon", (0, 0), (9, 0), (9, 3), (0, 3)),
        shape("sea", "rectangle", (9, 7), (0, 4)),
        shape("boat", "circle", (4, 4), (4, 5)),
        shape("_background_", "rectangle", (0, 0), (1, 1)),
        shape("person", "point", (2, 2)),
    )
    sky, sea, boat, void = (*map(OUTDOOR.index_of, ("sky-other", "sea", "boat")), OUTDOOR.void_index)
    found = mend(path, OUTDOOR)
    assert found.label_map.dtype == np.int16
    assert found.label_map.tolist() == [
        [void] * 2 + [sky] * 8,
        [void] * 2 + [sky] * 8,
        [sky] * 10,
        [*[sky] * 4, boat, *[sky] * 5],
        [*[sea] * 3, *[boat] * 3, *[sea] * 4],
        [*[sea] * 4, boat, *[sea] * 5],
        [sea] * 10,
        [sea] * 10,
    ]
    assert found.steps == {"drawn from 4 shapes": 80}
    assert "points and lines have no area" in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"shapes": []}, "is no file of labelme"),
        ([1], "is no file of labelme"),
        ({"imageHeight": True, "imageWidth": 4, "shapes": []}, "is no file of labelme"),
        ({"imageHeight": 10**6, "imageWidth": 10**6, "shapes": []}, "more than the 64 million allowed"),
        ({"imageHeight": 4, "imageWidth": 4, "shapes": [shape("seaa", "polygon", (0, 0), (1, 1), (2, 0))]}, "did you mean sea"),
        ({"imageHeight": 4, "imageWidth": 4, "shapes": [shape("sea", "polygon", (0, 0))]}, "1 points cannot be drawn"),
        ({"imageHeight": 4, "imageWidth": 4, "shapes": [{"label": "sea", "points": [["a", 1]]}]}, "shape 1 is not as labelme"),
        ({"imageHeight": 4, "imageWidth": 4, "shapes": [3]}, "shape 1 is not as labelme"),
    ],
)  # fmt: skip
def test_files_that_labelme_has_not_written(tmp_path: Path, content: object, words: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=words):
        mend(tmp_path / "a.json", OUTDOOR)


def test_coordinates_far_outside_are_cut_off(tmp_path: Path) -> None:
    path = save_shapes(
        tmp_path / "a.json", shape("sea", "polygon", (-1e30, -1e30), (1e30, -1e30), (1e30, 1e30), (-1e30, 1e30))
    )
    assert (mend(path, OUTDOOR).label_map == OUTDOOR.index_of("sea")).all()


def test_a_labelmap_of_absurd_length_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_text("".join(f"sky {i}:1,{i % 256},{i // 256}::\n" for i in range(40_000)))
    with pytest.raises(UserError, match="it has 40000 classes; give 1 to"):
        load_schema(str(tmp_path / "labelmap.txt"))


def test_a_labelmap_of_cvat(tmp_path: Path) -> None:
    path = tmp_path / "labelmap.txt"
    path.write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nSky:70,130,180::\n\nbarn:1,2,3:roof,door:\n")
    schema = load_schema(str(path))
    assert (schema.names, schema.void_ids) == (("Sky", "barn"), (0, 255, 65_535))
    assert schema.classes[0].outdoor == "sky-other"
    Image.fromarray(np.array([[(0, 0, 0), (70, 130, 180), (1, 2, 3)]], np.uint8)).save(tmp_path / "a.png")
    assert read_label_map(tmp_path / "a.png", schema).tolist() == [[2, 0, 1]]
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save(tmp_path / "b.png")
    assert read_label_map(tmp_path / "b.png", schema).tolist() == [[2, 0, 1]]
    path.write_text("asphalt:0,0,0::\n")
    assert load_schema(str(path)).void_color == (224, 224, 192)
    for text in ("sky\n", "sky:1,2::\n", "sky:a,b,c::\n", "sky:1,2,300::\n", ""):
        path.write_text(text)
        with pytest.raises(UserError, match=r"labelmap\.txt"):
            load_schema(str(path))


# --- The command ------------------------------------------------------------------------------------------------------


def convert(source: Path, out: Path, *options: str) -> int:
    return run(["labels", "convert", str(source), "--from", "outdoor", "--to", "outdoor", "--out", str(out), *options])


def test_a_folder_is_mended_with_an_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out, report = tmp_path / "maps", tmp_path / "out", tmp_path / "report"
    source.mkdir()
    write_label_map(source / "right_mask.png", MAP, OUTDOOR)
    Image.fromarray(COLORS[..., ::-1]).save(source / "bgr_mask.png")
    Image.fromarray(COLORS).filter(ImageFilter.GaussianBlur(0.5)).save(source / "soft_mask.png")
    NOISE.save(source / "noise_mask.png")
    save_shapes(source / "drawn_mask.json", shape("sea", "rectangle", (0, 0), (9, 9)))
    Image.new("RGB", (10, 8)).save(source / "drawn_mask.jpg")  # what was labelled
    (source / "settings.json").write_text("{}")
    before = {path: path.read_bytes() for path in source.iterdir()}
    assert convert(source, out, "--repair", "--report", str(report)) == 2
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith("sceneswap: 1 of 5 label maps could not be mended")
    assert f"{source / 'noise_mask.png'}: 3,600 pixels are of no class" in said.err
    assert sorted(path.name for path in out.iterdir()) == ["bgr.png", "drawn.png", "right.png", "soft.png"]
    for name in ("right", "bgr"):
        np.testing.assert_array_equal(read_label_map(out / f"{name}.png", OUTDOOR), MAP)
    record = json.loads((report / "repairs.json").read_text())
    steps = {Path(one["file"]).name: one for one in record["files"]}
    assert steps.keys() == {"bgr_mask.png", "soft_mask.png", "drawn_mask.json"}
    marked = np.asarray(Image.open(report / "soft.png")) == 255
    assert marked.sum() == steps["soft_mask.png"]["guessed"] == sum(steps["soft_mask.png"]["steps"].values())
    assert "mended 3 files" in said.out
    assert {path: path.read_bytes() for path in source.iterdir()} == before


@settings(deadline=None, max_examples=25)
@given(
    hnp.arrays(np.int16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 36)),
    st.sampled_from([".png", ".npy", ".tif", ".bmp"]),
    st.booleans(),
)
def test_converting_a_legal_map_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, label_map: np.ndarray, suffix: str, repair: bool
) -> None:
    folder = tmp_path_factory.mktemp("legal")
    label_map[0, 0] = 3  # not void everywhere
    if suffix in (".png", ".npy"):
        write_label_map(folder / f"a{suffix}", label_map, OUTDOOR)
    else:
        Image.fromarray(OUTDOOR.decode(label_map)).save(folder / f"a{suffix}")
    assert convert(folder / f"a{suffix}", folder / "out", *["--repair"] * repair) == 0
    written = folder / "out" / ("a.npy" if suffix == ".npy" else "a.png")
    np.testing.assert_array_equal(read_label_map(written, OUTDOOR), label_map)


def test_nothing_is_mended_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(COLORS[..., ::-1]).save(tmp_path / "a.png")
    assert convert(tmp_path / "a.png", tmp_path / "out") == 2
    assert "its red and blue are exchanged" in capsys.readouterr().err
    assert convert(tmp_path / "a.png", tmp_path / "out", "--report", str(tmp_path / "r")) == 2
    assert convert(tmp_path / "a.png", tmp_path / "out", "--repair", "--tolerance", "256") == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("stems", "suffix"),
    [
        (["a_mask", "b_mask"], "_mask"),
        (["x_000019_gtFine_labelIds", "y_000019_gtFine_labelIds"], "_gtFine_labelIds"),
        (["a.jpg", "b.jpg"], ".jpg"),
        (["a_overlay", "b_overlay", "c_overlay"], "_overlay"),
        (["a_overlay", "b_overlay"], ""),
        (["a_mask", "b"], ""),
        (["frame_1", "frame_2", "frame_3"], ""),
        (["mask", "label"], ""),
        ([], ""),
    ],
)
def test_what_all_names_end_in(stems: list[str], suffix: str) -> None:
    assert constant_suffix(stems) == suffix


@pytest.mark.parametrize(
    ("photo", "label_map"),
    [("{}.jpg", "{}_mask.png"), ("{}.jpg", "{}.jpg.png"), ("{}_leftImg8bit.png", "{}_gtFine_labelIds.png")],
)
def test_pairs_whose_names_differ_in_their_ends(tmp_path: Path, photo: str, label_map: str) -> None:
    for folder, name in (("images", photo), ("labels", label_map)):
        (tmp_path / folder).mkdir()
        for stem in ("aachen_01", "bonn_02"):
            (tmp_path / folder / name.format(stem)).touch()
    with pytest.raises(UserError, match="have no label map of the same name"):
        find_pairs(tmp_path)
    pairs = find_pairs(tmp_path, repair=True)
    assert [(one.name, one.photo.name, one.label_map.name) for one in pairs] == [
        (stem, photo.format(stem), label_map.format(stem)) for stem in ("aachen_01", "bonn_02")
    ]
