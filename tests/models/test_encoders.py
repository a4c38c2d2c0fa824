"""Feature extractors against slow references."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sceneswap.models.encoders import CompactEncoder, LabelEncoder, LabelHead

CLASSES, EMBEDDING, CHANNELS = 7, 4, (3, 5, 6)


@pytest.fixture
def encoder() -> LabelEncoder:
    torch.manual_seed(0)
    return LabelEncoder(num_classes=CLASSES, embedding=EMBEDDING, channels=CHANNELS).double()


@pytest.fixture
def label_map() -> Tensor:
    return torch.randint(0, CLASSES + 1, (2, 16, 24), generator=torch.Generator().manual_seed(1))


def one_hot_reference(encoder: LabelEncoder, label_map: Tensor) -> list[Tensor]:
    """The definition: an average-pooled one-hot map (void as a class of its own), 1×1 convolution, coarse to fine."""
    one_hot = F.one_hot(label_map, CLASSES + 1).permute(0, 3, 1, 2).double()
    kernel = encoder.embedding.weight.T[:, :, None, None]
    coarser: Tensor | None = None
    features = []
    for scale in (2, 1, 0):
        own = F.conv2d(F.avg_pool2d(one_hot, 2**scale), kernel)
        if coarser is not None:
            own = torch.cat([own, coarser.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)], dim=1)
        coarser = F.leaky_relu(encoder.convolutions[scale](own), 0.2)
        features.append(coarser)
    return features[::-1]


def test_label_features_equal_the_one_hot_reference(encoder: LabelEncoder, label_map: Tensor) -> None:
    features = encoder(label_map)
    assert [tuple(f.shape) for f in features] == [(2, 3, 16, 24), (2, 5, 8, 12), (2, 6, 4, 6)]
    for feature, expected in zip(features, one_hot_reference(encoder, label_map), strict=True):
        torch.testing.assert_close(feature, expected)


def test_void_has_an_embedding_of_its_own(encoder: LabelEncoder) -> None:
    void = torch.full((1, 8, 8), CLASSES)
    before = encoder(void)[0]
    others = [encoder(torch.full((1, 8, 8), c))[0] for c in range(CLASSES)]
    assert all((before - other).abs().max() > 1e-3 for other in others)
    with torch.no_grad():
        encoder.embedding.weight[CLASSES] += 1
    assert (encoder(void)[0] - before).abs().max() > 1e-3
    for c, other in enumerate(others):
        assert torch.equal(encoder(torch.full((1, 8, 8), c))[0], other)


class LargestChannels(TorchDispatchMode):
    """Remembers the sizes of everything that any operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.numbers += [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        return result


def test_no_one_hot_tensor_is_ever_made() -> None:
    classes, size = 183, 64
    encoder = LabelEncoder(num_classes=classes, embedding=8, channels=(8, 8, 8, 8, 8))
    label_map = torch.randint(0, classes + 1, (1, size, size))
    with LargestChannels() as seen:
        sum(f.sum() for f in encoder(label_map)).backward()
    assert len(seen.numbers) > 30  # forward and backward were watched
    assert max(seen.numbers) < classes * size * size / 4


def test_compact_encoder_taps() -> None:
    torch.manual_seed(0)
    encoder = CompactEncoder((4, 6, 8))
    image = torch.rand(2, 3, 24, 40) * 2 - 1
    assert [tuple(t.shape) for t in encoder(image)] == [(2, 4, 24, 40), (2, 6, 12, 20), (2, 8, 6, 10)]


def test_compact_encoder_keeps_means_and_contrasts() -> None:
    torch.manual_seed(0)
    encoder = CompactEncoder((16, 32, 64))
    image = torch.rand(4, 3, 32, 32) * 2 - 1
    deviations = [float(t.detach().std()) for t in encoder(image)]
    assert all(0.2 < d < 2 for d in deviations)  # variance-preserving start
    for louder, quieter in zip(encoder(image), encoder(image / 2), strict=True):  # zero biases: homogeneous
        torch.testing.assert_close(louder, 2 * quieter)


def test_raw_color_is_the_pooled_picture() -> None:
    image = torch.rand(2, 3, 16, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.manual_seed(0)
    plain = CompactEncoder((4, 5, 6))
    torch.manual_seed(0)
    coloured = CompactEncoder((4, 5, 6), raw_color=True)
    assert coloured.channels == (7, 8, 9)
    for scale, (tap, learned) in enumerate(zip(coloured(image), plain(image), strict=True)):
        torch.testing.assert_close(tap[:, :-3], learned)
        torch.testing.assert_close(tap[:, -3:], F.adaptive_avg_pool2d(image, (16 // 2**scale, 32 // 2**scale)))


@pytest.mark.parametrize("taps", [(4, 5), (4, 5, 6), (4, 5, 6, 7, 8)])
def test_label_head_answers_at_a_quarter(taps: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    head = LabelHead(taps=taps, hidden=6, num_classes=CLASSES)
    logits = head(CompactEncoder(taps)(torch.rand(2, 3, 32, 64)))
    side = 2 ** min(2, len(taps) - 1)
    assert logits.shape == (2, CLASSES, 32 // side, 64 // side)


def test_label_head_sees_the_whole_picture_and_learns_with_every_weight() -> None:
    torch.manual_seed(0)
    encoder, head = CompactEncoder((4, 5, 6, 7, 8)), LabelHead(taps=(4, 5, 6, 7, 8), hidden=6, num_classes=CLASSES)
    image = torch.rand(1, 3, 256, 256, requires_grad=True)
    head(encoder(image))[0, :, 0, 0].sum().backward()
    assert image.grad is not None
    assert float(image.grad[0, :, -1, -1].abs().max()) > 0
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in head.parameters())
