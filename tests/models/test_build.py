"""Every preset builds, any size draws, every kind behaves the same in a batch and alone, folded and unfolded."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sceneswap.checkpoint import folded_copy
from sceneswap.config import PRESETS, ModelConfig, load_train_config
from sceneswap.models.build import FROZEN, Network, build_discriminator, build_generator, condition_channels
from sceneswap.models.encoders import VGGEncoder
from sceneswap.models.generator import Generator
from sceneswap.models.pretrained.vgg import shipped_vgg19
from sceneswap.models.spade_vae import SpadeVAE

Scenes = Callable[..., tuple[Tensor, Tensor]]


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "paper"])
@pytest.mark.parametrize("kind", ["msca", "gap", "spade-vae"])
def test_presets_draw(preset: str, kind: str) -> None:
    settings = load_train_config(preset).with_model(kind)  # type: ignore[arg-type]
    network = build_generator(settings.model, 36)
    discriminator = build_discriminator(settings.discriminator, 36)
    label_map = torch.zeros(2, 64, 64, dtype=torch.int64)
    with torch.no_grad():
        drawing = network(label_map, torch.zeros(2, 3, 64, 64), label_map)
        seen = shipped_vgg19().activations(drawing.image, discriminator.layers)
        judged = discriminator(label_map, drawing.image, seen)
    assert drawing.image.shape == (2, 3, 64, 64)
    heads = len(settings.discriminator.taps) + bool(settings.discriminator.patch_width)
    assert len(judged) == (settings.discriminator.scales if settings.discriminator.kind == "patch" else heads)
    assert (drawing.posterior is not None) == (kind == "spade-vae")
    if kind != "spade-vae":
        with torch.no_grad():
            features = network(label_map, torch.zeros(2, 3, 64, 64), label_map, features_only=True)
        assert features.image is None
        assert tuple(c.shape[1] for c in features.conditions) == condition_channels(settings.model)


@pytest.mark.filterwarnings("ignore:.*which is a no-op:UserWarning")  # weights copied to shapes without memory
@pytest.mark.parametrize("kind", ["msca", "gap", "spade-vae"])
def test_the_paper_preset_builds(kind: str, vgg_file: Path) -> None:
    settings = load_train_config("paper").with_model(kind)  # type: ignore[arg-type]
    with torch.device("meta"):
        network = build_generator(settings.model, 183, vgg_file)
        build_discriminator(settings.discriminator, 183)
    assert isinstance(network, SpadeVAE) or isinstance(network.image_encoder, VGGEncoder)
    assert sum(p.numel() for p in network.parameters()) > 50e6


def test_vgg19_encoder_is_frozen_and_the_rest_is_not(vgg_file: Path) -> None:
    config = replace(load_train_config("tiny").model, encoder="vgg19")
    network = build_generator(config, 5, vgg_file)
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    assert frozen
    assert all(name.startswith(FROZEN) for name in frozen)
    assert not any(name.startswith(FROZEN) for name, p in network.named_parameters() if p.requires_grad)


def test_small_fits_two_cpu_cores() -> None:
    config = load_train_config("small").model
    network = build_generator(config, 36).eval()
    label_map, image = torch.zeros(1, 256, 256, dtype=torch.int64), torch.zeros(1, 3, 256, 256)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.draw(label_map, network.encode_exemplar(image, label_map))  # type: ignore[arg-type]
    assert sum(p.numel() for p in network.parameters()) <= 6e6
    assert 1e9 < counter.get_total_flops() <= 40e9


def test_tied_encoders_are_one_module() -> None:
    config = load_train_config("tiny").model
    untied, tied = build_generator(config, 5), build_generator(replace(config, tie_label_encoders=True), 5)
    assert isinstance(untied, Generator)
    assert isinstance(tied, Generator)
    assert tied.exemplar_encoder is tied.target_encoder
    assert untied.exemplar_encoder is not untied.target_encoder
    label_map = torch.zeros(1, 16, 16, dtype=torch.int64)  # like meets like from the first step
    assert torch.equal(untied.exemplar_encoder(label_map)[0], untied.target_encoder(label_map)[0])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 48), (44, 20)])
@pytest.mark.parametrize("exemplar", [(32, 32), (24, 36)])
@torch.no_grad()
def test_any_size_and_an_exemplar_of_another_size(
    network: Network, scenes: Scenes, height: int, width: int, exemplar: tuple[int, int]
) -> None:
    _, label_map = scenes(2, height, width)
    image, other = scenes(2, *exemplar, seed=2)
    drawn = network.draw(label_map, network.encode_exemplar(image, other))  # type: ignore[arg-type]
    assert drawn.shape == (2, 3, height, width)
    assert drawn.abs().max() <= 1
    assert drawn.std() > 0
    assert height % network.stride == width % network.stride == 0


@torch.no_grad()
def test_a_batch_equals_its_members_alone(network: Network, scenes: Scenes) -> None:
    (image, c2), (_, c1) = scenes(3, seed=2), scenes(3, seed=3)
    together = network.draw(c1, network.encode_exemplar(image, c2))  # type: ignore[arg-type]
    for n in range(3):
        one = slice(n, n + 1)
        alone = network.draw(c1[one], network.encode_exemplar(image[one], c2[one]))  # type: ignore[arg-type]
        torch.testing.assert_close(together[one], alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_forward_pairs_by_index(network: Network, scenes: Scenes) -> None:
    image, label_map = scenes(3, seed=2)
    index = torch.tensor([2, 2, 0])
    exemplar = network.encode_exemplar(image, label_map)
    drawn = network.draw(label_map, exemplar.select(index))  # type: ignore[arg-type]
    torch.testing.assert_close(
        network.draw(label_map, network.encode_exemplar(image[index], label_map[index])),  # type: ignore[arg-type]
        drawn, rtol=1e-4, atol=1e-5,
    )  # fmt: skip
    if isinstance(network, Generator):
        drawing = network(label_map, image, label_map, index)
        torch.testing.assert_close(drawing.image, drawn, rtol=1e-4, atol=1e-5)
        assert network(label_map, image, label_map, index, features_only=True).image is None


@torch.no_grad()
def test_the_exemplar_speaks(network: Network, scenes: Scenes) -> None:
    image, c2 = scenes(1, seed=2)
    _, c1 = scenes(1, seed=3)
    looks = [network.draw(c1, network.encode_exemplar(x, c2)) for x in (image, -image)]  # type: ignore[arg-type]
    assert (looks[0] - looks[1]).abs().mean() > 1e-4


def test_the_baseline_draws_the_mean_and_trains_on_samples(build: Callable[[str], Network], scenes: Scenes) -> None:
    baseline = build("spade-vae")
    assert isinstance(baseline, SpadeVAE)
    image, label_map = scenes(1)
    with torch.no_grad():
        latent = baseline.encode_exemplar(image, label_map)
        assert torch.equal(baseline.draw(label_map, latent), baseline.draw(label_map, latent))
        torch.manual_seed(1)
        first = baseline(label_map, image, label_map)
        second = baseline(label_map, image, label_map)
    assert (first.image - second.image).abs().max() > 1e-5
    assert torch.equal(first.posterior[0], latent.mean)
    assert torch.equal(first.posterior[1], latent.log_variance)


@torch.no_grad()
def test_folded_and_unfolded_agree_and_the_original_is_left_alone(network: Network, scenes: Scenes) -> None:
    image, label_map = scenes(2)
    names = set(network.state_dict())
    before = network.draw(label_map, network.encode_exemplar(image, label_map))  # type: ignore[arg-type]
    folded = folded_copy(network)
    assert not any("parametrizations" in name for name in folded.state_dict())
    assert not any(p.requires_grad for p in folded.parameters())
    assert torch.equal(folded.draw(label_map, folded.encode_exemplar(image, label_map)), before)  # type: ignore[arg-type]
    assert torch.equal(network.draw(label_map, network.encode_exemplar(image, label_map)), before)  # type: ignore[arg-type]
    assert set(network.state_dict()) == names


def test_config_describes_the_stride(config: ModelConfig, network: Network) -> None:
    assert network.stride == config.stride
