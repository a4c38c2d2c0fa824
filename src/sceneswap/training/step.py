"""One optimiser step of each objective, on one page. Start reading at `image_step`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sceneswap import losses
from sceneswap.config import LossConfig
from sceneswap.data.loader import Batch
from sceneswap.errors import UserError
from sceneswap.models.build import Network
from sceneswap.models.discriminator import MultiScaleDiscriminator
from sceneswap.models.feature_decoder import FeatureDecoder
from sceneswap.models.generator import Drawing, Generator
from sceneswap.models.pretrained.vgg import VGG19

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Judges:
    """The frozen networks that losses need; None where the loss has weight 0.

    vgg: for perceptual and style terms. lpips: maps two images to a distance. reader: the averaged generator, whose
    label head reads the drawings.
    """

    vgg: VGG19 | None = None
    lpips: Distance | None = None
    reader: Network | None = None


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
) -> dict[str, float]:
    """Pretraining (supplement §8): predict the features of x1 at every scale from concat[F_x1, F_c1]."""
    with accelerator.autocast():
        with torch.no_grad():
            targets = targets_of(batch.image)
        predictions = predictor(batch)
    loss = losses.feature_reconstruction(predictions, targets)
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
    judges: Judges,
    weights: LossConfig,
) -> dict[str, float]:
    """Cross-reconstruction (self-reconstruction of whole images, swaps between scenes): one G and one D step."""
    # --- Draw every entry in the look of its exemplar -----------------------------------------------------------------
    with accelerator.autocast():
        drawing: Drawing = generator(batch.label_map, batch.image, batch.label_map, batch.exemplar)
    drawn = drawing.image
    assert drawn is not None
    drawn = drawn.float()

    # --- Generator: the discriminator judges, its own weights are left alone ------------------------------------------
    judge: MultiScaleDiscriminator = accelerator.unwrap_model(discriminator)
    judge.requires_grad_(False)
    with accelerator.autocast():
        with torch.no_grad():
            real = judge(batch.label_map, batch.image)
        fake = judge(batch.label_map, drawn)
        terms = _generator_terms(drawing, drawn, batch, real, fake, judges, weights)
    loss_g = losses.weigh(terms, weights)
    _stop_if_not_finite(accelerator, loss_g, terms, batch)
    accelerator.backward(loss_g)
    optimizer_g.step()
    optimizer_g.zero_grad()
    judge.requires_grad_(True)

    # --- Discriminator: real and drawn joined in one pass (two forwards before a backward break data-parallel) --------
    with accelerator.autocast():
        joined = discriminator(torch.cat([batch.label_map, batch.label_map]), torch.cat([batch.image, drawn.detach()]))
    half = batch.image.shape[0]
    terms_d = losses.discriminator_hinge(_first(half, joined), [[a[half:] for a in scale] for scale in joined])
    loss_d = terms_d["real"] + terms_d["fake"]
    _stop_if_not_finite(accelerator, loss_d, terms_d, batch)
    accelerator.backward(loss_d)
    optimizer_d.step()
    optimizer_d.zero_grad()

    return {name: float(value.detach()) for name, value in (terms | terms_d).items()}


def _generator_terms(
    drawing: Drawing,
    drawn: Tensor,
    batch: Batch,
    real: losses.Judgement,
    fake: losses.Judgement,
    judges: Judges,
    weights: LossConfig,
) -> losses.Terms:
    known = batch.known  # entries that have a true picture come first
    terms: losses.Terms = {}
    if weights.adversarial:
        terms["adversarial"] = losses.generator_hinge(fake)
    if weights.feature_matching:
        terms["feature_matching"] = losses.feature_matching(_first(known, real), _first(known, fake))
    if weights.pixel:
        terms["pixel"] = losses.pixel(drawn[:known], batch.image[:known])
    if judges.vgg is not None:
        with torch.no_grad():
            wanted = judges.vgg(batch.image)
        seen = judges.vgg(drawn)
        if weights.perceptual:
            pairs = [t[:known] for t in seen], [t[:known] for t in wanted]
            terms["perceptual"] = losses.perceptual(*pairs, weights.perceptual_taps)
        if weights.style:
            own = torch.arange(known, device=batch.exemplar.device)
            model = torch.cat([own, batch.exemplar[known:]])  # a swap has its exemplar's style
            taps = slice(weights.style_taps)
            terms["style"] = losses.style(seen[taps], [t[model] for t in wanted[taps]])
    if judges.lpips is not None:
        terms["lpips"] = judges.lpips(drawn[:known], batch.image[:known]).mean()
    if judges.reader is not None:
        terms["layout"] = losses.label_cross_entropy(judges.reader.estimate_labels(drawn), batch.label_map)
    if weights.labels and drawing.labels is not None:
        terms["labels"] = losses.label_cross_entropy(drawing.labels, batch.label_map)
    if drawing.posterior is not None and weights.kl:
        terms["kl"] = losses.kl_divergence(drawing.posterior)
    return terms


def _first(count: int, judgement: losses.Judgement) -> losses.Judgement:
    return [[activation[:count] for activation in scale] for scale in judgement]


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
