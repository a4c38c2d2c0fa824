"""The look terms of a swap: of whole pictures, and class by class."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sceneswap import losses
from sceneswap.config import LossConfig
from sceneswap.data.loader import Batch
from sceneswap.training.terms import LossNetworks, Views, drawing_terms

SKY, GRASS, VOID = 0, 1, 2
WEIGHTS = LossConfig(
    adversarial=0.0, feature_matching=0.0, perceptual=0.0, style=1.0, energy=1.0, style_layers=("relu2_1",)
)


def activations(label_map: Tensor, *, loudness: dict[int, float]) -> Tensor:
    """Features (1, 2, 8, 8) at half the size of a label map (1, 16, 16): every class a texture of its own."""
    small = label_map[:, 1::2, 1::2]
    result = torch.zeros(1, 2, 8, 8)
    for label, loud in loudness.items():
        result += loud * (small == label)[:, None] * torch.tensor([1.0, 0.5 if label == SKY else 2.0]).view(1, 2, 1, 1)
    return result


def halves(*, sky: int) -> Tensor:
    """A label map (1, 16, 16): `sky` rows of sky above grass."""
    label_map = torch.full((1, 16, 16), GRASS)
    label_map[:, :sky] = SKY
    return label_map


def look_terms(drawn_map: Tensor, drawn: Tensor, model_map: Tensor, model: Tensor, weights: LossConfig) -> losses.Terms:
    """Terms of a batch of two: the exemplar as it is, and a swap that is drawn after it."""
    label_map = torch.cat([model_map, drawn_map])
    image = torch.zeros(2, 3, 16, 16)
    batch = Batch(image=image, label_map=label_map, exemplar=torch.tensor([0, 0]), names=("a", "b"), known=1)
    seen, wanted = {"relu2_1": torch.cat([model, drawn])}, {"relu2_1": torch.cat([model, torch.zeros_like(model)])}
    views = Views(batch, image, image, label_map, seen, wanted, label_map, [], [])
    return drawing_terms(views, LossNetworks(void=VOID), weights)


def test_classes_may_fill_another_share_of_the_picture() -> None:
    """The exemplar's very textures in another layout: wrong as a whole, right class by class."""
    loudness = {SKY: 1.0, GRASS: 3.0}
    here, there = halves(sky=12), halves(sky=4)
    given = here, activations(here, loudness=loudness), there, activations(there, loudness=loudness)
    whole = look_terms(*given, WEIGHTS)
    assert float(whole["style"]) > 0.01
    assert float(whole["energy"]) > 0.1
    by_class = look_terms(*given, replace(WEIGHTS, look_by_class=1.0))
    assert [float(term) for term in by_class.values()] == pytest.approx([0, 0], abs=1e-6)
    mixed = look_terms(*given, replace(WEIGHTS, look_by_class=0.25))
    assert float(mixed["style"]) == pytest.approx(0.75 * float(whole["style"]))


def test_a_class_weighs_by_its_smaller_share_and_what_is_not_shared_weighs_nothing() -> None:
    here, there = halves(sky=4), halves(sky=12)
    louder = activations(here, loudness={SKY: 2**0.5, GRASS: 3.0})  # twice the Gram matrix: a style term of 1 / (1 + 4)
    model = activations(there, loudness={SKY: 1.0, GRASS: 3.0})
    weights = replace(WEIGHTS, look_by_class=1.0)
    assert float(look_terms(here, louder, there, model, weights)["style"]) == pytest.approx(
        0.2 * 0.25 / 2
    )  # of 2 entries
    hidden = torch.where(there == SKY, VOID, there)  # void is no class, whatever fills it
    assert float(look_terms(here, louder, hidden, model, weights)["style"]) == pytest.approx(0)


def test_an_entry_that_has_its_own_picture_is_compared_as_a_whole() -> None:
    here = halves(sky=8)
    drawn = activations(here, loudness={SKY: 1.0, GRASS: 3.0})
    batch = Batch(image=torch.zeros(1, 3, 16, 16), label_map=here, exemplar=torch.tensor([0]), names=("a",), known=1)
    seen, wanted = {"relu2_1": 2**0.5 * drawn}, {"relu2_1": drawn}
    views = Views(batch, batch.image, batch.image, here, seen, wanted, here, [], [])
    for share in (0.0, 1.0):
        terms = drawing_terms(views, LossNetworks(void=VOID), replace(WEIGHTS, look_by_class=share))
        assert float(terms["style"]) == pytest.approx(0.2)


def test_gram_matrices_of_regions_and_their_gradient_are_those_of_the_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    regions = [(0, torch.tensor([1, 7, 3])), (1, torch.arange(20)), (0, torch.tensor([0]))]
    ours = losses.region_grams(features, regions)
    picked = [features.flatten(2)[entry][:, places] for entry, places in regions]
    theirs = torch.stack([(p @ p.T / p.shape[1]).float() for p in picked])
    torch.testing.assert_close(ours, theirs)
    weight = torch.randn(3, 3, 3, generator=generator)
    (a,), (b,) = (torch.autograd.grad((weight * grams).sum(), features) for grams in (ours, theirs))
    torch.testing.assert_close(a, b)
