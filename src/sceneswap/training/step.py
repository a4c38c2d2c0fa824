"""One optimiser step of each objective, on one page. Start reading at `image_step`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sceneswap import losses
from sceneswap.config import LossConfig
from sceneswap.data.loader import Batch
from sceneswap.errors import UserError
from sceneswap.models.build import Network
from sceneswap.models.discriminator import Discriminator
from sceneswap.models.encoders import VGGEncoder
from sceneswap.models.feature_decoder import FeatureDecoder
from sceneswap.models.generator import Drawing, Generator
from sceneswap.models.pretrained.vgg import VGG19, scaled

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossNetworks:
    """The frozen networks that losses need; None where nothing reads them.

    vgg: reads `layers` off photographs and drawings, for perceptual and style terms and the discriminator's heads; where
    the generator's encoder is a VGG-19 it is that very one. lpips: maps two images to a distance. reader: the averaged
    generator, whose label head reads the drawings.
    """

    vgg: VGG19 | None = None
    layers: tuple[str, ...] = ()
    lpips: Distance | None = None
    reader: Network | None = None

    def see(self, image: Tensor) -> dict[str, Tensor]:
        """VGG-19's activations of `image` by name, all in one pass."""
        return self.vgg.activations(image, self.layers) if self.vgg is not None else {}

    def read_labels(self, image: Tensor, seen: Mapping[str, Tensor]) -> Tensor:
        """The label head's reading of a drawing, from the activations `seen` where these are its encoder's."""
        assert self.reader is not None
        assert self.reader.label_head is not None
        encoder = self.reader.image_encoder
        if isinstance(encoder, VGGEncoder) and encoder.vgg is self.vgg:
            return self.reader.label_head(encoder.taps(image, seen))
        return self.reader.estimate_labels(image)


class FeaturePredictor(nn.Module):
    """Generator and auxiliary decoder as one module, so that data-parallel training sees one forward."""

    def __init__(self, generator: Generator, decoder: FeatureDecoder) -> None:
        super().__init__()
        self.generator = generator
        self.decoder = decoder

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        """Predict the features of every entry from its exemplar's: (B, T(i), h, w), finest first."""
        drawing = self.generator(batch.label_map, batch.image, batch.label_map, batch.exemplar, features_only=True)
        return self.decoder(drawing.conditions)


class LabelReader(nn.Module):
    """Image encoder and label head of a generator as one module, for the same reason."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        assert network.label_head is not None
        self.image_encoder = network.image_encoder
        self.label_head = network.label_head

    def forward(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) in [-1, 1] → logits (B, C, H / 4, W / 4)."""
        return self.label_head(self.image_encoder(image))


def label_step(
    accelerator: Accelerator, reader: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch
) -> dict[str, float]:
    """Image encoder and label head learn to read label maps off photographs."""
    with accelerator.autocast():
        logits = reader(batch.image)
    loss = losses.label_cross_entropy(logits, batch.label_map)
    _stop_if_not_finite(accelerator, loss, {"labels": loss}, batch)
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    return {"labels": float(loss.detach())}


def feature_step(
    accelerator: Accelerator,
    predictor: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    targets_of: Callable[[Tensor], tuple[Tensor, ...]],
    weights: Sequence[float] = (),
) -> dict[str, float]:
    """Pretraining (supplement §8): predict the features of x1 at every scale from concat[F_x1, F_c1].

    weights: of the scales, see `losses.feature_reconstruction`.
    """
    with accelerator.autocast():
        with torch.no_grad():
            targets = targets_of(batch.image)
        predictions = predictor(batch)
    loss = losses.feature_reconstruction(predictions, targets, weights)
    _stop_if_not_finite(accelerator, loss, {"features": loss}, batch)
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    return {"features": float(loss.detach())}


def image_step(
    accelerator: Accelerator,
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer_g: torch.optim.Optimizer,
    optimizer_d: torch.optim.Optimizer,
    batch: Batch,
    networks: LossNetworks,
    weights: LossConfig,
    view_shift: int = 0,
) -> dict[str, float]:
    """Cross-reconstruction (self-reconstruction of whole images, swaps between scenes): one G and one D step."""
    # --- Draw every entry in the look of its exemplar; frozen networks see photographs and drawings at one offset ------
    offset = _offset(view_shift)
    photograph, label_map = shifted(batch.image, offset), shifted(batch.label_map, offset)
    encoder = accelerator.unwrap_model(generator).image_encoder
    with accelerator.autocast():
        with torch.no_grad():
            wanted = networks.see(photograph)
            shared = isinstance(encoder, VGGEncoder) and encoder.vgg is networks.vgg
            taps = encoder.taps(photograph, wanted) if shared else None
        drawing: Drawing = generator(batch.label_map, photograph, label_map, batch.exemplar, taps=taps)
    assert drawing.image is not None
    drawn = drawing.image.float()

    # --- Generator: the discriminator's own weights are left alone -----------------------------------------------------
    critic: Discriminator = accelerator.unwrap_model(discriminator)
    critic.requires_grad_(False)
    with accelerator.autocast():
        view = shifted(drawn, offset)
        seen = networks.see(view)
        fake = critic(label_map, view, seen)
        with torch.no_grad():
            real = critic(label_map, photograph, wanted) if weights.feature_matching else []
        views = _Views(batch, drawn, view, label_map, seen, wanted, fake, real)
        groups = _groups(batch, weights)
        terms = _average(groups, lambda part: _drawing_terms(views.part(part), networks, weights))
        terms |= _exemplar_terms(drawing, label_map, weights)
    loss_g = losses.weigh(terms, weights)
    _stop_if_not_finite(accelerator, loss_g, terms, batch)
    accelerator.backward(loss_g)
    optimizer_g.step()
    optimizer_g.zero_grad()
    critic.requires_grad_(True)

    # --- Discriminator: real and drawn joined in one pass (two forwards before a backward break data-parallel) ---------
    with accelerator.autocast():
        both = {name: torch.cat([wanted[name], seen[name].detach()]) for name in critic.layers}
        joined = discriminator(torch.cat([label_map, label_map]), torch.cat([photograph, view.detach()]), both)
    half = batch.image.shape[0]
    judged = _part(joined, slice(half)), _part(joined, slice(half, None))
    terms_d = _average(groups, lambda part: losses.discriminator_hinge(*(_part(one, part) for one in judged)))
    loss_d = terms_d["real"] + terms_d["fake"]
    _stop_if_not_finite(accelerator, loss_d, terms_d, batch)
    accelerator.backward(loss_d)
    optimizer_d.step()
    optimizer_d.zero_grad()

    return {name: float(value.detach()) for name, value in (terms | terms_d).items()}


@dataclass(frozen=True)
class _Views:
    """What the terms of the generator compare: the drawing, its view at the step's offset, and what networks make of it.

    seen, wanted: VGG-19's activations of the view and the photographs. fake, real: the discriminator's answers to them."""

    batch: Batch
    drawn: Tensor
    view: Tensor
    label_map: Tensor
    seen: Mapping[str, Tensor]
    wanted: Mapping[str, Tensor]
    fake: losses.Judgement
    real: losses.Judgement

    def part(self, which: slice) -> "_Views":
        """The entries `which`: all of them, or some of a batch in which every entry has a true picture."""
        if which == slice(None):
            return self
        batch = replace(
            self.batch, image=self.batch.image[which], label_map=self.batch.label_map[which],
            known=len(self.batch.image[which]),
        )  # fmt: skip
        return _Views(
            batch, self.drawn[which], self.view[which], self.label_map[which],
            {name: a[which] for name, a in self.seen.items()}, {name: a[which] for name, a in self.wanted.items()},
            _part(self.fake, which), _part(self.real, which),
        )  # fmt: skip


def _groups(batch: Batch, weights: LossConfig) -> list[tuple[slice, float]]:
    """Which entries are averaged together, with what share: all alike, or cross- apart from self-reconstruction."""
    if not batch.own or weights.self_weight == 0.5:
        return [(slice(None), 1.0)]
    cross, total = len(batch.image) - batch.own, 1 + weights.self_weight
    return [(slice(cross), 1 / total), (slice(cross, None), weights.self_weight / total)]


def _average(groups: list[tuple[slice, float]], terms_of: Callable[[slice], losses.Terms]) -> losses.Terms:
    parts = [(share, terms_of(part)) for part, share in groups]
    if len(parts) == 1:
        return parts[0][1]
    return {name: torch.stack([share * terms[name] for share, terms in parts]).sum() for name in parts[0][1]}


_LOOK_TERMS = {"style": losses.style, "energy": losses.energy}


def _drawing_terms(views: _Views, networks: LossNetworks, weights: LossConfig) -> losses.Terms:
    batch, known = views.batch, views.batch.known  # entries that have a true picture come first
    terms: losses.Terms = {}
    if weights.adversarial:
        terms["adversarial"] = losses.generator_hinge(views.fake)
    if weights.feature_matching:
        real, fake = (_part(answer, slice(known)) for answer in (views.real, views.fake))
        terms["feature_matching"] = losses.feature_matching(real, fake, summed=weights.spade_sums)
    if weights.pixel:
        terms["pixel"] = losses.pixel(views.drawn[:known], batch.image[:known])
    if weights.perceptual:
        unit = scaled if weights.perceptual_unit else lambda name, activation: activation
        seen, wanted = (
            [unit(n, activations[n][:known]) for n in weights.perceptual_layers]
            for activations in (views.seen, views.wanted)
        )
        terms["perceptual"] = losses.perceptual(seen, wanted, weights.perceptual_weights)
    if weights.style or weights.energy:
        own = torch.arange(known, device=batch.exemplar.device)
        model = torch.cat([own, batch.exemplar[known:]])  # a swap has its exemplar's style
        seen = [views.seen[n] for n in weights.style_layers]
        wanted = [views.wanted[n][model] for n in weights.style_layers]
        terms |= {n: of(seen, wanted) for n, of in _LOOK_TERMS.items() if getattr(weights, n)}
    if networks.lpips is not None:
        terms["lpips"] = networks.lpips(views.drawn[:known], batch.image[:known]).mean()
    if weights.layout:
        reading = networks.read_labels(views.view, views.seen)
        terms["layout"] = losses.label_cross_entropy(reading, views.label_map)
    return terms


def _exemplar_terms(drawing: Drawing, label_map: Tensor, weights: LossConfig) -> losses.Terms:
    terms: losses.Terms = {}
    if weights.labels and drawing.labels is not None:
        terms["labels"] = losses.label_cross_entropy(drawing.labels, label_map)
    if drawing.posterior is not None and weights.kl:
        terms["kl"] = losses.kl_divergence(drawing.posterior, summed=weights.spade_sums)
    return terms


def _offset(limit: int) -> tuple[int, int]:
    """A random offset in -limit … limit, rows and columns, from PyTorch's generator, which the step has seeded."""
    if not limit:
        return 0, 0
    rows, columns = torch.randint(-limit, limit + 1, (2,)).tolist()
    return rows, columns


def shifted(x: Tensor, offset: tuple[int, int]) -> Tensor:
    """`x` (…, H, W) seen `offset` rows and columns further on; beyond its border it goes on as its outermost pixels.

    VGG-19 halves pictures on a fixed grid, and what is trained through it paints that grid unless the grid moves.
    """
    for dimension, step in zip((-2, -1), offset, strict=True):
        length = x.shape[dimension]
        if step:
            x = x.index_select(dimension, (torch.arange(length, device=x.device) + step).clamp(0, length - 1))
    return x


def _part(judgement: losses.Judgement, which: slice) -> losses.Judgement:
    return [[activation[which] for activation in scale] for scale in judgement]


def _stop_if_not_finite(accelerator: Accelerator, loss: Tensor, terms: losses.Terms, batch: Batch) -> None:
    """Raise `UserError` naming the terms and the files of the batch, on every process, when the loss is not finite."""
    bad = (~torch.isfinite(loss.detach())).float()
    everywhere = accelerator.reduce(bad, reduction="sum") if accelerator.num_processes > 1 else bad
    if not everywhere.item():
        return
    if not bad.item():
        raise UserError("training stopped because the loss of another process is not finite; see its message")
    names = sorted(name for name, value in terms.items() if not torch.isfinite(value.detach()).all())
    files = sorted(set(batch.names))
    raise UserError(
        f"training stopped at a loss that is not finite ({', '.join(names) or 'their sum'}) on the batch "
        f"{', '.join(files)}; look at these files, lower the learning rate, or use --precision fp32, then --resume"
    )
