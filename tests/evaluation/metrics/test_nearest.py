"""Nearest neighbours: by hand, and against brute force in float64."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sceneswap.evaluation.metrics import nearest
from sceneswap.evaluation.metrics.metric import taps_of
from sceneswap.evaluation.metrics.nearest import nn_features, nn_pixel
from sceneswap.models.pretrained.vgg import VGG19


def brute_force(output: Tensor, exemplar: Tensor) -> float:
    """(C, H, W) both."""
    distances = torch.cdist(
        output.flatten(1).T.double(), exemplar.flatten(1).T.double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    return float(distances.amin(dim=1).square().mean())


def features(channels: int, height: int, width: int, seed: int, spread: float = 1.0) -> Tensor:
    """Like relu1_1 of a photograph: few strong directions, many zeros, far from the origin."""
    generator = torch.Generator().manual_seed(seed)
    strong = torch.randn(channels, min(4, channels), generator=generator)
    x = strong @ torch.randn(strong.shape[1], height * width, generator=generator)
    x = x + 0.1 * torch.randn(channels, height * width, generator=generator)
    return (spread * x + 1).relu().view(channels, height, width)


def by_everything(output: Tensor, exemplar: Tensor) -> float:
    """The search of accelerators, and of few locations."""
    queries, points = nearest._rows(output), nearest._rows(exemplar)
    found = points[nearest._nearest_of_all(points, queries)]
    return float((queries.double() - found.double()).square().sum(dim=1).mean())


def by_leaves(output: Tensor, exemplar: Tensor) -> float:
    """The search of many locations on a CPU."""
    queries, points = nearest._rows(output), nearest._rows(exemplar)
    found = points[nearest._Leaves(points).nearest(queries)]
    return float((queries.double() - found.double()).square().sum(dim=1).mean())


SEARCHES = pytest.mark.parametrize("search", [by_leaves, by_everything])


def test_pixel_by_hand() -> None:
    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    grey, red = (0.5, 0.5, 0.5), (1.0, 0.0, 0.0)
    exemplar = torch.tensor([[black, white], [black, black]]).permute(2, 0, 1)[None]
    output = torch.tensor([[black, red], [grey, white]]).permute(2, 0, 1)[None]
    assert nn_pixel(output, exemplar).tolist() == [(0 + 1 + 0.75 + 0) / 4]
    assert nn_pixel(exemplar, output).tolist() == [0]  # not symmetric: all of the exemplar's colours are in the output


@SEARCHES
def test_features_by_hand(search: Callable[[Tensor, Tensor], float]) -> None:
    exemplar = torch.tensor([[[0.0, 4.0], [0.0, 4.0]], [[0.0, 0.0], [3.0, 3.0]]])  # corners of a 4×3 rectangle
    output = torch.tensor([[[0.0, 2.0], [5.0, 1.0]], [[0.0, 1.5], [3.0, -2.0]]])
    assert search(output, exemplar) == pytest.approx((0 + 6.25 + 1 + 5) / 4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.booleans())
def test_pixel_is_brute_force(seed: int, whole_bytes: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    output, exemplar = (torch.rand(1, 3, h, w, generator=generator) for h, w in ((9, 14), (12, 8)))
    if whole_bytes:
        output, exemplar = ((x * 5).round() / 5 for x in (output, exemplar))
    assert float(nn_pixel(output, exemplar)) == pytest.approx(brute_force(output[0], exemplar[0]), rel=1e-9, abs=1e-15)


@SEARCHES
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from([1, 3, 12, 13, 20]), st.sampled_from([0.0, 0.01, 1.0, 30.0]))
def test_features_are_brute_force(
    search: Callable[[Tensor, Tensor], float], seed: int, channels: int, spread: float
) -> None:
    output, exemplar = features(channels, 20, 17, seed, spread), features(channels, 23, 29, seed + 1, spread)
    expected = brute_force(output, exemplar)
    rounding = 1e-6 * float((exemplar - exemplar.mean(dim=(1, 2), keepdim=True)).square().sum(dim=0).mean())
    assert expected * (1 - 1e-9) <= search(output, exemplar) <= expected * (1 + 1e-5) + rounding


def test_many_leaves_and_parts_are_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "_LEAF", 16)
    monkeypatch.setattr(nearest, "_QUERIES", 300)
    monkeypatch.setattr(nearest, "_BLOCK", 100)
    monkeypatch.setattr(nearest, "_MANY", 1000)
    for seed in range(5):
        output, exemplar = features(24, 31, 33, seed), features(24, 30, 37, seed + 100)
        expected = brute_force(output, exemplar)
        assert nn_features(output, exemplar) == pytest.approx(expected, rel=1e-5)
        assert by_everything(output, exemplar) == pytest.approx(expected, rel=1e-5)


def test_boxes_never_exclude_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "_LEAF", 16)
    queries, points = (nearest._rows(features(24, 20, 20, seed)) for seed in (1, 2))
    leaves = nearest._Leaves(points)
    bounds = leaves._bounds(queries)
    for bound, members in zip(bounds, leaves.members, strict=True):
        true = torch.cdist(queries.double(), points[members].double()).amin(dim=1).square()
        assert (bound <= true + leaves.slack).all()
    assert torch.cat(leaves.members).sort().values.equal(torch.arange(len(points)))
    assert (bounds > 0).float().mean() > 0.5  # they do say something


@SEARCHES
def test_flat_and_far_features_do_not_cancel(search: Callable[[Tensor, Tensor], float]) -> None:
    """Differences of a thousandth at a distance of a thousand from the origin."""
    exemplar = 1000 + 0.001 * features(8, 12, 12, 0)
    output = 1000 + 0.001 * features(8, 11, 11, 1)
    assert search(output, exemplar) == pytest.approx(brute_force(output, exemplar), rel=1e-2)


@pytest.fixture(scope="module")
def vgg() -> VGG19:
    """Random weights: enough for properties, never for a number."""
    torch.manual_seed(0)
    return VGG19(taps=1).eval()


def images(n: int, height: int = 24, width: int = 24, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def nn_conv1(network: VGG19, output: Tensor, exemplar: Tensor) -> list[float]:
    """Of images (B, 3, H, W) in [0, 1]."""
    pairs = zip(taps_of(network, output), taps_of(network, exemplar), strict=True)
    return [nn_features(a[0], b[0]) for a, b in pairs]


def test_exemplar_as_output_is_exactly_zero(vgg: VGG19) -> None:
    x = images(2, 40, 40)
    assert nn_pixel(x, x).tolist() == [0, 0]
    assert nn_conv1(vgg, x, x) == [0, 0]


def test_positions_do_not_matter(vgg: VGG19) -> None:
    output, exemplar = images(1), images(1, seed=1)
    order = torch.randperm(24 * 24, generator=torch.Generator().manual_seed(2))

    def permuted(x: Tensor) -> Tensor:
        return x.flatten(-2)[..., order].view_as(x)

    expected = nn_pixel(output, exemplar)
    for a, b in ((permuted(output), exemplar), (output, permuted(exemplar))):
        torch.testing.assert_close(nn_pixel(a, b), expected, rtol=1e-12, atol=0)
    a, b = vgg(output)[0][0], vgg(exemplar)[0][0]
    assert nn_features(permuted(a), b) == pytest.approx(nn_features(a, b), rel=1e-6)
    assert nn_features(a, permuted(b)) == pytest.approx(nn_features(a, b), rel=1e-6)


def test_conv1_is_relu1_1_per_image_and_sizes_may_differ(vgg: VGG19) -> None:
    output, exemplar = images(2), images(2, 20, 31, seed=1)
    pairs = zip(vgg(output * 2 - 1)[0], vgg(exemplar * 2 - 1)[0], strict=True)
    expected = [brute_force(a, b) for a, b in pairs]
    assert nn_conv1(vgg, output, exemplar) == pytest.approx(expected, rel=1e-5)
    assert nn_pixel(output, exemplar).shape == (2,)


def test_some_locations_stand_for_all() -> None:
    output, exemplar = features(8, 48, 48, 0), features(8, 40, 40, 1)
    whole = nn_features(output, exemplar)
    assert nn_features(output, exemplar, 48 * 48) == nn_features(output, exemplar, 10**6) == whole
    part = nn_features(output, exemplar, 600)
    assert part != whole
    assert part == pytest.approx(whole, rel=0.15)
    assert part == nn_features(output, exemplar, 600)  # always the same locations
    assert nn_features(exemplar, exemplar, 100) == pytest.approx(0, abs=1e-9)
