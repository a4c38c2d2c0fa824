"""The identities of masked spatial-channel attention and of its interpolation (supplement §1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from sceneswap.models import msca
from sceneswap.models.build import Network
from sceneswap.models.encoders import LabelEncoder
from sceneswap.models.generator import Generator
from sceneswap.models.msca import GAP, MSCA

N, M, K, P1 = 6, 5, 4, 35


def assert_close(actual: Tensor, expected: Tensor) -> None:
    """Equal but for the attention softmaxes, which run in float32."""
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


@dataclass(frozen=True)
class Encoded:
    """One exemplar at one scale: features (1, N, P2), logits α̃ (1, K, P2), masking score (1, K)."""

    features: Tensor
    logits: Tensor
    score: Tensor

    @property
    def values(self) -> Tensor:
        """V, (1, N, K)."""
        return msca.spatial_aggregation(self.features, msca.spatial_attention(self.logits))

    def transfer(self, channel_logits: Tensor) -> Tensor:
        """F_x1 (1, N, P1) of this exemplar alone."""
        masked = msca.feature_masking(self.values, self.score)
        return msca.channel_aggregation(masked, msca.channel_attention(channel_logits))


def encoded(seed: int, positions: int) -> Encoded:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return Encoded(normal(1, N, positions), 2 * normal(1, K, positions), normal(1, K).sigmoid())


@pytest.fixture
def channel_logits() -> Tensor:
    """β̃ of a target, (1, K, P1)."""
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.randn(1, K, P1, generator=generator, dtype=torch.float64)


@pytest.fixture
def exemplars() -> list[Encoded]:
    """Three exemplars of different sizes."""
    return [encoded(1, 24), encoded(2, 40), encoded(3, 15)]


def global_interpolation(exemplars: Sequence[Encoded], weights: Tensor, channel_logits: Tensor) -> Tensor:
    """Supplement §1: logits + log w joined along the positions, one softmax; scores interpolated; the rest unchanged."""
    logits = torch.cat([e.logits + w.log() for e, w in zip(exemplars, weights, strict=True)], dim=2)
    score = sum((w * e.score for e, w in zip(exemplars, weights, strict=True)), torch.zeros(()))
    return Encoded(torch.cat([e.features for e in exemplars], dim=2), logits, score).transfer(channel_logits)


def spatial_interpolation(exemplars: Sequence[Encoded], weights: Tensor, channel_logits: Tensor) -> Tensor:
    """Supplement §1: masked values and logits + log w(h, w) joined along K, one softmax. weights (exemplars, P1)."""
    values = torch.cat([msca.feature_masking(e.values, e.score) for e in exemplars], dim=2)
    logits = torch.cat([channel_logits + w.log() for w in weights], dim=1)
    return msca.channel_aggregation(values, msca.channel_attention(logits))


@pytest.mark.parametrize("count", [2, 3])
def test_spatial_interpolation_mixes_linearly(exemplars: list[Encoded], channel_logits: Tensor, count: int) -> None:
    weights = torch.rand(count, P1, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    weights /= weights.sum(dim=0)
    joined = spatial_interpolation(exemplars[:count], weights, channel_logits)
    singles = torch.stack([e.transfer(channel_logits)[0] for e in exemplars[:count]])
    assert_close(joined[0], (weights[:, None] * singles).sum(dim=0))


@pytest.mark.parametrize("count", [2, 3])
def test_global_interpolation_mixes_by_partition_sums(
    exemplars: list[Encoded], channel_logits: Tensor, count: int
) -> None:
    chosen = exemplars[:count]
    weights = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)[:count]
    weights = weights / weights.sum()
    mass = torch.stack([w * e.logits.exp().sum(dim=2)[0] for w, e in zip(weights, chosen, strict=True)])
    share = mass / mass.sum(dim=0)  # (exemplars, K)
    values = sum(s * e.values for s, e in zip(share, chosen, strict=True))
    score = sum(w * e.score for w, e in zip(weights, chosen, strict=True))
    expected = msca.channel_aggregation(values * score, msca.channel_attention(channel_logits))
    assert_close(global_interpolation(chosen, weights, channel_logits), expected)


def test_half_and_half_is_not_half_and_half_globally(exemplars: list[Encoded], channel_logits: Tensor) -> None:
    half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    joined = global_interpolation(exemplars[:2], half, channel_logits)
    halves = 0.5 * (exemplars[0].transfer(channel_logits) + exemplars[1].transfer(channel_logits))
    assert (joined - halves).abs().max() > 0.01


@pytest.mark.parametrize("interpolation", [global_interpolation, spatial_interpolation])
@pytest.mark.parametrize("weight", [0.1, 0.5, 0.999])
def test_two_copies_give_the_single_result(
    exemplars: list[Encoded], channel_logits: Tensor, interpolation: Callable[..., Tensor], weight: float
) -> None:
    weights = torch.tensor([weight, 1 - weight], dtype=torch.float64)
    if interpolation is spatial_interpolation:
        weights = weights[:, None].expand(2, P1)
    joined = interpolation([exemplars[0], exemplars[0]], weights, channel_logits)
    assert_close(joined, exemplars[0].transfer(channel_logits))


@pytest.mark.parametrize("interpolation", [global_interpolation, spatial_interpolation])
def test_weight_zero_removes_an_exemplar(
    exemplars: list[Encoded], channel_logits: Tensor, interpolation: Callable[..., Tensor]
) -> None:
    weights = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    if interpolation is spatial_interpolation:
        weights = weights[:, None].expand(3, P1)
    joined = interpolation(exemplars, weights, channel_logits)
    assert_close(joined, exemplars[1].transfer(channel_logits))
    spoiled = [Encoded(e.features * 1e6, e.logits, e.score) if e is not exemplars[1] else e for e in exemplars]
    torch.testing.assert_close(interpolation(spoiled, weights, channel_logits), joined, rtol=0, atol=0)


@pytest.mark.parametrize("interpolation", [global_interpolation, spatial_interpolation])
def test_the_order_of_exemplars_does_not_matter(
    exemplars: list[Encoded], channel_logits: Tensor, interpolation: Callable[..., Tensor]
) -> None:
    weights = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    shaped = weights[:, None].expand(3, P1) if interpolation is spatial_interpolation else weights
    order = [2, 0, 1]
    straight = interpolation(exemplars, shaped, channel_logits)
    assert_close(interpolation([exemplars[i] for i in order], shaped[order], channel_logits), straight)


def test_permuting_exemplar_positions_keeps_the_values(exemplars: list[Encoded]) -> None:
    one = exemplars[0]
    order = torch.randperm(one.features.shape[2], generator=torch.Generator().manual_seed(5))
    shuffled = Encoded(one.features[..., order], one.logits[..., order], one.score)
    assert_close(shuffled.values, one.values)


def test_effective_affinity_reproduces_the_transfer(exemplars: list[Encoded], channel_logits: Tensor) -> None:
    one = exemplars[0]
    alpha, beta = msca.spatial_attention(one.logits).double(), msca.channel_attention(channel_logits).double()
    affinity = msca.effective_affinity(beta, one.score, alpha)
    assert affinity.shape == (1, P1, one.features.shape[2])
    assert torch.linalg.matrix_rank(affinity[0]) <= K
    assert_close(one.features @ affinity.mT, one.transfer(channel_logits))


def test_label_mass_is_kept_without_the_mask_and_lost_with_it(exemplars: list[Encoded], channel_logits: Tensor) -> None:
    one, classes = exemplars[1], 7
    labels = torch.randint(0, classes, (one.features.shape[2],), generator=torch.Generator().manual_seed(6))
    one_hot = torch.nn.functional.one_hot(labels, classes).double().T[None]  # (1, C, P2)
    pushed = Encoded(one_hot, one.logits, torch.ones_like(one.score)).transfer(channel_logits)
    assert_close(pushed.sum(dim=1), torch.ones(1, P1, dtype=torch.float64))
    assert (Encoded(one_hot, one.logits, one.score).transfer(channel_logits).sum(dim=1) < 1).all()


def test_gap_is_one_map_of_constant_attention(exemplars: list[Encoded]) -> None:
    features = exemplars[0].features.float()
    labels = torch.randn(1, M, 5, 7)
    gap = GAP()
    logits = gap.spatial_logits(features.unflatten(2, (4, 6)), torch.randn(1, M, 4, 6))
    alpha = msca.spatial_attention(logits.flatten(2))
    assert alpha.shape == (1, 1, 24)
    assert (alpha == alpha[..., :1]).all()
    moved = gap(labels, gap.gather(features.unflatten(2, (4, 6)), torch.randn(1, M, 4, 6)))
    assert_close(moved, features.mean(dim=2)[..., None, None].expand(1, N, 5, 7))


# --- On real modules and networks -------------------------------------------------------------------------------------


def test_transfer_is_the_row_of_functions() -> None:
    torch.manual_seed(7)
    attention = MSCA(features=N, target_labels=M, exemplar_labels=M + 1, maps=K, logit_scale=3.0)
    features, c2, c1 = torch.randn(2, N, 4, 6), torch.randn(2, M + 1, 4, 6), torch.randn(2, M, 5, 7)
    gathered = attention.gather(features, c2)
    moved = attention(c1, gathered)

    def unit(x: Tensor) -> Tensor:
        return x / (x.square().mean(dim=1, keepdim=True) + 1e-6).sqrt()

    for b in range(2):  # written out, one picture and one map at a time
        psi, phi = attention.psi, attention.phi
        assert psi.bias is not None
        assert phi.bias is not None
        alpha = psi.weight[:, :, 0, 0] @ torch.cat([unit(features), unit(c2)], dim=1)[b].flatten(1) + psi.bias[:, None]
        beta = phi.weight[:, :, 0, 0] @ unit(c1)[b].flatten(1) + phi.bias[:, None]
        score = attention.mask(torch.cat([c1.mean(dim=(2, 3)), c2.mean(dim=(2, 3))], dim=1))[b].sigmoid()
        expected = torch.zeros(N, 35)
        for k in range(K):
            value = features[b].flatten(1) @ (attention.psi_scale * alpha[k]).softmax(dim=0)
            mass = (attention.psi_scale * alpha[k]).exp().sum()
            torch.testing.assert_close(gathered.mass[b, k], mass.log(), rtol=1e-4, atol=1e-5)
            expected += torch.outer(score[k] * value, (attention.phi_scale * beta).softmax(dim=0)[k])
        torch.testing.assert_close(moved[b].flatten(1), expected, rtol=1e-4, atol=1e-5)


def test_map_k_starts_with_the_same_labels_in_both_scenes() -> None:
    attention = MSCA(features=N, target_labels=M, exemplar_labels=M, maps=K, logit_scale=3.0)
    assert torch.equal(attention.psi.weight[:, N:], attention.phi.weight)


def test_attention_runs_in_float32_under_mixed_precision() -> None:
    attention = MSCA(features=N, target_labels=M, exemplar_labels=M, maps=K, logit_scale=3.0)
    features, labels = torch.randn(1, N, 4, 4).bfloat16(), torch.randn(1, M, 4, 4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        logits = [attention.spatial_logits(features, labels), attention.channel_logits(labels)]
        summary = msca.global_average(labels)
        tensors = [*logits, attention.masking_score(summary, summary), msca.spatial_attention(logits[0].flatten(2))]
    assert [t.dtype for t in tensors] == [torch.float32] * 4


def parts(network: Network) -> tuple[Generator, LabelEncoder]:
    assert isinstance(network, Generator)
    return network, network.target_encoder


@pytest.mark.parametrize("kind", ["msca", "gap"])
def test_generator_moves_features_by_its_affinity(
    build: Callable[[str], Network], scenes: Callable[..., tuple[Tensor, Tensor]], kind: str
) -> None:
    generator, encoder = parts(build(kind))
    image, c2 = scenes(1, 32, 48, seed=2)
    _, c1 = scenes(1, 40, 32, seed=3)
    with torch.no_grad():
        (features, labels), targets = generator.exemplar_features(generator.image_encoder(image), c2), encoder(c1)
        conditions = generator.conditions(c1, generator.encode_exemplar(image, c2))
        for layer, f2, l2, l1, joined in zip(generator.layers, features, labels, targets, conditions, strict=True):
            affinity = msca.effective_affinity(
                msca.channel_attention(layer.channel_logits(l1).flatten(2)),
                layer.masking_score(msca.global_average(l1), msca.global_average(l2)),
                msca.spatial_attention(layer.spatial_logits(f2, l2).flatten(2)),
            )
            moved = joined[:, : f2.shape[1]]
            torch.testing.assert_close(moved.flatten(2), f2.flatten(2) @ affinity.mT, rtol=1e-4, atol=1e-5)
            assert torch.equal(joined[:, f2.shape[1] :], l1)
            if kind == "gap":
                mean = f2.mean(dim=(2, 3), keepdim=True)
                torch.testing.assert_close(moved, mean.expand_as(moved), rtol=1e-4, atol=1e-5)


def test_what_is_gathered_does_not_depend_on_the_order_of_positions() -> None:
    torch.manual_seed(7)
    attention = MSCA(features=N, target_labels=M, exemplar_labels=M, maps=K, logit_scale=3.0)
    features, labels, order = torch.randn(1, N, 4, 6), torch.randn(1, M, 4, 6), torch.randperm(24)
    shuffled = [t.flatten(2)[..., order].view_as(t) for t in (features, labels)]
    for one, other in zip(attention.gather(features, labels), attention.gather(*shuffled), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["msca", "gap"])
def test_an_encoded_exemplar_is_as_small_whatever_its_size(
    build: Callable[[str], Network], scenes: Callable[..., tuple[Tensor, Tensor]], kind: str
) -> None:
    generator, _ = parts(build(kind))
    small, large = (generator.encode_exemplar(*scenes(1, side, side)).tensors() for side in (32, 128))
    assert {name: t.shape for name, t in small.items()} == {name: t.shape for name, t in large.items()}
    assert sum(t.numel() for t in large.values()) < 128 * 128 / 4
