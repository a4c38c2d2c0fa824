"""The multi-scale PatchGAN."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils import parametrize

from sceneswap.models.discriminator import FeatureDiscriminator, MultiScaleDiscriminator
from sceneswap.models.pretrained.vgg import LAYERS, scaled
from sceneswap.models.spade import settle_spectral_norm

CLASSES = 5


@pytest.fixture
def discriminator() -> MultiScaleDiscriminator:
    torch.manual_seed(0)
    return MultiScaleDiscriminator(num_classes=CLASSES, embedding=3, width=4, layers=4, scales=2)


def pair(n: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label_map = torch.randint(0, CLASSES + 1, (n, 64, 96), generator=generator)
    return label_map, torch.rand(n, 3, 64, 96, generator=generator) * 2 - 1


def test_shapes(discriminator: MultiScaleDiscriminator) -> None:
    judged = discriminator(*pair(2))
    shapes = [[tuple(a.shape[1:]) for a in scale] for scale in judged]
    assert shapes[0] == [(4, 33, 49), (8, 17, 25), (16, 9, 13), (32, 10, 14), (1, 11, 15)]
    assert shapes[1] == [(4, 17, 25), (8, 9, 13), (16, 5, 7), (32, 6, 8), (1, 7, 9)]


def test_real_and_drawn_joined_equal_two_passes(discriminator: MultiScaleDiscriminator) -> None:
    discriminator.eval()
    label_map, real = pair(2)
    _, drawn = pair(2, seed=2)
    joined = discriminator(torch.cat([label_map, label_map]), torch.cat([real, drawn]))
    apart = [discriminator(label_map, real), discriminator(label_map, drawn)]
    for scale in range(2):
        for layer, activation in enumerate(joined[scale]):
            torch.testing.assert_close(
                activation, torch.cat([apart[0][scale][layer], apart[1][scale][layer]]), rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize("which", ["label_map", "image"])
def test_it_looks_at_labels_and_image(discriminator: MultiScaleDiscriminator, which: str) -> None:
    discriminator.eval()
    (label_map, image), (other_map, other_image) = pair(1), pair(1, seed=2)
    changed = discriminator(other_map, image) if which == "label_map" else discriminator(label_map, other_image)
    for before, after in zip(discriminator(label_map, image), changed, strict=True):
        assert (before[-1] - after[-1]).abs().max() > 1e-4


def test_second_scale_sees_the_halved_picture(discriminator: MultiScaleDiscriminator) -> None:
    discriminator.eval()
    label_map, image = pair(1)
    embedded = discriminator.embedding(label_map).permute(0, 3, 1, 2)
    halved = F.avg_pool2d(torch.cat([embedded, image], dim=1), 3, stride=2, padding=1, count_include_pad=False)
    alone = discriminator.scales[1](halved)
    torch.testing.assert_close(discriminator(label_map, image)[1][-1], alone[-1])


def test_spectral_norm_bounds_the_middle_layers(discriminator: MultiScaleDiscriminator) -> None:
    normed = [m for m in discriminator.modules() if parametrize.is_parametrized(m, "weight")]
    assert len(normed) == 2 * 3
    for layer in normed:
        with torch.no_grad():
            layer.parametrizations.weight.original.mul_(20)  # type: ignore[operator, union-attr]
    settle_spectral_norm(discriminator)
    for layer in normed:
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2)  # type: ignore[operator]
        assert float(norm) == pytest.approx(1, abs=0.02)


def test_heads_read_their_activations_in_any_order() -> None:
    torch.manual_seed(0)
    names = ("relu1_1", "relu3_1", "relu3_2", "relu2_1")
    judge = FeatureDiscriminator(num_classes=CLASSES, embedding=3, layers=names, width=4).eval()
    label_map, image = pair(2)
    sizes = {name: (64 >> int(name[4]) - 1, 96 >> int(name[4]) - 1) for name in names}
    activations = {name: torch.randn(2, LAYERS[name], *size) for name, size in sizes.items()}
    labels = judge.embedding(label_map).permute(0, 3, 1, 2)
    for name, head, (scores,) in zip(names, judge.heads, judge(label_map, image, activations), strict=True):
        pooled = F.avg_pool2d(labels, 2 ** int(name[4]))
        torch.testing.assert_close(scores, head(scaled(name, activations[name]), pooled)[0])
