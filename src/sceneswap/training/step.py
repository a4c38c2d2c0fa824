"""One optimiser step of each objective, on one page. Start reading at `image_step`."""

from collections.abc import Callable, Mapping, Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sceneswap import losses, together
from sceneswap.config import LossConfig
from sceneswap.data.loader import Batch
from sceneswap.errors import UserError
from sceneswap.models.build import Network
from sceneswap.models.discriminator import Discriminator
from sceneswap.models.encoders import VGGEncoder
from sceneswap.models.feature_decoder import FeatureDecoder
from sceneswap.models.generator import Drawing, Generator
from sceneswap.training.terms import LossNetworks, Views, averaged, drawing_terms, exemplar_terms, groups_of, part_of


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


class LabelPredictor(nn.Module):
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
    accelerator: Accelerator, predictor: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch
) -> dict[str, float]:
    """Image encoder and label head learn to read label maps off photographs."""
    with accelerator.autocast():
        logits = predictor(batch.image)
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
    offset = _offset(view_shift, batch.image.device)
    photograph, label_map = shifted(batch.image, offset), shifted(batch.label_map, offset)
    encoder = accelerator.unwrap_model(generator).image_encoder
    with accelerator.autocast():
        with torch.no_grad():
            wanted = networks.see(photograph)
            shared = isinstance(encoder, VGGEncoder) and encoder.vgg is networks.vgg
            taps = encoder.taps(photograph, wanted) if shared else None
        layouts = batch.label_map[: batch.entries]
        drawing: Drawing = generator(layouts, photograph, label_map, batch.exemplar, taps=taps)
    assert drawing.image is not None
    drawn = drawing.image.float()
    own = slice(batch.entries)  # what follows is of other processes, exemplars and no more
    label_maps, photograph, label_map, true = label_map, photograph[own], label_map[own], _entries(wanted, own)

    # --- Generator: the discriminator's own weights are left alone -----------------------------------------------------
    critic: Discriminator = accelerator.unwrap_model(discriminator)
    critic.requires_grad_(False)
    with accelerator.autocast():
        view = shifted(drawn, offset)
        seen = networks.see(view)
        fake = critic(label_map, view, seen)
        with torch.no_grad():
            real = critic(label_map, photograph, true) if weights.feature_matching else []
        views = Views(batch, drawn, view, label_map, seen, wanted, label_maps, fake, real)
        groups = groups_of(batch, weights)
        terms = averaged(groups, lambda part: drawing_terms(views.part(part), networks, weights))
        terms |= exemplar_terms(drawing, label_map, weights)
    loss_g = losses.weigh(terms, weights)
    _stop_if_not_finite(accelerator, loss_g, terms, batch)
    accelerator.backward(loss_g)
    optimizer_g.step()
    optimizer_g.zero_grad()
    critic.requires_grad_(True)

    # --- Discriminator: real and drawn joined in one pass (two forwards before a backward break data-parallel) ---------
    with accelerator.autocast():
        both = {name: torch.cat([true[name], seen[name].detach()]) for name in critic.layers}
        joined = discriminator(torch.cat([label_map, label_map]), torch.cat([photograph, view.detach()]), both)
    half = batch.entries
    judged = part_of(joined, slice(half)), part_of(joined, slice(half, None))
    terms_d = averaged(groups, lambda part: losses.discriminator_hinge(*(part_of(one, part) for one in judged)))
    loss_d = terms_d["real"] + terms_d["fake"]
    _stop_if_not_finite(accelerator, loss_d, terms_d, batch)
    accelerator.backward(loss_d)
    optimizer_d.step()
    optimizer_d.zero_grad()

    return {name: float(value.detach()) for name, value in (terms | terms_d).items()}


def _offset(limit: int, device: torch.device) -> tuple[int, int]:
    """A random offset in -limit … limit, rows and columns, from PyTorch's generator, which the step has seeded.

    One for all processes, since all their entries are one batch.
    """
    if not limit:
        return 0, 0
    drawn = torch.randint(-limit, limit + 1, (2,))
    rows, columns = (together.of_first(drawn.to(device)) if together.processes() > 1 else drawn).tolist()
    return rows, columns


def _entries(activations: Mapping[str, Tensor], which: slice) -> dict[str, Tensor]:
    return {name: activation[which] for name, activation in activations.items()}


def shifted(x: Tensor, offset: tuple[int, int]) -> Tensor:
    """`x` (…, H, W) seen `offset` rows and columns further on; beyond its border it goes on as its outermost pixels.

    VGG-19 halves pictures on a fixed grid, and what is trained through it paints that grid unless the grid moves.
    """
    for dimension, step in zip((-2, -1), offset, strict=True):
        length = x.shape[dimension]
        if step:
            x = x.index_select(dimension, (torch.arange(length, device=x.device) + step).clamp(0, length - 1))
    return x


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
