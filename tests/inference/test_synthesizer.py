"""The synthesizer: any size, batches, threads, schemas, saving, and what goes wrong."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sceneswap.errors import UserError
from sceneswap.images import write_png
from sceneswap.inference import hub
from sceneswap.inference.reading import DEFAULT_WORKING_SIZE
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.scene import Scene
from tests.tiny import make_scene, vivid_release

KINDS = ("msca", "gap", "spade-vae")


def difference(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference of two photos in grey levels."""
    return int(np.abs(a.astype(int) - b.astype(int)).max())


# --- Drawing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_model_draws_label_maps_of_any_size_in_the_look_of_the_exemplar(kind: str) -> None:
    synthesizer = Synthesizer(vivid_release(kind), device="cpu")
    looks = [synthesizer.encode(make_scene((40, 52), seed, synthesizer.schema)) for seed in (1, 2)]
    for size in ((1, 1), (5, 7), (64, 64), (33, 70)):
        label_map = make_scene(size, 3, synthesizer.schema).label_map
        drawn = [synthesizer.draw(label_map, look) for look in looks]
        assert [(photo.shape, photo.dtype) for photo in drawn] == [((*size, 3), np.uint8)] * 2
        assert difference(*drawn) > (0 if size == (1, 1) else 2)  # one pixel of an untrained model differs little


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_equals_single_drawings(kind: str) -> None:
    synthesizer = Synthesizer(vivid_release(kind), device="cpu")
    scenes = [
        make_scene(size, seed, synthesizer.schema) for seed, size in enumerate([(32, 48), (48, 32), (32, 48), (20, 33)])
    ]
    looks = [synthesizer.encode(s) for s in scenes]
    pairs = [(s.label_map, look) for s in scenes for look in looks]
    batch = synthesizer.draw_batch(*zip(*pairs, strict=True), batch_size=3)
    for photo, (label_map, look) in zip(batch, pairs, strict=True):
        assert photo.shape[:2] == label_map.shape
        assert difference(photo, synthesizer.draw(label_map, look)) <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_a_picture_does_not_depend_on_its_company(kind: str, batch_size: int) -> None:
    """Bit for bit, whatever is drawn with it, before it and after it."""
    synthesizer = Synthesizer(vivid_release(kind), device="cpu")
    scenes = [make_scene((40, 56), seed, synthesizer.schema) for seed in range(7)]
    looks = [synthesizer.encode(one) for one in scenes]
    alone = [
        synthesizer.draw_batch([s.label_map], [look], batch_size=batch_size)[0]
        for s, look in zip(scenes, looks, strict=True)
    ]
    for order in ([0, 1, 2, 3, 4, 5, 6], [6, 0, 5, 1], [3, 3, 2], [4, 6, 1, 0, 2, 5]):
        drawn = synthesizer.draw_batch(
            [scenes[i].label_map for i in order], [looks[i] for i in order], batch_size=batch_size
        )
        for i, photo in zip(order, drawn, strict=True):
            np.testing.assert_array_equal(photo, alone[i])


def test_a_batch_of_none_is_refused(synthesizer: Synthesizer) -> None:
    with pytest.raises(UserError, match="batch size of 0"):
        synthesizer.draw_batch([], [], batch_size=0)


def test_the_exemplar_is_neither_cropped_nor_squashed(synthesizer: Synthesizer, scene: Callable[..., Scene]) -> None:
    wide = scene((40, 200))
    look = synthesizer.encode(wide)
    assert look.size[1] / look.size[0] == pytest.approx(5, rel=0.2)
    assert look.size[0] * look.size[1] == pytest.approx(synthesizer.working_size**2, rel=0.2)
    photo = wide.photo.copy()
    photo[:, :30] = 255 - photo[:, :30]
    edge = synthesizer.encode(replace(wide, photo=photo))
    assert difference(synthesizer.draw(wide.label_map, look), synthesizer.draw(wide.label_map, edge)) > 2
    assert synthesizer.encode(wide, size=64).size == (28, 144)


def test_exemplars_are_read_at_the_size_of_the_training(synthesizer: Synthesizer) -> None:
    assert synthesizer.working_size == 32
    untold = replace(vivid_release(), record={})
    assert Synthesizer(untold, device="cpu").working_size == DEFAULT_WORKING_SIZE


def test_nothing_is_remembered_between_calls(synthesizer: Synthesizer, scene: Callable[..., Scene]) -> None:
    first, second = synthesizer.encode(scene(seed=1)), synthesizer.encode(scene((70, 30), seed=2))
    label_map = scene(seed=3).label_map
    before = synthesizer.draw(label_map, first)
    synthesizer.draw(scene((20, 20), seed=4).label_map, second)
    np.testing.assert_array_equal(synthesizer.draw(label_map, first), before)
    with pytest.raises(AttributeError):
        first.name = "other"  # type: ignore[misc]


def test_two_threads_may_share_a_synthesizer(synthesizer: Synthesizer, scene: Callable[..., Scene]) -> None:
    def draw(seed: int) -> np.ndarray:
        one = scene((40 + 4 * seed, 48), seed)
        return synthesizer.draw(one.label_map, synthesizer.encode(one))

    alone = [draw(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(draw, range(8)))
    for a, b in zip(alone, together, strict=True):
        assert difference(a, b) <= 1


def test_half_precision_draws_nearly_the_same(release_folder: Path, scene: Callable[..., Scene]) -> None:
    full, half = (Synthesizer.from_pretrained(release_folder, device="cpu", precision=p) for p in ("fp32", "bf16"))
    one = scene()
    a, b = (s.draw(one.label_map, s.encode(one)).astype(float) for s in (full, half))
    assert 0 < np.abs(a - b).mean() < 6


def test_drawing_keeps_no_graph(synthesizer: Synthesizer, scene: Callable[..., Scene]) -> None:
    look = synthesizer.encode(scene())
    assert not any(t.requires_grad for t in look.encoded.tensors().values())


@pytest.mark.parametrize(
    ("label_map", "words"),
    [
        (np.full((8, 8), 37, np.int16), "indices 37 … 37, but the model's schema outdoor has 0 … 36"),
        (np.full((8, 8), -1, np.int16), "indices -1 … -1"),
        (np.zeros((8, 8), np.float32), "integers"),
        (np.zeros((8, 8, 3), np.int16), r"\(height, width\)"),
        (np.zeros((0, 8), np.int16), r"\(height, width\)"),
    ],
)
def test_what_is_no_label_map_of_the_model_is_refused(
    synthesizer: Synthesizer, scene: Callable[..., Scene], label_map: Any, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        synthesizer.draw(label_map, synthesizer.encode(scene()))


def test_an_exemplar_of_a_model_with_another_schema_is_refused(synthesizer: Synthesizer) -> None:
    other = Synthesizer(vivid_release(schema="camvid"), device="cpu")
    look = other.encode(make_scene((32, 32), 0, other.schema))
    with pytest.raises(UserError, match="camvid"):
        synthesizer.draw(np.zeros((16, 16), np.int16), look)


def test_a_batch_needs_an_exemplar_for_every_map(synthesizer: Synthesizer) -> None:
    with pytest.raises(ValueError, match="1 label maps, but 0 looks"):
        synthesizer.draw_batch([np.zeros((8, 8), np.int16)], [])


def test_too_little_memory_is_said_in_a_sentence(
    synthesizer: Synthesizer, scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    look = synthesizer.encode(scene())
    huge = np.broadcast_to(np.int16(0), (10, 12))

    def full(*_: object) -> torch.Tensor:
        return torch.empty(1 << 60)

    monkeypatch.setattr(synthesizer._network, "draw", full)
    with pytest.raises(UserError, match="cpu has too little memory for the label map at 12×10 pixels"):
        synthesizer.draw(huge, look)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there(release_folder: Path, device: Any) -> None:
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match=f"no {device} device"):
        Synthesizer.from_pretrained(release_folder, device=device)
    assert Synthesizer.from_pretrained(release_folder, device="auto").device.type == "cpu"


def test_a_device_that_does_not_exist(release_folder: Path) -> None:
    with pytest.raises(UserError, match="'tpu'"):
        Synthesizer.from_pretrained(release_folder, device="tpu")


# --- Files ------------------------------------------------------------------------------------------------------------


def test_label_maps_are_converted_into_the_schema_of_the_model(synthesizer: Synthesizer, tmp_path: Path) -> None:
    ade = load_schema("ade20k-150-1based")
    labels = np.array([[ade.index_of("sky"), ade.index_of("tree")], [ade.index_of("sea"), ade.void_index]], np.int16)
    write_label_map(tmp_path / "map.png", labels, ade)
    read = synthesizer.read_label_map(tmp_path / "map.png", "ade20k-150-1based")
    names = (*synthesizer.schema.names, "void")
    assert [names[i] for i in read.ravel()] == ["sky-other", "tree", "sea", "void"]
    np.testing.assert_array_equal(synthesizer.read_label_map(str(tmp_path / "map.png"), ade), read)


def test_a_map_of_nothing_but_void_is_refused(synthesizer: Synthesizer, tmp_path: Path) -> None:
    ade = load_schema("ade20k-150")
    write_label_map(tmp_path / "bed.png", np.full((4, 4), ade.index_of("bed"), np.int16), ade)
    with pytest.raises(UserError, match=r"bed\.png has a counterpart in the model's schema outdoor"):
        synthesizer.read_label_map(tmp_path / "bed.png", "ade20k-150")
    write_label_map(tmp_path / "void.png", np.full((4, 4), ade.void_index, np.int16), ade)
    with pytest.raises(UserError, match=r"void\.png is void everywhere"):
        synthesizer.read_label_map(tmp_path / "void.png", "ade20k-150")


def test_a_photo_and_a_map_of_different_sizes_are_both_named(synthesizer: Synthesizer, data: Path) -> None:
    with pytest.raises(UserError, match=r"a\.png is 64×48 pixels but .*b\.png is 48×64"):
        synthesizer.read_scene(data / "images" / "a.png", data / "labels" / "b.png")


def test_foreign_ids_are_named(synthesizer: Synthesizer, tmp_path: Path) -> None:
    write_png(tmp_path / "map.png", np.full((4, 4), 99, np.uint8))
    with pytest.raises(UserError, match=r"map\.png: id 99"):
        synthesizer.read_label_map(tmp_path / "map.png")


# --- Saving and opening -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_draws_the_same(kind: str, tmp_path: Path) -> None:
    synthesizer = Synthesizer(vivid_release(kind), device="cpu")
    synthesizer.save_pretrained(tmp_path / "model")
    opened = Synthesizer.from_pretrained(str(tmp_path / "model"), device="cpu")
    assert (opened.name, opened.schema) == (f"tiny-{kind}", synthesizer.schema)
    one = make_scene((40, 52), 5, synthesizer.schema)
    a, b = (s.draw(one.label_map, s.encode(one)) for s in (synthesizer, opened))
    assert difference(a, b) <= 1


def test_half_the_size_draws_nearly_the_same(
    synthesizer: Synthesizer, release_folder: Path, scene: Callable[..., Scene], tmp_path: Path
) -> None:
    synthesizer.save_pretrained(tmp_path, half=True)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path, release_folder)]
    assert sizes[0] < 0.7 * sizes[1]
    half = Synthesizer.from_pretrained(tmp_path, device="cpu")
    assert half.weights_sha256 != synthesizer.weights_sha256
    one = scene()
    a, b = (s.draw(one.label_map, s.encode(one)).astype(int) for s in (synthesizer, half))
    assert np.abs(a - b).mean() < 1


def copy_of(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_damaged_models_are_named(release_folder: Path, tmp_path: Path) -> None:
    model = copy_of(release_folder, tmp_path / "model")
    weights = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(weights[:-100])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged, truncated"):
        Synthesizer.from_pretrained(model)
    (model / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors is missing"):
        Synthesizer.from_pretrained(model)
    (model / "config.json").write_text('{"format": "something else"}')
    with pytest.raises(UserError, match=r"config\.json is not the configuration"):
        Synthesizer.from_pretrained(model)
    (model / "config.json").unlink()
    with pytest.raises(UserError, match=r"config\.json is missing"):
        Synthesizer.from_pretrained(model)


def test_what_is_no_model(release_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no model folder"):
        Synthesizer.from_pretrained(tmp_path / "missing")
    with pytest.raises(UserError, match="is a file; name the folder"):
        Synthesizer.from_pretrained(release_folder / "config.json")
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(UserError, match=r"is a training run; .* sceneswap export"):
        Synthesizer.from_pretrained(tmp_path / "run")


def test_an_installation_without_a_model_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "SHIPPED", "no-such-model")
    with pytest.raises(UserError, match="holds no model of its own"):
        Synthesizer.from_pretrained()


def test_saving_below_a_file_is_refused(synthesizer: Synthesizer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="a part of the path is a file"):
        synthesizer.save_pretrained(tmp_path / "file" / "model")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission")])
def test_a_full_disk_leaves_the_older_model_alone(
    synthesizer: Synthesizer,
    release_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    words: str,
) -> None:
    model = copy_of(release_folder, tmp_path / "model")
    before = {file.name: file.read_bytes() for file in model.iterdir()}

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match=words):
        synthesizer.save_pretrained(model, half=True)
    assert {file.name: file.read_bytes() for file in model.iterdir()} == before
