"""The Python call: whatever users hand over, one picture or many, where and how precisely; and one sentence for mistakes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import sceneswap
from sceneswap import Look, Scene, Synthesizer, UserError, blend
from sceneswap.images import write_png
from sceneswap.inference.device import choose_device, choose_precision, computes_in_bf16
from sceneswap.inference.given import photo_of
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural import render
from tests.tiny import make_photo, make_scene, vivid_release

OUTDOOR = load_schema("outdoor")


@pytest.fixture(scope="module")
def swap() -> Synthesizer:
    """A tiny model with a label head."""
    return Synthesizer(vivid_release(label_head=8), device="cpu")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """beach.png and dusk.png are photographs, map.png is a label map."""
    for seed, name in enumerate(("beach", "dusk")):
        Image.fromarray(make_photo((60, 80), seed)).save(tmp_path / f"{name}.png")
    write_label_map(tmp_path / "map.png", make_scene((32, 48), 5, OUTDOOR).label_map, OUTDOOR)
    return tmp_path


def same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(np.asarray(a), np.asarray(b)))


# --- What is given ----------------------------------------------------------------------------------------------------


def test_two_photographs_make_a_picture(swap: Synthesizer, files: Path) -> None:
    picture = swap(str(files / "beach.png"), files / "dusk.png", long_side=48)
    assert isinstance(picture, Image.Image)
    assert picture.size == (48, 36)
    picture.save(files / "painted.png")
    assert not same(picture, swap(files / "beach.png", files / "beach.png", long_side=48))


def forms(photo: np.ndarray) -> dict[str, Any]:
    tensor = torch.from_numpy(photo).permute(2, 0, 1)
    return {
        "picture": Image.fromarray(photo),
        "opaque picture": Image.fromarray(photo).convert("RGBA"),
        "floats": photo.astype(np.float32) / 255,
        "tensor": tensor,
        "tensor of floats": tensor.float() / 255,
        "tensor of one": tensor[None].double() / 255,
        "tensor, channels last": torch.from_numpy(photo),
        "array of one": photo[None],
    }


@pytest.mark.parametrize("form", list(forms(np.zeros((2, 2, 3), np.uint8))))
def test_a_photograph_in_any_form_gives_the_same_picture(swap: Synthesizer, form: str) -> None:
    layout, exemplar = make_photo((40, 56), 1), make_photo((40, 56), 2)
    expected = swap(layout, exemplar, output="np")
    assert same(swap(forms(layout)[form], forms(exemplar)[form], output="np"), expected)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", ">u2"])
def test_label_maps_of_any_integer_type(swap: Synthesizer, scene: Callable[..., Scene], dtype: str) -> None:
    one = scene((20, 28), 3)
    look = swap.look(one)
    expected = swap.draw(one.label_map, look)
    other = one.label_map.astype(dtype)
    assert same(swap.draw(other, look), expected)
    assert same(swap(other, look), expected)
    assert same(swap.draw(other, swap.encode(Scene(one.photo, other))), expected)
    assert same(swap(other, blend(look, classes={"tree": look}), output="np"), swap.draw(one.label_map, blend(look)))


def test_label_maps_as_tensors_and_pictures(swap: Synthesizer, scene: Callable[..., Scene]) -> None:
    one = scene((20, 28), 3)
    look, expected = swap.look(one), swap.draw(one.label_map, swap.encode(one))
    colors = OUTDOOR.colors[one.label_map]
    palette = Image.fromarray(one.label_map.astype(np.uint8))
    palette.putpalette(OUTDOOR.colors.tobytes())
    for given in (
        torch.from_numpy(one.label_map),
        torch.from_numpy(one.label_map)[None].long(),
        Image.fromarray(one.label_map.astype(np.uint8)),
        Image.fromarray(one.label_map.astype(np.uint16)),
        palette,
        Image.fromarray(colors),
        one,
    ):
        assert same(swap(given, look), expected)


def test_ids_of_another_schema_and_void(swap: Synthesizer, scene: Callable[..., Scene]) -> None:
    ade, look = load_schema("ade20k-150-1based"), swap.look(scene())
    ids = np.full((16, 16), ade.file_values[ade.index_of("sea")])
    assert same(swap(ids, look, schema="ade20k-150-1based"), swap(np.full((16, 16), OUTDOOR.index_of("sea")), look))
    half = np.full((16, 16), 255)
    half[:8] = 3
    assert swap.layout(half)[-1, 0] == OUTDOOR.void_index
    with pytest.raises(UserError, match="id 36"):
        swap(np.full((16, 16), 36), look)  # the index of void is no id


def test_an_exemplar_with_its_label_map(swap: Synthesizer, files: Path) -> None:
    one = make_scene((40, 56), 4, OUTDOOR)
    expected = swap.encode(one)
    for label_map in (one.label_map, torch.from_numpy(one.label_map), Image.fromarray(one.label_map.astype(np.uint8))):
        look = swap.look(one.photo, label_map)
        assert all(
            torch.equal(a, b)
            for a, b in zip(look.encoded.tensors().values(), expected.encoded.tensors().values(), strict=True)
        )
    with pytest.raises(UserError, match="one size, or at least of one aspect"):
        swap.look(files / "beach.png", one.label_map.T)


def test_looks_and_blends_serve_as_they_are(swap: Synthesizer, files: Path) -> None:
    look = swap.look(files / "dusk.png")
    assert isinstance(look, Look)
    look.save(files / "dusk.look.safetensors")
    expected = swap(files / "map.png", files / "dusk.png")
    assert same(swap(files / "map.png", look), expected)
    assert same(swap(files / "map.png", str(files / "dusk.look.safetensors")), expected)
    assert same(swap(files / "map.png", blend(look)), expected)
    other = swap.look(files / "beach.png")
    assert same(
        swap(files / "map.png", blend(other, look, weights=[1, 3])),
        swap(files / "map.png", blend([other, files / "dusk.look.safetensors"], [0.25, 0.75])),
    )


# --- Many, and what comes back ----------------------------------------------------------------------------------------


def test_lists_and_batches(swap: Synthesizer, files: Path) -> None:
    layouts = [files / "map.png", files / "beach.png", np.zeros((16, 24), np.uint8)]
    look = swap.look(files / "dusk.png")
    pictures = swap(layouts, look)
    assert [picture.size for picture in pictures] == [(48, 32), (80, 60), (24, 16)]
    for layout, picture in zip(layouts, pictures, strict=True):
        assert same(picture, swap(layout, look))
    assert len(swap(files / "map.png", [look, files / "beach.png"])) == 2
    assert same(swap(tuple(layouts), [look] * 3)[2], pictures[2])
    photos = torch.rand(2, 3, 24, 32)
    both = swap(photos, look, output="pt")
    assert [one.shape for one in both] == [(3, 24, 32)] * 2
    assert torch.equal(both[1], swap(photos[1], look, output="pt"))
    assert swap([], look) == []
    with pytest.raises(UserError, match="3 layouts but 2 looks"):
        swap(layouts, [look, look])


def test_outputs(swap: Synthesizer, files: Path) -> None:
    look = swap.look(files / "dusk.png")
    layout = files / "map.png"
    picture, array, tensor = swap(layout, look), swap(layout, look, output="np"), swap(layout, look, output="pt")
    assert same(picture, array)
    assert (array.shape, array.dtype) == ((32, 48, 3), np.uint8)
    assert (tensor.shape, tensor.dtype, tensor.device.type) == ((3, 32, 48), torch.float32, "cpu")
    assert 0 <= tensor.min() <= tensor.max() <= 1
    assert same(photo_of(tensor), array)


def test_pictures_are_those_of_the_command_line(swap: Synthesizer, files: Path, tmp_path: Path) -> None:
    from sceneswap.jobs.reader import SceneReader

    reader = SceneReader(swap, long_side=40)
    expected = swap.draw(reader.layout(files / "beach.png"), reader.look(files / "dusk.png"))
    assert same(swap(files / "beach.png", files / "dusk.png", long_side=40), expected)


# --- A segmenter of one's own -----------------------------------------------------------------------------------------


def test_a_function_reads_photographs(files: Path) -> None:
    seen = []

    def see(photo: Image.Image) -> Any:
        seen.append(photo)
        return np.where(np.arange(photo.height)[:, None] < photo.height // 2, "sky", "sea").repeat(photo.width, axis=1)

    swap = Synthesizer(vivid_release(), device="cpu", segmenter=see, segmenter_schema="ade20k-150")
    layout = swap.layout(files / "beach.png")
    assert seen[0].mode == "RGB"
    assert seen[0].size == (80, 60)
    assert {OUTDOOR.names[i] for i in np.unique(layout)} == {"sky-other", "sea"}
    assert layout[0, 0] == OUTDOOR.index_of("sky-other")


@pytest.mark.parametrize("form", ["ids", "tensor", "picture", "list", "names", "attribute"])
def test_answers_of_a_function_in_any_form(form: str) -> None:
    ids = np.array([[0, 3], [19, 255]])
    names = [["sky-other", "tree"], ["sea", "void"]]
    answers = {
        "ids": ids, "tensor": torch.from_numpy(ids)[None], "picture": Image.fromarray(ids.astype(np.uint8)),
        "list": ids.tolist(), "names": names, "attribute": np.array(names, dtype=object),
    }  # fmt: skip

    def see(photo: Image.Image) -> Any:
        return answers[form]

    see.schema = OUTDOOR if form == "attribute" else "outdoor"  # type: ignore[attr-defined]
    swap = Synthesizer(vivid_release(), device="cpu", segmenter=see)
    expected = np.array([[0, 3], [19, OUTDOOR.void_index]]).repeat(10, axis=0).repeat(12, axis=1)
    np.testing.assert_array_equal(swap.layout(make_photo((20, 24))), expected)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "must be .height, width. ids or class names of the schema outdoor"),
        ([[0.5]], "must be .height, width. ids"),
        ([["lake"]], "no class 'lake'"),
        ([[99]], "id 99"),
        ([[1, 2], [3]], "must be .height, width. ids"),
        ([["void"]], "no class of the model's schema outdoor is seen"),
    ],
)
def test_answers_that_are_none(answer: Any, words: str) -> None:
    swap = Synthesizer(vivid_release(), device="cpu", segmenter=lambda photo: answer)
    with pytest.raises(UserError, match=words):
        swap.layout(make_photo((20, 24)))


def test_segmenters_that_are_none(tmp_path: Path) -> None:
    for given, words in ((3, "not int"), (tmp_path / "none.safetensors", "none.safetensors")):
        with pytest.raises(UserError, match=words):
            _ = Synthesizer(vivid_release(), device="cpu", segmenter=given).labeller  # type: ignore[arg-type]
    with pytest.raises(UserError, match="is a preset, a file or a LabelSchema"):
        _ = Synthesizer(vivid_release(), device="cpu", segmenter=lambda p: p, segmenter_schema=3).labeller  # type: ignore[arg-type]


# --- Where and how ----------------------------------------------------------------------------------------------------


def test_models_by_name(shipped: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "outdoor-small" in sceneswap.list_models()
    assert shipped.weights_sha256 == Synthesizer.from_pretrained("outdoor-small", device="cpu").weights_sha256
    with pytest.raises(UserError, match=r"a model of the package \(outdoor-small\)"):
        Synthesizer.from_pretrained("outdoor-smal")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outdoor-small").mkdir()
    with pytest.raises(UserError, match=r"config\.json"):  # a folder comes first, and is not passed over
        Synthesizer.from_pretrained("outdoor-small")


def test_repr_says_what_it_is(swap: Synthesizer) -> None:
    for words in ("tiny-msca", "cpu", "fp32", "outdoor"):
        assert words in repr(swap)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "int4"}, "no precision 'int4'"),
        ({"precision": "auto", "dtype": torch.bfloat16}, "contradict"),
        ({"dtype": torch.float16}, r"not in torch\.float16"),
        ({"device": "cuda:99"}, "cuda"),
        ({"device": "meta"}, "'meta'"),
        ({"device": "cpu:3"}, "cpu:3"),
        ({"device": 1.5}, "no device '1.5'"),
        ({"device": ""}, "no device ''"),
    ],
)
def test_what_cannot_be_had_is_refused_before_the_model_is_read(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=words):
        Synthesizer.from_pretrained(tmp_path / "not looked at", **options)


def test_devices_and_types() -> None:
    cpu = torch.device("cpu")
    assert choose_device(cpu) == choose_device("cpu") == cpu
    assert choose_precision(None, None, cpu) == choose_precision(None, torch.float32, cpu) == "fp32"
    assert choose_precision("bf16", torch.bfloat16, cpu) == "bf16"
    assert choose_precision("auto", None, cpu) == ("bf16" if computes_in_bf16(cpu) else "fp32")


def test_moving_is_in_place(scene: Callable[..., Scene]) -> None:
    swap = Synthesizer(vivid_release(), device=torch.device("cpu"), dtype=torch.bfloat16)
    look = swap.look(scene())
    half = swap.draw(scene().label_map, look)
    assert swap.to("cpu", torch.float32) is swap
    assert (swap.dtype, swap.precision) == (torch.float32, "fp32")
    assert not same(swap.draw(scene().label_map, look), half)
    assert same(swap.to(torch.bfloat16).draw(scene().label_map, look), half)
    with pytest.raises(UserError, match="no device 'gpu'"):
        swap.to("gpu")
    assert swap.device.type == "cpu"


def test_half_precision_stays_within_two_grey_levels(shipped: Synthesizer) -> None:
    drawn = render.scene(11, (128, 160))
    schema = load_schema("procedural")
    layout = schema.convert(drawn.label_map, shipped.schema)
    pictures = [shipped.to(dtype)(layout, drawn.photo, output="np") for dtype in (torch.float32, torch.bfloat16)]
    shipped.to(torch.float32)
    assert 0 < np.abs(pictures[0].astype(float) - pictures[1]).mean() < 2


# --- Mistakes ---------------------------------------------------------------------------------------------------------

MISTAKES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no file": (lambda s: s("nowhere.jpg", np.zeros((8, 8, 3), np.uint8)), r"nowhere\.jpg does not exist"),
    "nothing": (lambda s: s(None, np.zeros((8, 8, 3), np.uint8)), "not NoneType"),
    "a number": (lambda s: s(np.zeros((8, 8, 3), np.uint8), 3), "not int"),
    "a map for a look": (lambda s: s.look(np.zeros((8, 8), np.uint8)), r"a photograph is \(height, width, 3\)"),
    "channels first": (lambda s: s.look(np.zeros((3, 8, 8), np.uint8)), r"\(3, 8, 8\) uint8 is no picture"),
    "two channels": (lambda s: s.look(torch.zeros(2, 8, 8)), r"give \(3, height, width\) of a photograph"),
    "empty": (lambda s: s.look(np.zeros((0, 8, 3), np.uint8)), "is no picture"),
    "fractions": (lambda s: s.layout(np.zeros((8, 8))), "the latter as integers"),
    "too bright": (lambda s: s.look(np.full((8, 8, 3), 200.0)), "holds 0 to 1, this one 200 to 200"),
    "not a number": (lambda s: s.look(np.full((8, 8, 3), np.nan)), "holds 0 to 1"),
    "wide integers": (lambda s: s.look(np.zeros((8, 8, 3), np.int64)), "not int64"),
    "see-through": (lambda s: s.look(Image.new("RGBA", (8, 8))), "transparent"),
    "for printing": (lambda s: s.look(Image.new("CMYK", (8, 8))), "CMYK"),
    "output": (lambda s: s("a", "b", output="jpeg"), "no output 'jpeg'"),
    "size": (lambda s: s.layout(np.zeros((8, 8), np.uint8), long_side=0), "at least 8 pixels"),
    "schema": (lambda s: s.layout(np.zeros((8, 8), np.uint8), schema="cityscape"), "no label schema 'cityscape'"),
    "drawing a path": (lambda s: s.draw("map.png", s.look(make_photo((16, 16)))), "not str; call the synthesizer itself"),
    "drawing in a path": (lambda s: s.draw(np.zeros((8, 8), int), "dusk.jpg"), "str is none"),
    "encoding a path": (lambda s: s.encode("dusk.jpg"), "a Scene, a photograph with its label map, not str"),
    "blending paths": (lambda s: blend("a.jpg", "b.jpg"), r"a\.jpg is no look; make one of a photograph"),
    "blending numbers": (lambda s: blend(1, 2), "a int is no look"),  # type: ignore[arg-type]
    "blending looks and weights": (lambda s: blend(s.look(make_photo((16, 16))), [1.0]), "weights=…|weights="),
    "two maps": (lambda s: s.look(make_scene((8, 8), 0, OUTDOOR), np.zeros((8, 8), int)), "leave the other out"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(swap: Synthesizer, mistake: str) -> None:
    make, words = MISTAKES[mistake]
    with pytest.raises(UserError, match=words) as caught:
        make(swap)
    assert "\n" not in str(caught.value)


def test_a_path_may_be_any_path_like(swap: Synthesizer, files: Path) -> None:
    class Named(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(files / "map.png")

    assert same(swap(Named(), files / "dusk.png"), swap(files / "map.png", files / "dusk.png"))


def test_a_schema_beside_a_label_map_says_what_it_holds(synthesizer: Synthesizer, tmp_path: Path) -> None:
    camvid, known = load_schema("camvid"), synthesizer.schema
    values = np.full((16, 24), camvid.file_values[camvid.index_of("road")], np.uint8)
    place = tmp_path / "set" / "labels" / "a.png"
    write_png(place, values)
    read_alone = synthesizer.layout(place)
    assert known.names[read_alone[0, 0]] != "road"
    (tmp_path / "set" / "schema.toml").write_text('preset = "camvid"')
    assert known.names[synthesizer.layout(place)[0, 0]] == "road"
    assert known.names[synthesizer.scene(np.zeros((16, 24, 3), np.uint8), str(place)).label_map[0, 0]] == "road"
    assert np.array_equal(synthesizer.layout(place, schema="outdoor"), read_alone)  # what is given counts
    assert np.array_equal(synthesizer.layout(values), read_alone)  # an array lies nowhere
