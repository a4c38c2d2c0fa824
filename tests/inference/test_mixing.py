"""The identities of interpolation on a whole network, and the pure functions at their edges (supplement §1)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.inference.look import Look
from sceneswap.inference.mixing import (
    EXTRAPOLATION_LIMIT,
    Mixture,
    bounded_shares,
    mix,
    mixed_places,
    mixed_score,
    mixed_values,
)
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.models import msca
from sceneswap.models.generator import EncodedExemplar, ExemplarFeatures, Generator, gather
from sceneswap.models.spade_vae import Latent
from sceneswap.scene import Scene
from tests.tiny import random_scene, tiny_synthesizer

CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module", params=["msca", "gap"])
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    return tiny_synthesizer(request.param)


SCENES = [random_scene(i, *size) for i, size in enumerate([(32, 32), (32, 64), (48, 32)], 1)]


@pytest.fixture(scope="module")
def looks(synthesizer: Synthesizer) -> list[Look]:
    """Three exemplars of different sizes."""
    return [synthesizer.encode(scene) for scene in SCENES]


class Moved:
    """F_x1 of a label map under looks, per scale."""

    def __init__(self, synthesizer: Synthesizer, scenes: Sequence[Scene]) -> None:
        network = synthesizer.release.network
        assert isinstance(network, Generator)
        self.network = network
        self.label_map = random_scene(9, 40, 24).label_map
        self.features: list[ExemplarFeatures] = [synthesizer.exemplar_features(scene) for scene in scenes]
        with torch.inference_mode():
            self.exemplars = [gather(features) for features in self.features]
            self.target = network.encode_target(synthesizer.network_input(self.label_map))

    def by(self, weights: Sequence[float] | Tensor, order: Sequence[int] = (0, 1, 2)) -> list[Tensor]:
        with torch.inference_mode():
            return list(self.network.transfer(self.target, mix([self.exemplars[i] for i in order], weights)))  # type: ignore[arg-type]

    def alone(self, index: int) -> list[Tensor]:
        with torch.inference_mode():
            return list(self.network.transfer(self.target, self.exemplars[index]))


@pytest.fixture
def moved(synthesizer: Synthesizer) -> Moved:
    return Moved(synthesizer, SCENES)


def random_maps(count: int, size: tuple[int, int] = (40, 24)) -> Tensor:
    maps = torch.rand(count, *size, generator=torch.Generator().manual_seed(3))
    return maps / maps.sum(dim=0)


def same(first: Sequence[Tensor], second: Sequence[Tensor]) -> None:
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, **CLOSE)


@pytest.mark.parametrize("count", [2, 3])
def test_spatial_mixes_linearly_at_every_scale(moved: Moved, count: int) -> None:
    maps = random_maps(count)
    singles = [moved.alone(i) for i in range(count)]
    for scale, mixed in enumerate(moved.by(maps, range(count))):
        pooled = torch.nn.functional.avg_pool2d(maps, 2**scale)
        expected = sum(w * single[scale] for w, single in zip(pooled, singles, strict=True))
        torch.testing.assert_close(mixed, expected, **CLOSE)


def test_global_mixing_is_one_softmax_over_all_exemplars(moved: Moved) -> None:
    """The supplement's form: logits α̃ + log w joined along the positions, features likewise."""
    weights = (0.5, 0.2, 0.3)
    layers: list[msca.MSCA | msca.GAP] = list(moved.network.attention)  # type: ignore[arg-type]
    for scale, (mixed, layer) in enumerate(zip(moved.by(weights), layers, strict=True)):
        c1 = moved.target[scale]
        with torch.inference_mode():
            pairs = list(zip(weights, moved.features, strict=True))
            logits = torch.cat([e.logits[scale].flatten(2) + math.log(w) for w, e in pairs], dim=2)
            features = torch.cat([e.features[scale].flatten(2) for _, e in pairs], dim=2)
            values = msca.spatial_aggregation(features, msca.spatial_attention(logits))
            summary = msca.global_average(c1)
            score = torch.stack([w * layer.masking_score(summary, e.summary[scale]) for w, e in pairs]).sum(dim=0)
            expected = msca.transfer(layer, c1, values, score)
        torch.testing.assert_close(mixed, expected, **CLOSE)


def test_spatial_mixing_is_one_softmax_over_all_maps(moved: Moved) -> None:
    """The supplement's form: masked values and logits β̃ + log w(h, w) joined along the maps."""
    maps = random_maps(3)
    layers: list[msca.MSCA | msca.GAP] = list(moved.network.attention)  # type: ignore[arg-type]
    for scale, (mixed, layer) in enumerate(zip(moved.by(maps), layers, strict=True)):
        c1 = moved.target[scale]
        weights = torch.nn.functional.avg_pool2d(maps, 2**scale).flatten(1)
        with torch.inference_mode():
            summary = msca.global_average(c1)
            values = [
                msca.feature_masking(e.values[scale], layer.masking_score(summary, e.summary[scale]))
                for e in moved.exemplars
            ]
            logits = layer.channel_logits(c1).flatten(2)
            joined = torch.cat([logits + w.log() for w in weights], dim=1)
            expected = msca.channel_aggregation(torch.cat(values, dim=2), msca.channel_attention(joined))
        torch.testing.assert_close(mixed.flatten(2), expected, **CLOSE)


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.999])
def test_copies_of_one_exemplar_give_the_single_result(moved: Moved, weight: float) -> None:
    same(moved.by([weight, 1 - weight], [1, 1]), moved.alone(1))
    maps = torch.full((2, 40, 24), weight)
    maps[1] = 1 - weight
    same(moved.by(maps, [1, 1]), moved.alone(1))


def test_the_order_of_exemplars_does_not_matter(moved: Moved) -> None:
    weights, maps, order = [0.5, 0.2, 0.3], random_maps(3), [2, 0, 1]
    same(moved.by([weights[i] for i in order], order), moved.by(weights))
    same(moved.by(maps[order], order), moved.by(maps))


def test_zero_and_one_are_exact(moved: Moved) -> None:
    assert all(torch.equal(a, b) for a, b in zip(moved.by([0.0, 1.0, 0.0]), moved.alone(1), strict=True))
    only = torch.zeros(3, 40, 24)
    only[2] = 1
    assert all(torch.equal(a, b) for a, b in zip(moved.by(only), moved.alone(2), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(moved.by([0.4, 0.0, 0.6]), moved.by([0.4, 0.6], [0, 2]), strict=True))


def test_a_place_of_weight_zero_takes_nothing(moved: Moved) -> None:
    halves = torch.zeros(2, 40, 24)
    halves[0, :20], halves[1, 20:] = 1, 1
    first, second = moved.alone(0), moved.alone(1)
    for scale, mixed in enumerate(moved.by(halves, [0, 1])):
        at = 20 // 2**scale
        torch.testing.assert_close(mixed[:, :, :at], first[scale][:, :, :at], **CLOSE)
        torch.testing.assert_close(mixed[:, :, at:], second[scale][:, :, at:], **CLOSE)


def test_half_and_half_is_not_the_mean_globally(synthesizer: Synthesizer, moved: Moved) -> None:
    halves = [0.5 * (a + b) for a, b in zip(moved.alone(0), moved.alone(1), strict=True)]
    if synthesizer.release.model.kind == "gap":  # 32×32 and, at the same area, 24×44: weighed by their positions
        areas = [e.features[0][0, 0].numel() for e in moved.features[:2]]
        halves = [
            (areas[0] * a + areas[1] * b) / sum(areas) for a, b in zip(moved.alone(0), moved.alone(1), strict=True)
        ]
        same(moved.by([0.5, 0.5], [0, 1])[:1], halves[:1])
    else:
        assert max(float((a - b).abs().max()) for a, b in zip(moved.by([0.5, 0.5], [0, 1]), halves, strict=True)) > 1e-3


def test_extrapolated_spatial_mixing_is_linear_within_the_limit(moved: Moved) -> None:
    maps = torch.full((2, 40, 24), 1.75)
    maps[1] = -0.75
    same(moved.by(maps, [0, 1]), [1.75 * a - 0.75 * b for a, b in zip(moved.alone(0), moved.alone(1), strict=True)])


@pytest.mark.parametrize("beyond", [0.01, 0.5, 3.0, 1e6])
def test_extrapolation_is_finite_and_bounded(moved: Moved, beyond: float) -> None:
    largest = max(float(e.features[i].abs().max()) for e in moved.features for i in range(3))
    maps = torch.full((2, 40, 24), 1 + beyond)
    maps[1] = -beyond
    for mixed in [*moved.by([1 + beyond, -beyond], [0, 1]), *moved.by(maps, [0, 1])]:
        assert mixed.isfinite().all()
        assert mixed.abs().max() <= (1 + 2 * EXTRAPOLATION_LIMIT) * largest


def test_extrapolation_starts_where_interpolation_ends(moved: Moved) -> None:
    near = moved.by([1 + 1e-6, -1e-6], [0, 1])
    for a, b in zip(near, moved.alone(0), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_latents_are_averaged() -> None:
    looks = [Latent(torch.tensor([[float(i), 1.0]]), torch.zeros(1, 2)) for i in range(3)]
    mixed = mix(looks, [0.5, 0.25, 0.25])
    assert isinstance(mixed, Latent)
    torch.testing.assert_close(mixed.mean, torch.tensor([[0.75, 1.0]]))
    assert mix(looks, [0.0, 1.0, 0.0]) is looks[1]
    far = mix(looks, [1e6, 1.0 - 1e6, 0.0])
    assert isinstance(far, Latent)
    torch.testing.assert_close(far.mean, torch.tensor([[-EXTRAPOLATION_LIMIT, 1.0]]))
    with pytest.raises(UserError, match="no attention"):
        mix(looks, random_maps(3))


def test_exemplars_of_different_models_are_refused(looks: list[Look]) -> None:
    other = looks[0].encoded
    assert isinstance(other, EncodedExemplar)
    wider = EncodedExemplar(tuple(v.repeat(1, 2, 1) for v in other.values), other.mass, other.summary)
    with pytest.raises(UserError, match="different models"):
        mix([other, wider], [0.5, 0.5])


# --- The functions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("weight", [1e-38, 1e-12, 0.5])
def test_no_weight_makes_infinities(dtype: torch.dtype, weight: float) -> None:
    generator = torch.Generator().manual_seed(1)
    values = [torch.randn(1, 4, 3, generator=generator).to(dtype) for _ in range(2)]
    mass = [100 * torch.randn(1, 3, generator=generator) for _ in range(2)]
    mixed = mixed_values(values, mass, [weight, 1 - weight])
    assert mixed.dtype == dtype
    assert mixed.isfinite().all()
    maps = torch.tensor([[[0.0, 1.0, weight]], [[1.0, 0.0, 1 - weight]]])
    assert mixed_places([torch.randn(1, 4, 1, 3) for _ in range(2)], maps).isfinite().all()


def test_scores_stay_scores() -> None:
    high, low = torch.full((1, 2), 0.9), torch.full((1, 2), 0.1)
    torch.testing.assert_close(mixed_score([high, low], [0.25, 0.75]), torch.full((1, 2), 0.3))
    torch.testing.assert_close(mixed_score([high, low], [2.0, -1.0]), torch.ones(1, 2))
    torch.testing.assert_close(mixed_score([low, high], [2.0, -1.0]), torch.zeros(1, 2))


def test_bounded_shares() -> None:
    weights = torch.tensor([[1.5, 0.3, 10.0, 1e-30], [-0.5, 0.7, -9.0, -1.0]])
    shares = bounded_shares(weights.abs().log(), weights < 0)
    limit = EXTRAPOLATION_LIMIT
    torch.testing.assert_close(
        shares, torch.tensor([[1.5, 0.3, 1 + limit, 1 + limit], [-0.5, 0.7, -limit, -limit]]), **CLOSE
    )
    zero = bounded_shares(torch.tensor([0.0, -math.inf, math.log(0.5)]), torch.tensor([False, False, True]))
    torch.testing.assert_close(zero, torch.tensor([2.0, 0.0, -1.0]), **CLOSE)


def test_a_mixture_is_made_of_what_has_weight(looks: list[Look]) -> None:
    encoded = [look.encoded for look in looks]
    mixed = mix(encoded, [0.5, 0.0, 0.5])
    assert isinstance(mixed, Mixture)
    assert mixed.exemplars == (encoded[0], encoded[2])
    assert mixed.weights == (0.5, 0.5)
    assert np.isclose(sum(mixed.weights), 1)
