"""Drawing in tiles gives the picture that drawing at once gives, in bounded memory, and says what it takes."""

import logging
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sceneswap import Synthesizer, blend
from sceneswap.config import load_train_config
from sceneswap.inference import drawing as module
from sceneswap.inference import tiled
from sceneswap.inference.look import joined
from sceneswap.inference.mixing import draw_mixed
from sceneswap.inference.tiled import disk_bytes, draw_tiled
from sceneswap.models import parts
from sceneswap.models.build import Network, build_generator
from sceneswap.procedural import render
from tests.tiny import make_scene, vivid_release

SIZE = (208, 144)
VARIANTS: dict[str, dict[str, Any]] = {
    "replicate": {"padding": "replicate", "encoder_padding": "replicate", "noise_channels": 3},
    "bilinear": {"upsampling": "bilinear", "middle_blocks": 0},
    "more blocks": {"extra_blocks": (1, 0, 2), "spade_hidden": (0, 8, 0)},
    "batch": {"normalisation": "batch"},
    "as in SPADE": {"own_hidden": True, "own_shortcut": True, "hidden_activation": "relu", "unit_logits": False},
}


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled, "SIDES", {"cpu": 48})
    monkeypatch.setattr(tiled, "_SUMMARY_SIDE", 64)


def a_map() -> np.ndarray:
    """Blocks of 8 × 8, the lower half of other classes than the upper: statistics of a tile are not those of the map."""
    random = np.random.default_rng(0)
    blocks = random.integers(0, 12, (SIZE[0] // 8, SIZE[1] // 8))
    blocks[len(blocks) // 2 :] += 20
    return blocks.repeat(8, axis=0).repeat(8, axis=1).astype(np.int16)


def images(network: Network, weights: torch.Tensor, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The same picture drawn at once and in tiles, uint8."""
    schema = vivid_release().schema
    synthesizer = Synthesizer(replace(vivid_release(), network=network), device="cpu")
    looks = [synthesizer.encode(make_scene((40, 52), i, schema)) for i in range(3)]
    exemplars = joined(looks, torch.device("cpu"))
    label_map = torch.from_numpy(a_map())
    with torch.inference_mode():
        at_once = module.to_photos(draw_mixed(network, label_map[None].long(), exemplars, weights))[0]
        return at_once, draw_tiled(network, label_map, exemplars, weights)


def apart(a: np.ndarray, b: np.ndarray) -> tuple[int, float]:
    """The largest difference in grey levels, and the share of values that differ at all."""
    difference = np.abs(a.astype(int) - b)
    return int(difference.max()), float((difference > 0).mean())


@pytest.mark.parametrize("kind", ["msca", "gap", "spade-vae"])
@pytest.mark.parametrize("mixture", ["one look", "globally", "by place"])
def test_tiles_join_to_the_picture_drawn_at_once(kind: str, mixture: str) -> None:
    if kind == "spade-vae" and mixture == "by place":
        pytest.skip("this baseline mixes no looks by place")
    weights = {"one look": torch.tensor([0.0, 1, 0]), "globally": torch.tensor([0.2, 0.5, 0.3])}.get(mixture)
    if weights is None:
        weights = torch.rand(3, *SIZE)
        weights /= weights.sum(dim=0)
    at_once, in_tiles = images(vivid_release(kind).network, weights)
    largest, share = apart(at_once, in_tiles)
    assert at_once.std() > 20
    assert largest <= 1
    assert share < 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_ladder(variant: str) -> None:
    model = replace(load_train_config("tiny").model, **VARIANTS[variant])
    torch.manual_seed(1)
    network = build_generator(model, vivid_release().schema.num_classes).eval().requires_grad_(False)
    with torch.no_grad():
        network.synthesis.to_image.weight.mul_(3)
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                assert layer.running_mean is not None
                layer.running_mean.normal_()
    at_once, in_tiles = images(network, torch.tensor([1.0, 0, 0]))
    largest, share = apart(at_once, in_tiles)
    assert at_once.std() > 5
    assert largest <= 1
    assert share < 2e-3


def test_the_shipped_model_through_the_disk(shipped: Synthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_IN_MEMORY", 0)
    look, label_map = shipped.look(render.scene(1, (96, 128)).photo), a_map()[:150, :131]
    at_once = shipped.draw(label_map, look)
    monkeypatch.setattr(module, "DRAWN_AT_ONCE", {"cpu": 1000})
    largest, share = apart(at_once, shipped.draw(label_map, look))
    assert largest <= 1
    assert share < 1e-3
    half = [shipped.to(kind).draw(label_map, look) for kind in (torch.bfloat16, torch.float32)]
    assert np.abs(half[0].astype(float) - half[1]).mean() < 3


def test_large_maps_are_drawn_in_tiles_and_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    synthesizer = Synthesizer(vivid_release(), device="cpu")
    looks = [synthesizer.encode(make_scene((40, 52), i, synthesizer.schema)) for i in range(2)]
    label_map, small = a_map()[:203, :131], a_map()[:20, :30]
    mixed = blend(*looks, maps=[np.array([[0.2, 0.9]], np.float32)], classes={"clouds": looks[0]})
    expected = [synthesizer.draw(label_map, look) for look in (looks[0], mixed)]
    monkeypatch.setattr(module, "DRAWN_AT_ONCE", {"cpu": 20_000})
    steps: list[tuple[int, int]] = []
    with caplog.at_level(logging.INFO, logger="sceneswap"):
        drawn = synthesizer.draw(label_map, looks[0], on_tile=lambda done, total: steps.append((done, total)))
    assert "drawing 131×203 pixels in tiles: about" in caplog.text
    assert drawn.shape == (203, 131, 3)
    assert apart(expected[0], drawn)[0] <= 1
    assert apart(expected[1], synthesizer.draw(label_map, mixed))[0] <= 1
    assert steps == [(n + 1, len(steps)) for n in range(len(steps))]
    caplog.clear()
    several = synthesizer.draw_batch([small, label_map, small], [looks[0], looks[0], mixed], batch_size=2)
    assert [photo.shape for photo in several] == [(20, 30, 3), (203, 131, 3), (20, 30, 3)]
    np.testing.assert_array_equal(several[1], drawn)
    assert caplog.text == ""  # in Python nothing is said unless it is asked for


def test_what_is_kept_grows_with_the_picture(shipped: Synthesizer) -> None:
    network = shipped.release.network
    assert disk_bytes(network, (2048, 2048)) == 4 * disk_bytes(network, (1024, 1024))
    assert 0.5e9 < disk_bytes(network, (4000, 6000)) < 2.5e9


MEASURE = """
import resource, sys, numpy as np, torch
from sceneswap import Synthesizer
torch.set_num_threads(1)
side = int(sys.argv[1])
swap = Synthesizer.from_pretrained(device="cpu")
look = swap.look(np.zeros((64, 64, 3), np.uint8) + 90, np.zeros((64, 64), np.uint8))
label_map = np.random.default_rng(0).integers(0, 36, (side // 25, side // 25)).repeat(25, 0).repeat(25, 1)
swap.draw(label_map, look)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is Linux's")
def test_memory_does_not_grow_with_the_picture() -> None:
    """At once 1.44 million pixels take some 2 GB."""
    done = subprocess.run([sys.executable, "-c", MEASURE, "1200"], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.5e6  # kB; benchmarks/speed/large.py measures 24 million pixels
