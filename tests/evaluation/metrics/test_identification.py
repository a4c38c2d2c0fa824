"""The true exemplar is told from others by every criterion in a copy, and by none in grey."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sceneswap.evaluation.methods import COPY, GREY
from sceneswap.evaluation.metrics.identification import CRITERIA, Identification, looks_of
from sceneswap.evaluation.metrics.metric import Drawings, taps_of
from sceneswap.evaluation.metrics.style import style_distance
from sceneswap.evaluation.pairs import FolderPairs, Scenes, random_pairs
from sceneswap.evaluation.tasks import Extractors, layout_task
from sceneswap.labels.presets import load_schema
from sceneswap.models.pretrained.vgg import VGG19, load_vgg19
from sceneswap.tensors import to_unit

CPU = torch.device("cpu")


@pytest.fixture
def pairs(scenes_folder: Path) -> FolderPairs:
    return random_pairs(Scenes([scenes_folder], 32, load_schema("procedural")), 12, 0)


@pytest.fixture
def identification(pairs: FolderPairs, vgg_file: Path) -> Identification:
    networks = load_vgg19(vgg_file, taps=2), load_vgg19(vgg_file, taps=4)
    return Identification(*networks, pairs.scenes, pairs.chosen, seed=0)


@torch.inference_mode()
def test_a_copy_is_identified_and_grey_is_not(pairs: FolderPairs, identification: Identification) -> None:
    samples = [pairs[i] for i in range(12)]
    assert identification.candidates == 7
    copies = Drawings(samples, COPY.draw(samples), CPU)
    metrics = identification.metrics()
    assert [metric.name for metric in metrics] == list(CRITERIA)
    assert all(metric.compute(copies) == [1.0] * 12 for metric in metrics)
    grey = identification.identify(Drawings(samples, GREY.draw(samples), CPU))
    assert all(sum(values) < 6 for values in grey.values())
    part = identification.identify(Drawings(samples[5:], GREY.draw(samples[5:]), CPU))
    assert part == {name: values[5:] for name, values in grey.items()}  # batches do not matter


@torch.inference_mode()
def test_what_each_criterion_sees(vgg_file: Path) -> None:
    vgg, deep = VGG19(2), load_vgg19(vgg_file, taps=4)
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    shuffled = np.random.default_rng(1).permutation(photo.reshape(-1, 3)).reshape(photo.shape)
    images = to_unit([photo, shuffled, 255 - photo], CPU)
    one, same_colors, other = looks_of(taps_of(vgg, images), deep, images)
    distances = {name: float(style_distance(one[name], same_colors[name])) for name in CRITERIA}
    assert distances.pop("identified by colours") == 0  # a histogram knows no places
    assert min(distances.values()) > 0
    assert float(style_distance(one["identified by colours"], other["identified by colours"])) > 0
    colors = one["identified by colours"][0]
    assert colors.shape == (512,)
    assert float(colors.square().sum()) == pytest.approx(1)


def test_the_layout_task_asks_when_it_is_told_to(pairs: FolderPairs, vgg_file: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from sceneswap.evaluation import tasks

    class Blind:
        schema, description, sha256 = load_schema("procedural"), "sees nothing", "0" * 64

    monkeypatch.setattr(tasks, "load_segmenter", lambda name, device: Blind())
    networks = Extractors(CPU, vgg_file)
    asked = {
        flag: layout_task(pairs.scenes, 4, 0, networks, identify=flag).protocol["metrics"] for flag in (True, False)
    }
    assert set(asked[True]) - set(asked[False]) == set(CRITERIA)
