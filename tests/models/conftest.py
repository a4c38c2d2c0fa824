"""Tiny networks and random scenes, seeded."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sceneswap.config import ModelConfig, load_train_config
from sceneswap.models.build import Network, build_generator

CLASSES = 5
KINDS = ("msca", "gap", "spade-vae")


@pytest.fixture(params=KINDS)
def config(request: pytest.FixtureRequest) -> ModelConfig:
    """The tiny preset of every kind of model."""
    return load_train_config("tiny").with_model(request.param).model


@pytest.fixture
def network(config: ModelConfig) -> Network:
    """A tiny network of every kind, after a few training forwards (so that spectral norm has settled), evaluating."""
    return settled(build_seeded(config))


@pytest.fixture
def build() -> Callable[[str], Network]:
    """Build the tiny network of one kind, settled and evaluating."""
    return lambda kind: settled(build_seeded(load_train_config("tiny").with_model(kind).model))  # type: ignore[arg-type]


@pytest.fixture
def scenes() -> Callable[..., tuple[Tensor, Tensor]]:
    """random scenes: n, height, width → images in [-1, 1] and label maps of blocks, void among them."""
    return random_scenes


def build_seeded(config: ModelConfig) -> Network:
    torch.manual_seed(0)
    return build_generator(config, CLASSES)


@torch.no_grad()
def settled(network: Network) -> Network:
    image, label_map = random_scenes(2)
    for _ in range(10):
        network(label_map, image, label_map)
    return network.eval()


def random_scenes(n: int, height: int = 32, width: int = 32, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, CLASSES + 1, (n, height // 4, width // 4), generator=generator)
    label_map = blocks.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    return torch.rand(n, 3, height, width, generator=generator) * 2 - 1, label_map
