"""Every parameter learns, in every objective.

Some biases cannot: a constant per map cancels in the softmax over positions, a constant per channel in instance
normalisation. These are named here, and nothing else may be idle.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from sceneswap import losses
from sceneswap.config import TrainConfig, load_train_config
from sceneswap.models.build import build_discriminator, build_generator, condition_channels
from sceneswap.models.feature_decoder import FeatureDecoder, color_statistics
from sceneswap.models.generator import Generator

CLASSES = 5
ROUNDING = 2e-7  # what cancels leaves 1e-11 … 3e-8 in float32, what learns 1e-6 and more
CANCELS = re.compile(
    r"attention\.\d\.psi\.bias"  # softmax over positions
    r"|synthesis\.start\.bias"  # normalised by every block; the last shortcuts read normalised activations
    r"|synthesis\.(middle|blocks)\.\d\.convolution_0\.bias"
    r"|synthesis\.(middle\.\d|blocks\.[12])\.convolution_1\.bias"
    r"|scales\.\d\.middle\.\d\.bias"
)

Scenes = Callable[..., tuple[Tensor, Tensor]]


def settings_of(kind: str) -> TrainConfig:
    settings = load_train_config("tiny").with_model(kind)  # type: ignore[arg-type]
    return replace(settings, model=replace(settings.model, logit_scale=1.0))  # soft attention: gradients of some size


def idle(module: nn.Module) -> set[str]:
    """Names of the parameters without a gradient worth the name."""
    return {name for name, p in module.named_parameters() if p.grad is None or float(p.grad.abs().max()) < ROUNDING}


def assert_all_learn(module: nn.Module) -> None:
    names = [name for name, _ in module.named_parameters()]
    assert idle(module) == {name for name in names if CANCELS.fullmatch(name)}


@pytest.mark.parametrize("kind", ["msca", "gap", "spade-vae"])
def test_every_parameter_learns_from_images(kind: str, scenes: Scenes) -> None:
    torch.manual_seed(0)
    settings = settings_of(kind)
    generator = build_generator(settings.model, CLASSES)
    discriminator = build_discriminator(settings.discriminator, CLASSES)
    image, label_map = scenes(4)
    drawing = generator(label_map, image, label_map, torch.tensor([1, 0, 3, 2]))
    judged = discriminator(label_map, drawing.image)
    loss = (drawing.image - image).abs().mean() + judged[0][-1].mean() + judged[1][-1].square().mean()
    if drawing.posterior is not None:
        loss = loss + 0.05 * losses.kl_divergence(drawing.posterior)
    loss.backward()
    assert_all_learn(generator)
    assert_all_learn(discriminator)


@pytest.mark.parametrize("kind", ["msca", "gap"])
def test_pretraining_reaches_extractors_and_attention_only(kind: str, scenes: Scenes) -> None:
    torch.manual_seed(0)
    settings = settings_of(kind)
    generator = build_generator(settings.model, CLASSES)
    assert isinstance(generator, Generator)
    decoder = FeatureDecoder(conditions=condition_channels(settings.model), targets=(6, 6, 6))
    image, label_map = scenes(4)
    drawing = generator(label_map, image, label_map, torch.tensor([1, 0, 3, 2]), features_only=True)
    losses.feature_reconstruction(decoder(drawing.conditions), color_statistics(image, 3)).backward()
    assert not idle(decoder)
    synthesis = {name for name, _ in generator.named_parameters() if name.startswith("synthesis.")}
    assert synthesis
    expected = {name for name, _ in generator.named_parameters() if CANCELS.fullmatch(name)} | synthesis
    assert idle(generator) == expected


def test_color_statistics_are_means_and_deviations() -> None:
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    finest, middle, coarsest = color_statistics(image, 3)
    assert torch.equal(finest[:, :3], image)
    assert finest[:, 3:].max() < 2e-3
    cell = image[0, :, 4:8, 0:4]
    torch.testing.assert_close(coarsest[0, :3, 1, 0], cell.mean(dim=(1, 2)))
    torch.testing.assert_close(coarsest[0, 3:, 1, 0], (cell.var(dim=(1, 2), correction=0) + 1e-6).sqrt())
    assert middle.shape == (1, 6, 4, 4)
