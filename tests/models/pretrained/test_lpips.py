"""LPIPS: the formula on random weights, and the published weights where they are at hand."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.models.pretrained.lpips import LPIPS, LPIPS_WEIGHTS, load_lpips
from sceneswap.models.pretrained.vgg import normalise_imagenet


def photo(seed: int = 0) -> Tensor:
    """A smooth picture (1, 3, 64, 64) in [-1, 1]."""
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=64, mode="bilinear")


@pytest.fixture
def network() -> LPIPS:
    torch.manual_seed(0)
    network = LPIPS().eval()
    for linear in network.alex.children():
        torch.nn.init.uniform_(linear.weight)  # type: ignore[arg-type]
    return network


@torch.no_grad()
def test_distance_is_the_published_formula(network: LPIPS) -> None:
    a, b = photo(1), photo(2)
    expected = 0.0
    taps = zip(network.alexnet(normalise_imagenet(a)), network.alexnet(normalise_imagenet(b)), strict=True)
    for (x, y), linear in zip(taps, network.alex.children(), strict=True):
        x, y = (t / t.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-10) for t in (x, y))
        expected += float(((x - y).square() * linear.weight).sum(dim=1).mean())
    assert float(network(a, b)) == pytest.approx(expected, rel=1e-5)
    assert float(network(a, a)) == 0
    assert network(torch.cat([a, b]), torch.cat([b, b])).tolist() == pytest.approx([expected, 0], rel=1e-5)


def test_weights_load_and_wrong_files_are_named(
    network: LPIPS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lpips.safetensors"
    save_file(network.state_dict(), path)
    a, b = photo(1), photo(2)
    assert torch.equal(load_lpips(path)(a, b), network(a, b))
    monkeypatch.setenv(LPIPS_WEIGHTS.variable, str(path))
    assert torch.equal(load_lpips()(a, b), network(a, b))
    monkeypatch.delenv(LPIPS_WEIGHTS.variable)
    with pytest.raises(UserError, match=LPIPS_WEIGHTS.variable):
        load_lpips()
    with pytest.raises(UserError, match=r"missing\.safetensors do not exist"):
        load_lpips(tmp_path / "missing.safetensors")
    save_file({"alexnet.features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"lpips\.safetensors does not hold LPIPS"):
        load_lpips(path)


@pytest.mark.shared
@torch.no_grad()
def test_published_weights_order_distortions(shared: Path) -> None:
    network = load_lpips(shared / "weights" / "lpips_alexnet_and_lin.safetensors")
    clean = photo()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    distances = [float(network((clean + s * noise).clamp(-1, 1), clean)) for s in (0.0, 0.05, 0.1, 0.2, 0.4)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert 0.2 < distances[-1] < 2
