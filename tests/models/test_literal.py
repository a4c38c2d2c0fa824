"""The paper's and SPADE's own forms where our default differs: what each option means, and the identities under all."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sceneswap.config import load_train_config
from sceneswap.models import msca
from sceneswap.models.build import build_discriminator, build_generator
from sceneswap.models.generator import Generator
from sceneswap.models.msca import GAP, MSCA
from sceneswap.models.spade import BlockKind, SpadeBlock
from sceneswap.models.spade_vae import SpadeImageEncoder, SpadeVAE
from tests.models.conftest import CLASSES, random_scenes, settled
from tests.tiny import LITERAL

N, M, K = 6, 5, 4
OPTIONS = [{}, *({name: value} for name, value in LITERAL.items()), LITERAL]
IDS = ["ours", *LITERAL, "literal"]
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(params=OPTIONS, ids=IDS)
def generator(request: pytest.FixtureRequest) -> Generator:
    torch.manual_seed(0)
    network = settled(build_generator(replace(load_train_config("tiny").model, **request.param), CLASSES))
    assert isinstance(network, Generator)
    return network


# --- Identities 4 to 7 of a whole network; 1 to 3 stand in tests/inference/test_mixing.py -------------------------------


@torch.no_grad()
def test_the_attention_is_the_affinity_and_keeps_the_mass_of_labels(generator: Generator) -> None:
    image, c2 = random_scenes(1, 32, 48, seed=2)
    _, c1 = random_scenes(1, 40, 32, seed=3)
    features, labels = generator.exemplar_features(generator.image_encoder(image), c2)
    conditions = generator.conditions(c1, generator.encode_exemplar(image, c2))
    for scale, (layer, f2, l2, l1) in enumerate(
        zip(generator.layers, features, labels, generator.target_encoder(c1), strict=True)
    ):
        beta = msca.channel_attention(layer.channel_logits(l1).flatten(2))
        score = layer.masking_score(msca.global_average(l1), msca.global_average(l2))
        alpha = msca.spatial_attention(layer.spatial_logits(f2, l2).flatten(2))
        affinity = msca.effective_affinity(beta, score, alpha)
        moved = conditions[scale][:, : f2.shape[1]].flatten(2)
        torch.testing.assert_close(moved, f2.flatten(2) @ affinity.mT, **CLOSE)  # 7
        assert torch.linalg.matrix_rank(affinity[0].double(), rtol=1e-5) <= score.shape[1]
        one_hot = F.one_hot(c2[:, :: 2**scale, :: 2**scale].flatten(1), CLASSES + 1).float().mT
        kept = one_hot @ msca.effective_affinity(beta, torch.ones_like(score), alpha).mT  # 6
        torch.testing.assert_close(kept.sum(dim=1), torch.ones_like(kept[:, 0]), **CLOSE)
        assert ((one_hot @ affinity.mT).sum(dim=1) < 1).all()
        order = torch.randperm(f2[0, 0].numel(), generator=torch.Generator().manual_seed(scale))
        shuffled = [t.flatten(2)[..., order].view_as(t) for t in (f2, l2)]
        for one, other in zip(layer.gather(f2, l2), layer.gather(*shuffled), strict=True):  # 4
            torch.testing.assert_close(one, other, **CLOSE)


@torch.no_grad()
def test_attention_of_no_weight_is_the_global_average(generator: Generator) -> None:
    """5: GAP is K = 1 with constant α, which MSCA becomes when its logits are constant and its mask is open."""
    image, c2 = random_scenes(1, 32, 48, seed=2)
    features, labels = generator.exemplar_features(generator.image_encoder(image), c2)
    for layer, f2, l2 in zip(generator.layers, features, labels, strict=True):
        assert isinstance(layer, MSCA)
        for weight in (layer.psi.weight, layer.phi.weight, *(p for p in layer.mask.parameters())):
            weight.zero_()
        layer.mask.get_parameter("2.bias").fill_(50.0)
        expected = GAP()(l2, GAP().gather(f2, l2))
        torch.testing.assert_close(layer(l2, layer.gather(f2, l2)), expected, **CLOSE)


# --- What the options mean ----------------------------------------------------------------------------------------------


def test_plain_logits_are_the_convolution_of_the_joined_features() -> None:
    torch.manual_seed(1)
    attention = MSCA(features=N, target_labels=M, exemplar_labels=M, maps=K, logit_scale=3.0, unit=False, aligned=False)
    features, labels = torch.randn(2, N, 4, 6), torch.randn(2, M, 4, 6)
    joined = torch.cat([features, labels], dim=1)
    expected = torch.einsum("kc,bchw->bkhw", attention.psi.weight[:, :, 0, 0], joined)
    assert attention.psi.bias is not None
    torch.testing.assert_close(attention.spatial_logits(features, labels), expected + attention.psi.bias[:, None, None])
    torch.testing.assert_close(
        attention.channel_logits(labels), F.conv2d(labels, attention.phi.weight, attention.phi.bias)
    )
    assert {name for name, _ in attention.named_parameters()} == {
        f"{part}.{kind}" for part in ("psi", "phi", "mask.0", "mask.2") for kind in ("weight", "bias")
    }
    assert not torch.equal(attention.psi.weight[:, N:], attention.phi.weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert attention.spatial_logits(features.bfloat16(), labels.bfloat16()).dtype == torch.float32


def test_an_unaligned_start_gives_each_encoder_its_own() -> None:
    config = load_train_config("tiny").model
    label_map = torch.zeros(1, 16, 16, dtype=torch.int64)
    for aligned in (True, False):
        network = build_generator(replace(config, aligned_start=aligned), CLASSES)
        assert isinstance(network, Generator)
        equal = torch.equal(network.exemplar_encoder(label_map)[0], network.target_encoder(label_map)[0])
        assert equal == aligned


def test_spade_s_own_block_is_the_written_out_formula() -> None:
    torch.manual_seed(0)
    kind = BlockKind(own_hidden=True, own_shortcut=True, relu=True)
    block = SpadeBlock(inputs=4, outputs=3, condition=5, hidden=6, kind=kind).eval()
    x, condition = torch.randn(2, 4, 8, 8), torch.randn(2, 5, 8, 8)

    def spade(x: Tensor, modulation: nn.Module | None) -> Tensor:
        assert isinstance(modulation, nn.Sequential)
        gamma, beta = modulation[2](modulation[0](condition).relu()).chunk(2, dim=1)
        return F.instance_norm(x) * (1 + gamma) + beta

    inner = block.convolution_0(F.leaky_relu(spade(x, block.modulation_0), 0.2))
    inner = block.convolution_1(F.leaky_relu(spade(inner, block.modulation_1), 0.2))
    assert block.shortcut is not None
    torch.testing.assert_close(block(x, condition), inner + block.shortcut(spade(x, block.modulation_s)))
    assert SpadeBlock(inputs=4, outputs=4, condition=5, hidden=6, kind=kind).modulation_s is None


def test_spade_s_start_is_xavier_with_gain_a_fiftieth() -> None:
    torch.manual_seed(0)
    settings = load_train_config("tiny")
    wide = (32, 48, 64)
    model = replace(settings.model, widths=wide, spade_hidden=wide, initialisation="xavier")
    network = build_generator(model, CLASSES)
    discriminator = build_discriminator(replace(settings.discriminator, width=32, initialisation="xavier"), CLASSES)
    layers = [m for part in (network.synthesis, discriminator) for m in part.modules() if isinstance(m, nn.Conv2d)]
    assert len(layers) > 20
    for layer in layers:
        normed = parametrize.is_parametrized(layer, "weight")
        weight = layer.parametrizations.weight.original if normed else layer.weight  # type: ignore[union-attr]
        area = layer.kernel_size[0] * layer.kernel_size[1]
        expected = 0.02 * (2 / (area * (layer.in_channels + layer.out_channels))) ** 0.5
        assert float(weight.detach().std()) == pytest.approx(expected, rel=0.2)  # type: ignore[operator]
        assert layer.bias is None or not layer.bias.any()
        if normed:
            assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2) == pytest.approx(1, abs=0.05)
    assert isinstance(network, Generator)  # what SPADE has not starts as ever: ten times that and more
    encoder = network.target_encoder.convolutions[0]
    assert isinstance(encoder, nn.Conv2d)
    assert float(encoder.weight.detach().std()) > 0.1


def test_the_baseline_under_paper_encodes_the_target_itself() -> None:
    torch.manual_seed(0)
    settings = load_train_config("tiny")
    tiny = replace(settings, model=replace(settings.model, vae="spade")).with_model("spade-vae").model
    network = build_generator(tiny, CLASSES)
    assert isinstance(network, SpadeVAE)
    assert isinstance(network.image_encoder, SpadeImageEncoder)
    image, label_map = random_scenes(3)
    index = torch.tensor([1, 2, 0])
    network.eval()  # spectral norm stays as it is
    drawing = network(label_map, image, label_map, index)
    latent = network.encode_exemplar(image, label_map)
    assert torch.equal(drawing.posterior[0], latent.mean)  # not latent.mean[index]
    drawn = network.draw(label_map, latent.select(index))  # in use it is drawn after any exemplar
    assert not torch.equal(drawn, network.draw(label_map, latent))


def test_spade_s_encoder_ends_at_four_by_four_whatever_the_size() -> None:
    encoder = SpadeImageEncoder(4)
    for size in ((256, 256), (64, 96)):
        (tap,) = encoder(torch.zeros(1, 3, *size))
        assert tap.shape == (1, 32, 4, 4)
    assert encoder.channels == (32,)
