"""Schemas: presets, validation, encoding, conversion."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sceneswap.errors import UserError
from sceneswap.labels.convention import encode
from sceneswap.labels.presets import PRESETS, load_schema, schema_from_dict
from sceneswap.labels.schema import LabelClass, LabelSchema

presets = st.sampled_from(PRESETS).map(load_schema)


@st.composite
def schemas(draw: st.DrawFn) -> LabelSchema:
    """Any small schema: ids with gaps, an offset, several void ids, values past 255."""
    values = draw(st.lists(st.integers(0, 700), min_size=2, max_size=12, unique=True))
    voids = draw(st.integers(1, len(values) - 1))
    offset = draw(st.integers(-5, 5))
    classes = tuple(LabelClass(v - offset, f"class {v}", (v % 256, 0, 9)) for v in values[voids:])
    return LabelSchema("drawn", classes, tuple(values[:voids]), offset)


@st.composite
def schemas_with_maps(draw: st.DrawFn) -> tuple[LabelSchema, np.ndarray]:
    schema = draw(st.one_of(schemas(), presets))
    shape = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
    return schema, draw(hnp.arrays(np.int16, shape, elements=st.integers(0, schema.num_classes)))


def message(error: pytest.ExceptionInfo[UserError]) -> str:
    """The text of the error, which must be one sentence."""
    text = str(error.value)
    assert "\n" not in text
    assert ". " not in text
    return text


@given(schemas_with_maps())
def test_encode_undoes_decode(drawn: tuple[LabelSchema, np.ndarray]) -> None:
    schema, label_map = drawn
    values = schema.decode(label_map)
    for dtype in (values.dtype, np.int32, np.int64, np.uint64):
        again = encode(values.astype(dtype), schema, "a.png")
        assert again.dtype == np.int16
        np.testing.assert_array_equal(again, label_map)


@given(schemas(), hnp.arrays(np.int64, (3, 4), elements=st.integers(-(2**40), 2**40) | st.integers(-3, 705)))
def test_encode_accepts_exactly_the_schema_s_values(schema: LabelSchema, values: np.ndarray) -> None:
    legal = {c.id + schema.offset for c in schema.classes} | set(schema.void_ids)
    if set(values.ravel().tolist()) <= legal:
        indices = encode(values, schema, "a.png")
        for index, value in zip(indices.ravel(), values.ravel(), strict=True):
            expected = "void" if value in schema.void_ids else f"class {value}"
            assert (*schema.names, "void")[index] == expected
    else:
        with pytest.raises(UserError, match=r"^a\.png: ids? "):
            encode(values, schema, "a.png")


@pytest.mark.parametrize("value", [2**63, 2**64 - 1])
def test_huge_unsigned_values_do_not_wrap_into_legal_ones(value: int) -> None:
    with pytest.raises(UserError, match=str(value)):
        encode(np.array([[value]], dtype=np.uint64), load_schema("stanford-background"), "a.npy")


@given(schemas())
def test_dict_round_trip_through_json(schema: LabelSchema) -> None:
    assert schema_from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_sound(name: str) -> None:
    schema, outdoor = load_schema(name), load_schema("outdoor")
    assert schema.name == name
    assert len({tuple(color) for color in schema.colors.tolist()}) == schema.num_classes + 1
    assert {c.outdoor for c in schema.classes} <= {None, *outdoor.names}
    assert schema.void_index == schema.num_classes == len(schema.names)
    assert schema_from_dict(schema.to_dict()) == schema
    assert load_schema(name) == schema
    assert hash(schema) == hash(schema_from_dict(schema.to_dict()))


@pytest.mark.parametrize("name", PRESETS)
def test_classes_that_occur_only_outdoors_map_into_outdoor(name: str) -> None:
    schema, outdoor = load_schema(name), load_schema("outdoor")
    mapping = schema.mapping_to(outdoor)
    assert mapping.shape == (schema.num_classes + 1,)
    assert mapping[schema.void_index] == outdoor.void_index
    gear = {"baseball bat", "baseball glove"}
    lost = {c.name for c, to in zip(schema.classes, mapping, strict=False) if to == 36 and c.setting == "outdoor"}
    assert lost <= gear


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_maps_into_indoor_and_indoor_classes_wholly(name: str) -> None:
    schema, indoor = load_schema(name), load_schema("indoor")
    mapping = schema.mapping_to(indoor)[:-1]
    assert (mapping != indoor.void_index).any()
    lost = {c.name for c, to in zip(schema.classes, mapping, strict=True) if to == indoor.void_index}
    assert not {c.name for c in schema.classes if c.setting == "indoor"} & lost


def test_what_a_class_takes() -> None:
    indoor = load_schema("indoor")
    coco = load_schema("coco-stuff")
    assert 30 <= indoor.num_classes <= 40
    assert set(indoor.names) <= set(coco.names)

    def became(preset: str, name: str) -> str:
        schema = load_schema(preset)
        return (*indoor.names, "void")[schema.mapping_to(indoor)[schema.index_of(name)]]

    wanted = {
        ("coco-stuff", "floor-wood"): "floor-wood", ("coco-stuff", "floor-marble"): "floor-other",
        ("ade20k-150", "sofa"): "couch", ("ade20k-150", "bathtub"): "sink", ("ade20k-150", "sky"): "void",
        ("nyu40", "night stand"): "cabinet", ("nyu40", "picture"): "paper", ("voc", "tvmonitor"): "tv",
    }  # fmt: skip
    assert {key: became(*key) for key in wanted} == wanted
    with pytest.raises(ValueError, match="two classes take 'x'"):
        LabelSchema("s", tuple(LabelClass(i, f"c{i}", (i, 1, 1), takes=("x",)) for i in range(2)), (255,))


@pytest.mark.parametrize(
    ("preset", "name", "coarse"),
    [
        ("coco-stuff", "horse", "animal"),
        ("coco-stuff", "motorcycle", "vehicle"),
        ("coco-stuff", "sea", "sea"),
        ("coco-stuff", "wall-brick", "wall-other"),
        ("coco-stuff", "leaves", "tree"),
        ("coco-stuffthingmaps", "bird", "animal"),
        ("ade20k-150", "sky", "sky-other"),
        ("ade20k-150", "earth", "ground-other"),
        ("ade20k-150-1based", "field", "grass"),
        ("ade20k-150-1based", "lake", "water-other"),
        ("ade20k-150-1based", "ship", "boat"),
        ("stanford-background", "water", "water-other"),
        ("camvid", "pole", "structural-other"),
        ("cityscapes", "vegetation", "tree"),
        ("cityscapes-trainids", "sidewalk", "pavement"),
        ("voc", "sheep", "animal"),
        ("labelmefacade", "window", "building-other"),
        ("nyu40", "wall", "wall-other"),
    ],
)
def test_outdoor_counterparts(preset: str, name: str, coarse: str) -> None:
    schema, outdoor = load_schema(preset), load_schema("outdoor")
    assert schema.mapping_to(outdoor)[schema.index_of(name)] == outdoor.index_of(coarse)


@pytest.mark.parametrize(
    ("preset", "value", "name", "color"),
    [  # as published: cityscapesscripts, the VOC devkit, LabelMeFacade's pictures, ScanNet's palette
        ("cityscapes", 7, "road", (128, 64, 128)),
        ("cityscapes", 33, "bicycle", (119, 11, 32)),
        ("cityscapes-trainids", 0, "road", (128, 64, 128)),
        ("cityscapes-trainids", 18, "bicycle", (119, 11, 32)),
        ("voc", 0, "background", (0, 0, 0)),
        ("voc", 15, "person", (192, 128, 128)),
        ("voc", 20, "tvmonitor", (0, 64, 128)),
        ("labelmefacade", 5, "road", (128, 64, 0)),
        ("labelmefacade", 8, "window", (0, 0, 128)),
        ("nyu40", 1, "wall", (174, 199, 232)),
        ("nyu40", 40, "otherprop", (100, 85, 144)),
    ],
)
def test_published_ids_and_colours(preset: str, value: int, name: str, color: tuple[int, int, int]) -> None:
    schema = load_schema(preset)
    index = schema.index_of_value[value]
    assert (schema.names[index], tuple(schema.colors[index].tolist())) == (name, color)


@pytest.mark.parametrize(
    ("preset", "value", "name"),
    [
        ("coco-stuff", 1, "person"),
        ("coco-stuff", 12, "street sign"),
        ("coco-stuff", 92, "banner"),
        ("coco-stuff", 157, "sky-other"),
        ("coco-stuff", 182, "wood"),
        ("coco-stuffthingmaps", 156, "sky-other"),
        ("ade20k-150-1based", 1, "wall"),
        ("ade20k-150-1based", 150, "flag"),
        ("ade20k-150", 2, "sky"),
        ("camvid", 10, "bicyclist"),
        ("stanford-background", 7, "foreground object"),
        ("outdoor", 35, "solid-other"),
        ("procedural", 19, "sea"),
    ],
)
def test_official_numbers(preset: str, value: int, name: str) -> None:
    schema = load_schema(preset)
    assert encode(np.array([[value]]), schema, "a.png") == schema.index_of(name)


def test_conversion_goes_by_name_and_the_rest_is_void() -> None:
    ade, coco, outdoor = (load_schema(n) for n in ("ade20k-150", "coco-stuff", "outdoor"))
    label_map = np.array([[ade.index_of("tree"), ade.index_of("sky"), ade.void_index]], dtype=np.int16)
    assert ade.convert(label_map, coco).tolist() == [[coco.index_of("tree"), coco.void_index, coco.void_index]]
    coarse = ade.convert(label_map, outdoor)
    assert outdoor.convert(coarse, coco)[0, 1] == coco.index_of("sky-other")


def test_index_of_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean") as error:
        load_schema("outdoor").index_of("mountains")
    assert "mountain" in message(error)


@pytest.mark.parametrize(
    ("schema", "values", "expected"),
    [
        ("coco-stuff", [0, 17, 255], "pass --schema coco-stuffthingmaps"),
        ("coco-stuffthingmaps", [3, 182], "pass --schema coco-stuff"),
        ("ade20k-150", [1, 2, 150, 255], "pass --schema ade20k-150-1based"),
        ("camvid", [3, 150], "coco-stuff"),
        ("camvid", [1, 2, 12], "legal in"),
        ("stanford-background", [1, 8, 255], "every id raised by one"),
        ("outdoor", [0, 40_000], "no preset fits"),
    ],
)
def test_foreign_ids_are_named_with_the_likely_convention(schema: str, values: list[int], expected: str) -> None:
    with pytest.raises(UserError) as error:
        encode(np.array([values, values], dtype=np.uint16), load_schema(schema), "labels/a.png")
    text = message(error)
    assert text.startswith("labels/a.png: id")
    assert "(2 pixels)" in text
    assert f"not in schema {schema} (ids " in text
    assert expected in text


def test_only_the_worst_foreign_ids_are_listed() -> None:
    values = np.repeat(np.arange(100, 110), np.arange(1, 11))[None]
    with pytest.raises(UserError) as error:
        encode(values, load_schema("camvid"), "a.png")
    assert "109 (10 pixels), 108 (9 pixels), 107 (8 pixels), 106 (7 pixels) and 6 more" in message(error)


@pytest.mark.parametrize("dtype", [bool, np.float32])
def test_only_integers_are_encoded(dtype: type) -> None:
    with pytest.raises(UserError, match="whole numbers"):
        encode(np.zeros((2, 2), dtype=dtype), load_schema("camvid"), "a.npy")


def test_decode_refuses_what_is_no_index() -> None:
    with pytest.raises(ValueError, match="indices"):
        load_schema("camvid").decode(np.array([[12]], dtype=np.int16))


def test_user_file_needs_only_ids_and_names(tmp_path: Path) -> None:
    path = tmp_path / "farm.toml"
    path.write_text('void_ids = [9]\nclasses = [{id = 0, name = "barn"}, {id = 3, name = "grass"}]\n')
    schema = load_schema(str(path))
    assert (schema.name, schema.names) == ("farm", ("barn", "grass"))
    assert len({tuple(c) for c in schema.colors.tolist()}) == 3
    outdoor = load_schema("outdoor")
    assert schema.mapping_to(outdoor).tolist() == [36, outdoor.index_of("grass"), 36]


def test_user_file_on_a_base(tmp_path: Path) -> None:
    path = tmp_path / "shifted.json"
    path.write_text(json.dumps({"base": "camvid", "offset": 1, "void_ids": [0], "only": ["sky", "road"]}))
    assert encode(np.array([[1, 4, 0]]), load_schema(str(path)), "a.png").tolist() == [[0, 1, 2]]


GOOD = {"name": "x", "void_ids": [255], "classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"classes": []}, "0 classes"),
        ({"classes": [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]}, "the id 0"),
        ({"classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "a"}]}, "the name 'a'"),
        ({"classes": [{"id": 0}]}, "classes[0]: the setting name is missing"),
        ({"classes": [{"name": "a"}]}, "classes[0]: the setting id is missing"),
        ({"classes": [{"id": "0", "name": "a"}]}, "whole number"),
        ({"classes": [{"id": True, "name": "a"}]}, "whole number"),
        ({"classes": [{"id": 0, "name": "a\nb"}]}, "one line"),
        (
            {"classes": [{"id": 0, "name": "a", "color": [1, 2]}]},
            "classes[0]: color must be a list of the right length",
        ),
        ({"classes": [{"id": 0, "name": "a", "color": [1, 2, 256]}]}, "0 to 255"),
        ({"classes": [{"id": 0, "name": "a", "setting": "garden"}]}, "garden"),
        ({"classes": [{"id": 0, "name": "a", "colour": [1, 2, 3]}]}, "unknown setting 'colour'"),
        ({"classes": {"id": 0}}, "must be a list"),
        ({"classes": [7]}, "classes[0]: a table of settings is needed"),
        ({"void_ids": []}, "no void_ids"),
        ({"void_ids": [1]}, "both class 'b' and void"),
        ({"void_ids": [255, 255]}, "repeats"),
        ({"void_ids": [-1]}, "start with one"),
        ({"offset": 1.5}, "whole number"),
        ({"offset": -1}, "would be -1"),
        ({"offset": 70_000}, "would be 70000"),
        ({"offset": 10**22}, "would be 1000000"),
        ({"void_ids": [10**22]}, "must lie within"),
        ({"name": ""}, "one line"),
        ({"base": "cocostuff"}, "no preset"),
        ({"only": ["c"]}, "only names 'c'"),
        ({"ofset": 1}, "unknown setting 'ofset'"),
    ],
)
def test_a_bad_user_schema_is_one_sentence(tmp_path: Path, change: dict, expected: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(UserError) as error:
        load_schema(str(path))
    text = message(error)
    assert str(path) in text
    assert expected in text


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_a_schema_that_is_no_table(value: object) -> None:
    with pytest.raises(UserError, match="table of settings"):
        schema_from_dict(value)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.toml", None, "does not exist"),
        ("broken.toml", b"name = ", "not valid TOML"),
        ("broken.json", b"{", "not valid JSON"),
        ("latin.toml", b"name = '\xff'", "cannot be read"),
        ("coco-stuf", None, "did you mean coco-stuff"),
        ("notes.txt", b"", "give one of"),
    ],
)
def test_a_schema_that_cannot_be_loaded(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=expected) as error:
        load_schema(str(tmp_path / name) if "." in name else name)
    assert name in message(error)


def test_contradictions_in_code_are_value_errors() -> None:
    with pytest.raises(ValueError, match="void_ids"):
        LabelSchema("x", (LabelClass(0, "a", (1, 2, 3)),), ())
