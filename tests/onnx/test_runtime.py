"""A model run from its graphs gives the pictures of PyTorch, and needs no PyTorch."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.images import write_png
from sceneswap.inference import mixing as reference
from sceneswap.inference.blend import blend
from sceneswap.inference.look import Look
from sceneswap.inference.segmentation import classes_at as reference_classes
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import write_label_map
from sceneswap.onnx.look import OnnxLook
from sceneswap.onnx.mixing import bounded_shares
from sceneswap.onnx.runtime import OnnxSynthesizer
from sceneswap.onnx.scores import classes_at
from sceneswap.scene import Scene
from tests.tiny import make_scene, vivid_release


@pytest.fixture(scope="module")
def opened(graphs: Path) -> OnnxSynthesizer:
    return OnnxSynthesizer.from_folder(graphs, threads=1)


@pytest.fixture(scope="module")
def scenes(model: Synthesizer) -> list[Scene]:
    return [make_scene(size, seed, model.schema) for seed, size in enumerate([(48, 64), (64, 48), (33, 70)])]


def near(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> bool:
    return ours.shape == theirs.shape and int(np.abs(ours.astype(int) - theirs).max()) <= 1


def test_single_looks_are_drawn_alike(model: Synthesizer, opened: OnnxSynthesizer, scenes: list[Scene]) -> None:
    for layout in scenes:
        for exemplar in scenes:
            ours = model.draw(layout.label_map, model.encode(exemplar))
            assert near(ours, opened.draw(layout.label_map, opened.encode(exemplar)))


@pytest.mark.parametrize(
    "how",
    [
        {"weights": [0.5, 0.3, 0.2]},
        {"weights": [1, 0, 0]},
        {"weights": [1.8, -0.5, -0.3], "extrapolate": True},
        {"maps": "radial"},
        {"weights": [0.2, 0.7, 0.1], "maps": "left-right"},
        {"classes": {"sky-other": 1, "tree": 2}, "rest": 0, "border": 6.0},
    ],
)
def test_blends_are_drawn_alike(
    model: Synthesizer, opened: OnnxSynthesizer, scenes: list[Scene], how: dict[str, object]
) -> None:
    layout = scenes[2].label_map % 5
    ours = model.draw(layout, blend([model.encode(one) for one in scenes], **how))  # type: ignore[arg-type]
    theirs = opened.draw(layout, blend([opened.encode(one) for one in scenes], **how))  # type: ignore[arg-type]
    assert near(ours, theirs)


def test_extrapolated_maps_are_bounded_alike(model: Synthesizer, opened: OnnxSynthesizer, scenes: list[Scene]) -> None:
    maps = [np.linspace(-4, 5, 30, dtype=np.float32)[None].repeat(8, 0)]
    layout = scenes[0].label_map
    ours = model.draw(layout, blend([model.encode(one) for one in scenes[:2]], maps=maps, extrapolate=True))
    theirs = opened.draw(layout, blend([opened.encode(one) for one in scenes[:2]], maps=maps, extrapolate=True))
    apart = np.abs(ours.astype(int) - theirs)
    assert apart.max() <= 4  # weights of 16 bits, enlarged
    assert apart.mean() < 0.1


def test_photographs_are_read_alike(model: Synthesizer, opened: OnnxSynthesizer, scenes: list[Scene]) -> None:
    for one in scenes:
        assert np.mean(model.estimate_labels(one.photo) == opened.estimate_labels(one.photo)) > 0.99


def test_looks_are_the_same_files(
    model: Synthesizer, opened: OnnxSynthesizer, scenes: list[Scene], tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours.look.safetensors", tmp_path / "theirs.look.safetensors"
    model.encode(scenes[0]).save(ours)
    opened.encode(scenes[0]).save(theirs)
    crossed, known = Look.load(theirs), OnnxLook.load(ours)
    assert crossed.shares == Look.load(ours).shares
    assert near(model.draw(scenes[1].label_map, crossed), opened.draw(scenes[1].label_map, known))


def test_looks_of_other_models_and_kinds_are_refused(
    model: Synthesizer, opened: OnnxSynthesizer, scenes: list[Scene], tmp_path: Path
) -> None:
    other = Synthesizer(vivid_release(seed=1), name="other", device="cpu").encode(scenes[0])
    other.save(tmp_path / "other.look.safetensors")
    with pytest.raises(UserError, match="another model"):
        opened.draw(scenes[0].label_map, OnnxLook.load(tmp_path / "other.look.safetensors"))
    with pytest.raises(UserError, match="one of PyTorch's"):
        opened.draw(scenes[0].label_map, model.encode(scenes[0]))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="exported model"):
        model.draw(scenes[0].label_map, blend([opened.encode(scenes[0])]))
    for name, data in {"empty": b"", "text": b"not a look"}.items():
        path = tmp_path / f"{name}.look.safetensors"
        path.write_bytes(data)
        with pytest.raises(UserError, match=f"{name}.look.safetensors cannot be read"):
            OnnxLook.load(path)


def test_looks_that_do_not_fit_and_maps_that_are_too_large_are_refused(
    opened: OnnxSynthesizer, scenes: list[Scene]
) -> None:
    look = opened.encode(scenes[0])
    tensors = dict(look.tensors)
    for wrong in (
        {name: numbers for name, numbers in tensors.items() if name != "mass.0"},
        tensors | {"values.0": tensors["values.0"][:, :-1]},
        tensors | {"extra": tensors["mass.0"]},
    ):
        with pytest.raises(UserError, match="does not fit its own model"):
            opened.draw(scenes[0].label_map, replace(look, tensors=wrong))
    with pytest.raises(UserError, match="2001×1000 pixels is more than ONNX graphs draw"):
        opened.draw(np.zeros((1000, 2001), np.int16), look)


def test_it_runs_where_there_is_no_pytorch(
    model: Synthesizer, graphs: Path, scenes: list[Scene], tmp_path: Path
) -> None:
    write_png(tmp_path / "photo.png", scenes[0].photo)
    write_label_map(tmp_path / "map.png", scenes[0].label_map, model.schema)
    program = f"""
import sys
sys.modules["torch"] = None  # importing it fails
import numpy as np
from sceneswap import OnnxSynthesizer, blend
model = OnnxSynthesizer.from_folder({str(graphs)!r}, threads=1)
scene = model.read_scene({str(tmp_path / "photo.png")!r}, {str(tmp_path / "map.png")!r})
look = model.encode(scene)
look.save({str(tmp_path / "kept.look.safetensors")!r})
np.save({str(tmp_path / "drawn.npy")!r}, model.draw(scene.label_map, blend([look, look], [0.5, 0.5])))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert near(model.draw(scenes[0].label_map, model.encode(scenes[0])), np.load(tmp_path / "drawn.npy"))


def test_shares_are_those_of_pytorch() -> None:
    random = np.random.default_rng(0)
    for scale in (0.1, 3.0, 40.0, 500.0):
        logs = random.normal(0, scale, (4, 50)).astype(np.float32)
        for negative in (np.zeros((4, 50), bool), np.array([[False], [True], [False], [True]]).repeat(50, 1)):
            expected = reference.bounded_shares(torch.from_numpy(logs), torch.from_numpy(negative)).numpy()
            assert np.allclose(bounded_shares(logs, negative), expected, atol=1e-4)


@pytest.mark.parametrize("size", [(5, 7), (33, 20), (128, 96), (9, 12)])
def test_scores_are_enlarged_as_pytorch_does(size: tuple[int, int]) -> None:
    scores = np.random.default_rng(0).normal(size=(37, 9, 12)).astype(np.float32)
    expected = reference_classes(torch.from_numpy(scores[None]), size)[0]
    assert np.mean(classes_at(scores, size) == expected) > 0.999
