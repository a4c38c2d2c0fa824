"""The identities of interpolation on a whole network, and the pure functions at their edges (supplement §1)."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.inference.look import Look, joined
from sceneswap.inference.mixing import (
    EXTRAPOLATION_LIMIT,
    bounded_shares,
    draw_mixed,
    mixed_aggregation,
    mixed_latent,
    mixed_score,
    mixed_transfer,
    mixed_values,
)
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.models import msca
from sceneswap.models.generator import Exemplar, Generator
from sceneswap.models.spade_vae import Latent
from tests.tiny import LITERAL, random_scene, tiny_synthesizer

CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}
SCENES = [random_scene(i, *size) for i, size in enumerate([(32, 32), (32, 64), (48, 32)], 1)]  # of different sizes


@pytest.fixture(scope="module", params=["msca", "gap", *LITERAL, "literal"])
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    """Ours, the ablation, and ours with each literal option of the preset `paper` and with all of them."""
    if request.param in ("msca", "gap"):
        return tiny_synthesizer(request.param)
    changes = LITERAL if request.param == "literal" else {request.param: LITERAL[request.param]}
    return tiny_synthesizer("msca", **changes)


@pytest.fixture(scope="module")
def looks(synthesizer: Synthesizer) -> list[Look]:
    return [synthesizer.encode(scene) for scene in SCENES]


class Moved:
    """F_x1 of a label map under looks, per scale."""

    def __init__(self, synthesizer: Synthesizer, looks: Sequence[Look]) -> None:
        network = synthesizer.release.network
        assert isinstance(network, Generator)
        self.network = network
        self.label_map = synthesizer.network_input(random_scene(9, 40, 24).label_map)
        exemplars = joined(looks, synthesizer.device)
        assert isinstance(exemplars, Exemplar)
        self.exemplars = exemplars
        with torch.inference_mode():
            self.target = network.target_encoder(self.label_map)

    def by(self, weights: Sequence[float] | Tensor, order: Sequence[int] = (0, 1, 2)) -> list[Tensor]:
        chosen, numbers = self.exemplars.select(torch.tensor(order)), torch.as_tensor(weights)
        with torch.inference_mode():
            per_scale = zip(self.network.layers, self.target, chosen.scales, strict=True)
            return [mixed_transfer(layer, c1, gathered, numbers) for layer, c1, gathered in per_scale]

    def alone(self, index: int) -> list[Tensor]:
        with torch.inference_mode():
            per_scale = zip(self.network.layers, self.target, self.one(index).scales, strict=True)
            return [layer(c1, gathered) for layer, c1, gathered in per_scale]

    def one(self, index: int) -> Exemplar:
        return self.exemplars.select(torch.tensor([index]))

    def drawn(self, weights: Sequence[float] | Tensor, order: Sequence[int] = (0, 1, 2)) -> Tensor:
        with torch.inference_mode():
            chosen = self.exemplars.select(torch.tensor(order))
            return draw_mixed(self.network, self.label_map, chosen, torch.as_tensor(weights))


@pytest.fixture
def moved(synthesizer: Synthesizer, looks: list[Look]) -> Moved:
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


def test_global_is_one_softmax_over_the_positions_of_all_exemplars(synthesizer: Synthesizer, moved: Moved) -> None:
    """The supplement's words: the logits α̃_j + log w_j joined along the positions, the scores averaged."""
    weights, network = (0.5, 0.2, 0.3), moved.network
    with torch.inference_mode():
        inputs = [synthesizer.exemplar_input(scene) for scene in SCENES]
        read = [network.exemplar_features(network.image_encoder(image), label_map) for image, label_map in inputs]
        for scale, (layer, mixed) in enumerate(zip(network.layers, moved.by(weights), strict=True)):
            c1, pairs = moved.target[scale], [(features[scale], labels[scale]) for features, labels in read]
            logits = [layer.spatial_logits(*p).flatten(2) + math.log(w) for w, p in zip(weights, pairs, strict=True)]
            alpha = msca.spatial_attention(torch.cat(logits, dim=2))
            values = msca.spatial_aggregation(torch.cat([f2.flatten(2) for f2, _ in pairs], dim=2), alpha)
            summaries = [(msca.global_average(c1), msca.global_average(c2)) for _, c2 in pairs]
            score = sum(w * layer.masking_score(*both) for w, both in zip(weights, summaries, strict=True))
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
    with torch.inference_mode():
        alone = [moved.network.draw(moved.label_map, moved.one(i)) for i in range(3)]
    assert torch.equal(moved.drawn([0.0, 1.0, 0.0]), alone[1])
    only = torch.zeros(3, 40, 24)
    only[2] = 1
    assert torch.equal(moved.drawn(only), alone[2])
    assert torch.equal(moved.drawn([0.4, 0.0, 0.6]), moved.drawn([0.4, 0.6], [0, 2]))


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
        areas = moved.exemplars.scales[0].mass[:2, 0].exp().tolist()
        assert areas == pytest.approx([1024, 24 * 44])
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
    largest = max(float(scale.values.abs().max()) for scale in moved.exemplars.scales)
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
    latents = Latent(torch.tensor([[float(i), 1.0] for i in range(3)]), torch.zeros(3, 2))
    mixed = mixed_latent(latents, torch.tensor([0.5, 0.25, 0.25]))
    torch.testing.assert_close(mixed.mean, torch.tensor([[0.75, 1.0]]))
    far = mixed_latent(latents.select(torch.tensor([0, 1])), torch.tensor([1e6, 1.0 - 1e6]))
    torch.testing.assert_close(far.mean, torch.tensor([[-EXTRAPOLATION_LIMIT, 1.0]]))
    with pytest.raises(UserError, match="no attention"):
        mixed_latent(latents, random_maps(3))


# --- The functions ----------------------------------------------------------------------------------------------------


def gathered(scale: float = 1.0, dtype: torch.dtype = torch.float32) -> msca.Gathered:
    generator = torch.Generator().manual_seed(1)
    values, mass = (torch.randn(2, *shape, generator=generator) for shape in ((4, 3), (3,)))
    return msca.Gathered(values.to(dtype), scale * mass, torch.zeros(2, 5))


def test_spatial_is_one_softmax_over_the_maps_of_all_exemplars() -> None:
    """The supplement's words: masked values and logits β̃ + log w_j joined along the maps."""
    values, logits, maps = gathered().values, torch.randn(1, 3, 10), torch.rand(1, 10)
    weights = torch.cat([maps, 1 - maps])
    attention = msca.channel_attention(torch.cat([logits + w.log() for w in weights], dim=1))
    expected = msca.channel_aggregation(torch.cat([values[:1], values[1:]], dim=2), attention)
    torch.testing.assert_close(mixed_aggregation(values, msca.channel_attention(logits), weights), expected, **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("weight", [1e-38, 1e-12, 0.5])
def test_no_weight_makes_infinities(dtype: torch.dtype, weight: float) -> None:
    exemplars = gathered(100, dtype)
    assert mixed_values(exemplars, torch.tensor([weight, 1 - weight])).isfinite().all()
    maps = torch.tensor([[0.0, 1.0, weight], [1.0, 0.0, 1 - weight]])
    attention = msca.channel_attention(torch.randn(1, 3, 3))
    assert mixed_aggregation(exemplars.values, attention, maps).isfinite().all()


def test_scores_stay_scores() -> None:
    high, low = torch.full((1, 2), 0.9), torch.full((1, 2), 0.1)
    both = torch.cat([high, low])
    torch.testing.assert_close(mixed_score(both, torch.tensor([0.25, 0.75])), torch.full((1, 2), 0.3))
    torch.testing.assert_close(mixed_score(both, torch.tensor([2.0, -1.0])), torch.ones(1, 2))
    torch.testing.assert_close(mixed_score(both.flip(0), torch.tensor([2.0, -1.0])), torch.zeros(1, 2))


def test_bounded_shares() -> None:
    weights = torch.tensor([[1.5, 0.3, 10.0, 1e-30], [-0.5, 0.7, -9.0, -1.0]])
    shares = bounded_shares(weights.abs().log(), weights < 0)
    limit = EXTRAPOLATION_LIMIT
    torch.testing.assert_close(
        shares, torch.tensor([[1.5, 0.3, 1 + limit, 1 + limit], [-0.5, 0.7, -limit, -limit]]), **CLOSE
    )
    zero = bounded_shares(torch.tensor([0.0, -math.inf, math.log(0.5)]), torch.tensor([False, False, True]))
    torch.testing.assert_close(zero, torch.tensor([2.0, 0.0, -1.0]), **CLOSE)
