"""The two failures on swap grids made for the purpose."""

import pytest
import torch
from torch import Tensor

from sceneswap.alarms import measure

SCENES = 4


@pytest.fixture
def photos() -> Tensor:
    return torch.rand(SCENES, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_copying_the_exemplar(photos: Tensor) -> None:
    alarms = measure(photos.expand(SCENES, -1, -1, -1, -1), photos)  # drawn[i, j] = photo j
    assert alarms.copy_distance == 0
    assert alarms.copies
    assert not alarms.ignores


def test_ignoring_the_exemplar(photos: Tensor) -> None:
    alarms = measure(photos[:, None].expand(-1, SCENES, -1, -1, -1), photos)  # drawn[i, j] = photo i
    assert alarms.response == 0
    assert alarms.ignores
    assert alarms.copy_distance == pytest.approx(1)
    assert not alarms.copies


def test_layout_of_one_in_the_look_of_the_other() -> None:
    generator = torch.Generator().manual_seed(0)
    layouts = torch.rand(SCENES, 1, 1, 8, 8, generator=generator) - 0.5
    looks = torch.rand(1, SCENES, 3, 1, 1, generator=generator) - 0.5
    grid = layouts + looks
    alarms = measure(grid, torch.stack([grid[i, i] for i in range(SCENES)]))
    assert not alarms.ignores
    assert not alarms.copies
    assert alarms.response == pytest.approx(float(looks[0].std(dim=0).mean()), rel=1e-4)


def test_one_scene_twice_is_no_division_by_zero(photos: Tensor) -> None:
    same = photos[:1].expand(2, -1, -1, -1)
    assert measure(same.expand(2, -1, -1, -1, -1), same).response == 0
