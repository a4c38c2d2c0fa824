"""The identities of interpolation on a whole network, and the pure functions at their edges (supplement §1)."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from tiny import random_scene, tiny_synthesizer
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.inference.exemplar import EncodedExemplar
from sceneswap.inference.interpolation import (
    EXTRAPOLATION_LIMIT,
    Mixture,
    bounded_shares,
    extrapolated_transfer,
    extrapolated_values,
    joint_score,
    joint_transfer,
    joint_values,
    mix,
)
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.models import msca
from sceneswap.models.generator import Exemplar, Generator
from sceneswap.models.spade_vae import Latent

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module", params=["msca", "gap"])
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    return tiny_synthesizer(request.param)


@pytest.fixture(scope="module")
def looks(synthesizer: Synthesizer) -> list[EncodedExemplar]:
    """Three exemplars of different sizes."""
    sizes = [(32, 32), (32, 64), (48, 32)]
    return [synthesizer.encode(random_scene(i, *size)) for i, size in enumerate(sizes, 1)]


class Moved:
    """F_x1 of a label map under looks, per scale."""

    def __init__(self, synthesizer: Synthesizer, looks: Sequence[EncodedExemplar]) -> None:
        network = synthesizer.release.network
        assert isinstance(network, Generator)
        self.network = network
        self.label_map = random_scene(9, 40, 24).label_map
        self.exemplars = [look.encoded for look in looks if isinstance(look.encoded, Exemplar)]
        with torch.inference_mode():
            self.target = network.encode_target(synthesizer.network_input(self.label_map))

    def by(self, weights: Sequence[float] | Tensor, order: Sequence[int] = (0, 1, 2)) -> list[Tensor]:
        with torch.inference_mode():
            return list(self.network.transfer(self.target, mix([self.exemplars[i] for i in order], weights)))  # type: ignore[arg-type]

    def alone(self, index: int) -> list[Tensor]:
        with torch.inference_mode():
            return list(self.network.transfer(self.target, self.exemplars[index]))


@pytest.fixture
def moved(synthesizer: Synthesizer, looks: list[EncodedExemplar]) -> Moved:
    return Moved(synthesizer, looks)


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


def test_global_mixes_by_partition_sums(moved: Moved) -> None:
    weights = (0.5, 0.2, 0.3)
    layers: list[msca.MSCA | msca.GAP] = list(moved.network.attention)  # type: ignore[arg-type]
    for scale, (mixed, layer) in enumerate(zip(moved.by(weights), layers, strict=True)):
        c1 = moved.target[scale]
        with torch.inference_mode():
            mass = torch.stack(
                [w * e.logits[scale].exp().sum(dim=(2, 3)) for w, e in zip(weights, moved.exemplars, strict=True)]
            )
            shares = mass / mass.sum(dim=0)
            values = sum(
                share[:, None] * msca.spatial_aggregation(
                    e.features[scale].flatten(2), msca.spatial_attention(e.logits[scale].flatten(2))
                )
                for share, e in zip(shares, moved.exemplars, strict=True)
            )  # fmt: skip
            score = sum(
                w * layer.masking_score(msca.global_average(c1), e.summary[scale])
                for w, e in zip(weights, moved.exemplars, strict=True)
            )
            beta = msca.channel_attention(layer.channel_logits(c1).flatten(2))
            expected = msca.channel_aggregation(msca.feature_masking(values, score), beta)  # type: ignore[arg-type]
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
        areas = [e.features[0][0, 0].numel() for e in moved.exemplars[:2]]
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
    largest = max(float(e.features[i].abs().max()) for e in moved.exemplars for i in range(3))
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


def test_exemplars_of_different_models_are_refused(looks: list[EncodedExemplar]) -> None:
    other = looks[0].encoded
    assert isinstance(other, Exemplar)
    wider = Exemplar(tuple(f.repeat(1, 2, 1, 1) for f in other.features), other.logits, other.summary)
    with pytest.raises(UserError, match="different models"):
        mix([other, wider], [0.5, 0.5])


# --- The functions ----------------------------------------------------------------------------------------------------


def one_scale(dtype: torch.dtype = torch.float32) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(1)
    features = [torch.randn(1, 4, p, generator=generator).to(dtype) for p in (12, 20)]
    return features, [3 * torch.randn(1, 3, p, generator=generator) for p in (12, 20)]


def test_closed_forms_agree_with_the_joint_softmax() -> None:
    features, logits = one_scale()
    weights = [0.3, 0.7]
    torch.testing.assert_close(
        extrapolated_values(features, logits, weights), joint_values(features, logits, weights), **CLOSE
    )
    values = [torch.randn(1, 4, 3) for _ in weights]
    maps, channel_logits = torch.rand(1, 10), torch.randn(1, 3, 10)
    both = torch.cat([maps, 1 - maps])
    torch.testing.assert_close(
        extrapolated_transfer(values, channel_logits, both), joint_transfer(values, channel_logits, both), **CLOSE
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("weight", [1e-38, 1e-12, 0.5])
def test_no_weight_makes_infinities(dtype: torch.dtype, weight: float) -> None:
    features, logits = one_scale(dtype)
    logits = [100 * a for a in logits]
    values = joint_values(features, logits, [weight, 1 - weight])
    assert values.dtype == dtype
    assert values.isfinite().all()
    maps = torch.tensor([[0.0, 1.0, weight], [1.0, 0.0, 1 - weight]])
    assert joint_transfer([values, values], torch.randn(1, 3, 3), maps).isfinite().all()


def test_scores_stay_scores() -> None:
    high, low = torch.full((1, 2), 0.9), torch.full((1, 2), 0.1)
    torch.testing.assert_close(joint_score([high, low], [0.25, 0.75]), torch.full((1, 2), 0.3))
    torch.testing.assert_close(joint_score([high, low], [2.0, -1.0]), torch.ones(1, 2))
    torch.testing.assert_close(joint_score([low, high], [2.0, -1.0]), torch.zeros(1, 2))


def test_bounded_shares() -> None:
    weights = torch.tensor([[1.5, 0.3, 10.0, 1e-30], [-0.5, 0.7, -9.0, -1.0]])
    shares = bounded_shares(weights.abs().log(), weights < 0)
    limit = EXTRAPOLATION_LIMIT
    torch.testing.assert_close(
        shares, torch.tensor([[1.5, 0.3, 1 + limit, 1 + limit], [-0.5, 0.7, -limit, -limit]]), **CLOSE
    )
    zero = bounded_shares(torch.tensor([0.0, -math.inf, math.log(0.5)]), torch.tensor([False, False, True]))
    torch.testing.assert_close(zero, torch.tensor([2.0, 0.0, -1.0]), **CLOSE)


def test_a_mixture_is_made_of_what_has_weight(looks: list[EncodedExemplar]) -> None:
    encoded = [look.encoded for look in looks]
    mixed = mix(encoded, [0.5, 0.0, 0.5])
    assert isinstance(mixed, Mixture)
    assert mixed.exemplars == (encoded[0], encoded[2])
    assert mixed.weights == (0.5, 0.5)
    assert np.isclose(sum(mixed.weights), 1)
