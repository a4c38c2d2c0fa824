"""The transform for training: images in their own form, masks untouched, chance repeated by seed, workers of any kind."""

import multiprocessing
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from sceneswap.errors import UserError
from sceneswap.inference.restyle import Restyle, Restyled
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.presets import load_schema
from sceneswap.scene import Scene
from tests.tiny import random_scene, tiny_synthesizer, write_scene

OUTDOOR = load_schema("outdoor")


@pytest.fixture(scope="module")
def swap() -> Synthesizer:
    return tiny_synthesizer()


@pytest.fixture(scope="module")
def restyle(swap: Synthesizer) -> Restyle:
    return Restyle(swap, [random_scene(1), random_scene(2)], p=1)


def scene_of(seed: int, height: int = 40, width: int = 48) -> tuple[Scene, np.ndarray]:
    scene = random_scene(seed, height, width)
    return scene, OUTDOOR.decode(scene.label_map)


def test_every_form_of_image_comes_back_as_it_came(restyle: Restyle, swap: Synthesizer) -> None:
    scene, mask = scene_of(5)
    expected = swap.draw(scene.label_map, restyle.looks[1])
    unit = expected / np.float32(255)
    tensor = torch.from_numpy(scene.photo).permute(2, 0, 1)
    forms: list[tuple[Any, Any]] = [
        (scene.photo, expected), (scene.photo / np.float32(255), unit), (scene.photo / 255.0, expected / 255),
        (tensor, torch.from_numpy(expected).permute(2, 0, 1)), (tensor / 255, torch.from_numpy(unit).permute(2, 0, 1)),
        (tensor[None], torch.from_numpy(expected).permute(2, 0, 1)[None]),
        (torch.from_numpy(scene.photo), torch.from_numpy(expected)),
        ((tensor / 255).half(), torch.from_numpy(unit).permute(2, 0, 1).half()),
    ]  # fmt: skip
    masks: list[Any] = [
        mask,
        torch.from_numpy(mask),
        torch.from_numpy(mask)[None],
        mask.astype(np.int64),
        Image.fromarray(mask),
    ]
    for number, (image, wanted) in enumerate(forms):
        for one in masks[: 1 if number else None]:
            drawn = restyle.draw(image, one, 3)
            assert type(drawn) is type(wanted)
            assert (drawn.shape, drawn.dtype) == (wanted.shape, wanted.dtype)
            assert np.allclose(np.asarray(drawn, np.float64), np.asarray(wanted, np.float64), atol=1e-3)
    picture = restyle.draw(Image.fromarray(scene.photo), Image.fromarray(mask), 3)
    assert np.array_equal(np.asarray(picture), expected)
    assert picture.mode == "RGB"


def test_it_is_called_as_pipelines_call(restyle: Restyle) -> None:
    scene, mask = scene_of(6)
    image, same, name = restyle(scene.photo, mask, "park")
    assert same is mask
    assert name == "park"
    assert not np.array_equal(image, scene.photo)
    assert len(restyle((scene.photo, mask))) == 2
    named = restyle(image=scene.photo, mask=mask, boxes=[1])
    assert named["mask"] is mask
    assert named["boxes"] == [1]
    assert named["image"].shape == scene.photo.shape


def test_chance_is_pytorch_s_and_p_is_how_often(swap: Synthesizer) -> None:
    scene, mask = scene_of(7, 16, 16)
    sometimes = Restyle(swap, [random_scene(s) for s in range(4)], p=0.5)

    def row() -> list[bytes]:
        torch.manual_seed(3)
        return [sometimes(scene.photo, mask)[0].tobytes() for _ in range(60)]

    first = row()
    assert row() == first
    assert 15 < first.count(scene.photo.tobytes()) < 45
    assert len(set(first)) == 5
    never = Restyle(swap, random_scene(1), p=0)
    assert never(scene.photo, mask)[0] is scene.photo


def test_ids_are_those_of_the_schema_and_pictures_keep_their_size(swap: Synthesizer) -> None:
    camvid = load_schema("camvid")
    restyle = Restyle(swap, random_scene(1), p=1, schema="camvid", long_side=32)
    mask = np.full((50, 90), camvid.file_values[3], np.uint8)
    drawn = restyle(np.zeros((50, 90, 3), np.uint8), mask)[0]
    assert drawn.shape == (50, 90, 3)
    with pytest.raises(UserError, match="77"):
        restyle(np.zeros((50, 90, 3), np.uint8), np.full((50, 90), 77, np.uint8))
    image = np.zeros((50, 90, 3), np.uint8)
    assert restyle(image, np.full((50, 90), camvid.file_values[-1], np.uint8))[0] is image  # void: nothing to draw


def test_only_looks_of_like_classes(swap: Synthesizer) -> None:
    street, field = random_scene(1, classes=(5,)), random_scene(2, classes=(0, 3))
    restyle = Restyle(swap, [street, field], p=1, overlap=0.3)
    photo = np.zeros((16, 16, 3), np.uint8)
    for pick in range(4):
        drawn = restyle.draw(photo, OUTDOOR.decode(np.full((16, 16), 3, np.int16)), pick)
        assert np.array_equal(drawn, swap.draw(np.full((16, 16), 3), restyle.looks[1]))
    assert restyle.draw(photo, OUTDOOR.decode(np.full((16, 16), 19, np.int16)), 0) is photo


def test_looks_come_in_every_form(swap: Synthesizer, tmp_path: Path, reading: Synthesizer) -> None:
    reading.encode(random_scene(1)).save(tmp_path / "a.look.safetensors")
    Image.fromarray(random_scene(2).photo).save(tmp_path / "b.jpg")
    (tmp_path / "notes.txt").write_text("")
    assert len(Restyle(reading, tmp_path).looks) == 2
    assert len(Restyle(reading, [str(tmp_path), reading.encode(random_scene(3))]).looks) == 3
    for number in range(3):
        write_scene(tmp_path / "scenes", str(number), random_scene(number))
    of_folder = Restyle(swap, tmp_path / "scenes").looks
    assert [Path(look.name).name for look in of_folder] == ["0.png", "1.png", "2.png"]
    assert of_folder[1].shares == swap.encode(random_scene(1)).shares
    (tmp_path / "empty").mkdir()
    for looks, words in (
        (tmp_path / "empty", "there are no looks"),
        ([], "there are no looks"),
        ("gone.jpg", "gone.jpg"),
    ):
        with pytest.raises(UserError, match=words):
            Restyle(reading, looks)
    with pytest.raises(UserError, match="another model"):
        Restyle(swap, tmp_path / "a.look.safetensors")


def test_mistakes_are_one_sentence(swap: Synthesizer, restyle: Restyle) -> None:
    scene, mask = scene_of(1)
    some: list[dict[str, Any]] = [{"p": 1.5}, {"overlap": -1}, {"long_side": 2}, {"schema": "nonsense"}]
    for options in some:
        with pytest.raises(UserError):
            Restyle(swap, random_scene(1), **options)
    for call in (
        lambda: restyle(scene.photo), lambda: restyle(image=scene.photo), lambda: restyle(scene.photo, mask[1:]),
        lambda: restyle("nowhere.jpg", mask), lambda: restyle(scene.photo * 3.0, mask), lambda: restyle([scene.photo]),
        lambda: Restyled([scene.photo], restyle)[0],
    ):  # fmt: skip
        with pytest.raises(UserError):
            call()


class Scenes:
    """Six pictures with their masks."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, int]:
        scene, mask = scene_of(index, 24, 24)
        return scene.photo, mask, index


def bright(image: np.ndarray, mask: np.ndarray, index: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    return torch.from_numpy(image).permute(2, 0, 1) / 255, torch.from_numpy(mask), index


def epoch_of(loader: Any) -> list[torch.Tensor]:
    return [batch[0] for batch in loader]


@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_workers_of_every_kind_give_the_same_pictures(swap: Synthesizer, context: str) -> None:
    if context not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {context}")
    data = Restyled(Scenes(), Restyle(swap, [random_scene(1), random_scene(2)], p=0.7), seed=5, transform=bright)
    here = epoch_of(DataLoader(data, batch_size=2))
    loader = DataLoader(data, batch_size=2, num_workers=2, multiprocessing_context=context, persistent_workers=True)
    assert all(torch.equal(one, other) for one, other in zip(here, epoch_of(loader), strict=True))
    data.set_epoch(1)
    later = epoch_of(loader)  # the same workers
    assert not all(torch.equal(one, other) for one, other in zip(here, later, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(later, epoch_of(DataLoader(data, batch_size=2)), strict=True))


def test_a_forked_worker_cannot_use_a_gpu_and_says_so(restyle: Restyle, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, mask = scene_of(1)
    monkeypatch.setattr(restyle, "_process", -1)  # as a fork would find it
    restyle(scene.photo, mask)  # on the CPU all is well
    monkeypatch.setattr(restyle.swap, "device", torch.device("cuda"))
    with pytest.raises(UserError, match='multiprocessing_context="spawn"'):
        restyle(scene.photo, mask)


def test_the_libraries_are_imported_by_nobody() -> None:
    code = (
        "import sys, sceneswap; sceneswap.Restyle; print({'torchvision', 'albumentations', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_in_a_pipeline_of_torchvision(restyle: Restyle) -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    tv_tensors = pytest.importorskip("torchvision.tv_tensors")
    scene, mask = scene_of(3)
    image = tv_tensors.Image(torch.from_numpy(scene.photo).permute(2, 0, 1))
    pipeline = v2.Compose([restyle, v2.RandomHorizontalFlip(1.0)])
    drawn, turned = pipeline(image, tv_tensors.Mask(torch.from_numpy(mask)))
    assert type(drawn) is tv_tensors.Image
    assert torch.equal(turned, torch.from_numpy(mask).flip(-1))
    looks = [restyle.draw(image, mask, pick).flip(-1) for pick in range(2)]
    assert any(torch.equal(drawn, one) for one in looks)


def test_in_a_pipeline_of_albumentations(swap: Synthesizer) -> None:
    albumentations = pytest.importorskip("albumentations")
    restyle = Restyle(swap, [random_scene(1), random_scene(2)], p=0.6)
    scene, mask = scene_of(3)
    pipeline = albumentations.Compose([restyle.albumentations(), albumentations.HorizontalFlip(p=1)], seed=4)
    results = [pipeline(image=scene.photo, mask=mask) for _ in range(20)]
    assert all(np.array_equal(one["mask"], mask[:, ::-1]) for one in results)
    assert len({one["image"].tobytes() for one in results}) == 3
    again = albumentations.Compose([restyle.albumentations(), albumentations.HorizontalFlip(p=1)], seed=4)
    assert [again(image=scene.photo, mask=mask)["image"].tobytes() for _ in range(20)] == [
        one["image"].tobytes() for one in results
    ]
    data = DataLoader(
        Restyled(Scenes(), Restyle(swap, random_scene(1), p=0), transform=Albumented(pipeline)),
        num_workers=1, multiprocessing_context="spawn",
    )  # fmt: skip
    assert len(epoch_of(data)) == 6


class Albumented:
    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def __call__(self, image: Any, mask: Any, index: int) -> tuple[Any, Any, int]:
        done = self.pipeline(image=image, mask=mask)
        return np.ascontiguousarray(done["image"]), np.ascontiguousarray(done["mask"]), index
