"""What the generator is judged by in a step: drawings compared with photographs, in groups of entries, as named terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sceneswap import losses
from sceneswap.config import LossConfig
from sceneswap.data.loader import Batch
from sceneswap.models.build import Network
from sceneswap.models.encoders import VGGEncoder
from sceneswap.models.generator import Drawing
from sceneswap.models.pretrained.vgg import TYPICAL_SIZE, VGG19

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossNetworks:
    """The frozen networks that losses need; None where nothing reads them.

    vgg: reads `layers` off photographs and drawings, for perceptual and style terms and the discriminator's heads; where
    the generator's encoder is a VGG-19 it is that very one. lpips: maps two images to a distance. reader: the averaged
    generator, whose label head reads the drawings. void: the index C of void.
    """

    vgg: VGG19 | None = None
    layers: tuple[str, ...] = ()
    lpips: Distance | None = None
    reader: Network | None = None
    void: int = 0

    def see(self, image: Tensor) -> dict[str, Tensor]:
        """VGG-19's activations of `image` by name, all in one pass."""
        return self.vgg.activations(image, self.layers) if self.vgg is not None else {}

    def read_labels(self, image: Tensor, seen: Mapping[str, Tensor]) -> Tensor:
        """The label head's reading of a drawing, from the activations `seen` where these are its encoder's."""
        assert self.reader is not None
        assert self.reader.label_head is not None
        encoder = self.reader.image_encoder
        if isinstance(encoder, VGGEncoder) and encoder.vgg is self.vgg:
            return self.reader.label_head(encoder.taps(image, seen, self.reader.label_head.finest))
        return self.reader.estimate_labels(image)


@dataclass(frozen=True)
class Views:
    """What the terms of the generator compare: the drawing, its view at the step's offset, and what networks make of it.

    seen, wanted: VGG-19's activations of the view and of the photographs; label_maps: of these too. They may go on after the
    entries with exemplars of other processes. fake, real: the discriminator's answers to view and photographs.
    """

    batch: Batch
    drawn: Tensor
    view: Tensor
    label_map: Tensor
    seen: Mapping[str, Tensor]
    wanted: Mapping[str, Tensor]
    label_maps: Tensor
    fake: losses.Judgement
    real: losses.Judgement

    def part(self, which: slice) -> "Views":
        """The entries `which`: all of them, or some of a batch in which every entry has a true picture."""
        if which == slice(None):
            return self
        batch = replace(
            self.batch, image=self.batch.image[which], label_map=self.batch.label_map[which],
            known=len(self.batch.image[which]),
        )  # fmt: skip
        return Views(
            batch, self.drawn[which], self.view[which], self.label_map[which],
            {name: a[which] for name, a in self.seen.items()}, {name: a[which] for name, a in self.wanted.items()},
            self.label_maps[which],
            part_of(self.fake, which), part_of(self.real, which),
        )  # fmt: skip


def groups_of(batch: Batch, weights: LossConfig) -> list[tuple[slice, float]]:
    """Which entries are averaged together, with what share: all alike, or cross- apart from self-reconstruction."""
    if not batch.own or weights.self_weight == 0.5:
        return [(slice(None), 1.0)]
    cross, total = len(batch.image) - batch.own, 1 + weights.self_weight
    return [(slice(cross), 1 / total), (slice(cross, None), weights.self_weight / total)]


def averaged(groups: list[tuple[slice, float]], terms_of: Callable[[slice], losses.Terms]) -> losses.Terms:
    """The terms of every group of entries, summed by their shares."""
    parts = [(share, terms_of(part)) for part, share in groups]
    if len(parts) == 1:
        return parts[0][1]
    return {name: torch.stack([share * terms[name] for share, terms in parts]).sum() for name in parts[0][1]}


_LOOK_TERMS = {"style": losses.style, "energy": losses.energy}


def drawing_terms(views: Views, networks: LossNetworks, weights: LossConfig) -> losses.Terms:
    """The terms that judge drawings, those with a weight above 0."""
    batch, known = views.batch, views.batch.known  # entries that have a true picture come first
    terms: losses.Terms = {}
    if weights.adversarial:
        terms["adversarial"] = losses.generator_hinge(views.fake)
    if weights.feature_matching:
        real, fake = (part_of(answer, slice(known)) for answer in (views.real, views.fake))
        terms["feature_matching"] = losses.feature_matching(real, fake, summed=weights.spade_sums)
    if weights.pixel:
        terms["pixel"] = losses.pixel(views.drawn[:known], batch.image[:known])
    if weights.perceptual:
        layers = weights.perceptual_layers
        unit = [1 / TYPICAL_SIZE[n] if weights.perceptual_unit else 1.0 for n in layers]
        shares = [w * u for w, u in zip(weights.perceptual_weights, unit, strict=True)]
        seen, wanted = ([activations[n] for n in layers] for activations in (views.seen, views.wanted))
        terms["perceptual"] = losses.perceptual(seen, wanted, shares, known)
    if weights.style or weights.energy:
        terms |= _look_terms(views, networks.void, weights)
    if networks.lpips is not None:
        terms["lpips"] = networks.lpips(views.drawn[:known], batch.image[:known]).mean()
    if weights.layout:
        reading = networks.read_labels(views.view, views.seen)
        terms["layout"] = losses.label_cross_entropy(reading, views.label_map)
    return terms


def _look_terms(views: Views, void: int, weights: LossConfig) -> losses.Terms:
    """Style and energy: of whole pictures, and in swaps by `look_by_class` of the classes that both scenes have.

    The statistics of a whole picture ask the water for the cars of its exemplar; those of a class ask water for water.
    """
    batch, known = views.batch, views.batch.known
    own = torch.arange(known, device=batch.exemplar.device)
    model = torch.cat([own, batch.exemplar[known:]])  # a swap has its exemplar's style
    seen, wanted = ([activations[n] for n in weights.style_layers] for activations in (views.seen, views.wanted))
    shares = torch.full((len(model),), 1 / len(model), device=model.device)
    shares[known:] *= 1 - weights.look_by_class
    terms = [([losses.gram(s) for s in seen], [losses.gram(w)[model] for w in wanted], shares)]
    shared = _shared_classes(views.label_maps, model, known, void) if weights.look_by_class else []
    if shared:
        here, there = ([(int(at[entry]), label) for entry, label, _ in shared] for at in (range(len(model)), model))
        shares = torch.tensor([share for *_, share in shared], device=model.device) / len(model)
        drawn = [losses.region_grams(s, _places(views.label_map, s, here)) for s in seen]
        true = [losses.region_grams(w, _places(views.label_maps, w, there)) for w in wanted]
        terms.append((drawn, true, weights.look_by_class * shares))
    return {n: torch.stack([of(*t) for t in terms]).sum() for n, of in _LOOK_TERMS.items() if getattr(weights, n)}


_SMALLEST_SHARE = 0.02
"""Of a picture: what a class must fill of both scenes before its texture says anything."""


def _shared_classes(label_map: Tensor, model: Tensor, known: int, void: int) -> list[tuple[int, int, float]]:
    """Of every swap (entries from `known` on) and class that it shares with its exemplar: (entry, class, smaller share)."""
    counts = torch.stack([one.flatten().bincount(minlength=void + 1)[:void] for one in label_map])
    both = torch.minimum(counts[: len(model)], counts[model]) / label_map[0].numel()
    found = (both >= _SMALLEST_SHARE).nonzero().tolist()
    return [(entry, label, float(both[entry, label])) for entry, label in found if entry >= known]


def _places(label_map: Tensor, features: Tensor, wanted: list[tuple[int, int]]) -> list[tuple[int, Tensor]]:
    """Where in features (B, C, h, w) a class of an entry lies, indices into h · w; every place where it falls between them."""
    step = label_map.shape[1] // features.shape[2]
    small = label_map[:, step // 2 :: step, step // 2 :: step].flatten(1)
    found = [(entry, (small[entry] == label).nonzero()[:, 0]) for entry, label in wanted]
    every = torch.arange(small.shape[1], device=small.device)
    return [(entry, places if len(places) else every) for entry, places in found]


def exemplar_terms(drawing: Drawing, label_map: Tensor, weights: LossConfig) -> losses.Terms:
    """The terms that judge how exemplars are read: the label head's, and a posterior's distance from the prior."""
    terms: losses.Terms = {}
    if weights.labels and drawing.labels is not None:
        terms["labels"] = losses.label_cross_entropy(drawing.labels[: len(label_map)], label_map)
    if drawing.posterior is not None and weights.kl:
        terms["kl"] = losses.kl_divergence(drawing.posterior, summed=weights.spade_sums)
    return terms


def part_of(judgement: losses.Judgement, which: slice) -> losses.Judgement:
    """The entries `which` of a discriminator's answer."""
    return [[activation[which] for activation in scale] for scale in judgement]
