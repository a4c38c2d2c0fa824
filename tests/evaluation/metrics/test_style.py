"""The style loss: by hand, and blind to positions."""

from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sceneswap.evaluation.metrics.metric import taps_of
from sceneswap.evaluation.metrics.style import gram, style_distance, style_of
from sceneswap.models.pretrained.vgg import VGG19, load_vgg19


def style_loss(network: VGG19, output: Tensor, exemplar: Tensor) -> Tensor:
    """L_style (B,) of images (B, 3, H, W) in [0, 1]."""
    pairs = zip(taps_of(network, output), taps_of(network, exemplar), strict=True)
    return torch.stack([style_distance(style_of(a), style_of(b)) for a, b in pairs])


class Taps(nn.Module):
    """Stands where VGG-19 does, with taps that can be worked out by hand: the image, and twice its red channel."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        image = (image + 1) / 2
        return image, 2 * image[:, :1]


@pytest.fixture(scope="module")
def vgg() -> VGG19:
    """Random weights: enough for properties, never for a number."""
    torch.manual_seed(0)
    return VGG19(taps=2).eval()


def images(n: int, height: int = 32, width: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_gram_by_hand() -> None:
    features = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, 1.0]]])  # (2, 2, 2)
    torch.testing.assert_close(gram(features), torch.tensor([[30.0, 6.0], [6.0, 2.0]]) / 8)


def test_style_loss_by_hand() -> None:
    red, half_red = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    red[:, 0], half_red[:, 0] = 1, 0.5
    # tap 1: Gram entry (red, red) is 4/12 against 1/12, one of nine; tap 2: 4·4/4 against 4·1/4, one of one
    expected = (3 / 12) ** 2 / 9 + (4 - 1) ** 2
    loss = style_loss(Taps(), torch.cat([red, red]), torch.cat([half_red, red]))  # type: ignore[arg-type]
    assert loss.tolist() == pytest.approx([expected, 0], rel=1e-6)


def test_exemplar_as_output_is_exactly_zero(vgg: VGG19) -> None:
    x = images(2)
    assert style_loss(vgg, x, x).tolist() == [0, 0]
    assert style_loss(vgg, x, images(2, seed=1)).min() > 0


def test_positions_of_features_do_not_matter() -> None:
    features = torch.rand(5, 6, 7)
    shuffled = features.flatten(1)[:, torch.randperm(42)].view(5, 6, 7)
    torch.testing.assert_close(gram(shuffled), gram(features))
    x, order = images(1, 4, 4), torch.randperm(16)
    permuted = x.flatten(2)[:, :, order].view_as(x)
    assert float(style_loss(Taps(), permuted, x)) == pytest.approx(0, abs=1e-12)  # type: ignore[arg-type]


def test_sizes_may_differ_and_a_batch_is_its_images(vgg: VGG19) -> None:
    output, exemplar = images(2), images(2, 48, 40, seed=1)
    together = style_loss(vgg, output, exemplar)
    singly = torch.cat([style_loss(vgg, output[i : i + 1], exemplar[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, singly)
    style = style_of(taps_of(vgg, output)[0])
    assert [tuple(g.shape) for g in style] == [(64, 64), (128, 128)]


@pytest.mark.shared
def test_pretrained_style_orders_pictures(shared: Path) -> None:
    """A picture moved by a few pixels has nearly its own style; a darker one and noise are further."""
    vgg = load_vgg19(shared / "weights" / "vgg19.safetensors", taps=2)
    x = torch.nn.functional.interpolate(images(1, 8, 8), size=(96, 96), mode="bicubic").clamp(0, 1)
    variants = [x.roll(3, dims=3), x * 0.8, images(1, 96, 96)]
    losses = [float(style_loss(vgg, v, x)) for v in variants]
    assert losses == sorted(losses)
    assert losses[0] < 0.1 * losses[1]


@pytest.mark.shared
@torch.no_grad()
def test_taps_equal_the_reference_networks(shared: Path, reference: ModuleType) -> None:
    file = shared / "weights" / "vgg19.safetensors"
    theirs = reference.VGG("vgg19").eval()
    theirs.load_state_dict({k: v.float() for k, v in load_file(file).items()})
    x = torch.nn.functional.interpolate(images(1, 8, 8), size=(64, 96), mode="bilinear")
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = theirs((x - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1))
    for i, tap in enumerate(load_vgg19(file)(x * 2 - 1), start=1):
        torch.testing.assert_close(tap, expected[f"relu{i}_1"], rtol=1e-4, atol=1e-4)
