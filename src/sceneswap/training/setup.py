"""From settings to the networks of a run, and from a row of the plan to a step function."""

import gc
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn

from sceneswap.config import PhaseConfig, TrainConfig
from sceneswap.data.loader import Batch
from sceneswap.errors import UserError
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.build import Network, build_discriminator, build_generator, condition_channels
from sceneswap.models.discriminator import Discriminator
from sceneswap.models.encoders import VGGEncoder
from sceneswap.models.feature_decoder import FeatureDecoder, color_statistics
from sceneswap.models.generator import Generator
from sceneswap.models.pretrained.lpips import load_lpips
from sceneswap.models.pretrained.vgg import TAP_CHANNELS, VGG19, load_vgg19
from sceneswap.training.ema import average_of
from sceneswap.training.step import FeaturePredictor, LabelPredictor, feature_step, image_step, label_step
from sceneswap.training.terms import LossNetworks


@dataclass
class Networks:
    """The networks of a run. average: moving average of the generator. target_network: VGG-19 for
    the pretraining, the generator's image encoder where that is one."""

    generator: Network
    average: Network
    discriminator: Discriminator
    decoder: FeatureDecoder
    frozen: LossNetworks
    target_network: nn.Module | None

    @property
    def kept(self) -> Mapping[str, nn.Module]:
        """What a training state holds."""
        return {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
            "decoder": self.decoder,
        }


@dataclass(frozen=True)
class ActivePhase:
    """A phase ready to run: its objective, its step, the wrapped models it accumulates over, its optimizers by name."""

    objective: str
    step: Callable[[Batch], dict[str, float]]
    models: tuple[nn.Module, ...]
    optimizers: dict[str, torch.optim.Optimizer]


def make_accelerator(settings: TrainConfig, device: str) -> Accelerator:
    """The accelerator for "auto", "cpu", "cuda" or "mps". Raises `UserError` when the device is not there."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch finds no CUDA device; use --device auto or cpu")
    if device == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: PyTorch finds no Apple GPU; use --device auto or cpu")
    AcceleratorState._reset_state()  # accelerate keeps one state per process; another run may want another precision
    return Accelerator(
        cpu=device == "cpu",
        mixed_precision={"fp32": "no", "bf16": "bf16", "fp16": "fp16"}[settings.precision],
        gradient_accumulation_steps=settings.accumulation,
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )


def leave_processes() -> None:
    """End the process group of a data-parallel run, if there is one; the last thing such a process does.

    The wrapped models are let go first: they hold the group's threads, and a process that ends with these alive now and
    then aborts ("terminate called without an active exception") after all has been done and written.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        gc.collect()
        torch.distributed.destroy_process_group()


def make_networks(
    settings: TrainConfig, schema: LabelSchema, accelerator: Accelerator, vgg19: Path | None, lpips: Path | None
) -> Networks:
    """Build every network of a run on the accelerator's device; the same on every process, whatever its rank."""
    torch.manual_seed(settings.seed)
    device, loss = accelerator.device, settings.loss
    place = {"device": device, "memory_format": torch.channels_last}
    generator = build_generator(settings.model, schema.num_classes, vgg19).to(**place)
    discriminator = build_discriminator(settings.discriminator, schema.num_classes).to(**place)
    decoder = FeatureDecoder(
        conditions=condition_channels(settings.model), targets=_target_channels(settings, generator.image_encoder)
    ).to(device)  # fmt: skip
    draws = any(p.objective == "image" for p in settings.phases)
    pretrains = any(p.objective == "features" for p in settings.phases)
    average = average_of(generator)
    generator.synthesis.recompute = settings.recompute
    layers = settings.vgg_layers if draws else ()
    encoder = generator.image_encoder
    own = encoder if isinstance(encoder, VGGEncoder) else None
    vgg = _loss_vgg(own.vgg if own else None, layers, vgg19, place)
    shared = own is not None and vgg is own.vgg  # then one pass reads what the encoder's taps want too
    frozen = LossNetworks(
        vgg=vgg,
        layers=tuple(dict.fromkeys([*layers, *(own.layers if own and shared else ())])),
        lpips=load_lpips(lpips).to(**place) if draws and loss.lpips else None,
        reader=average if draws and loss.layout else None,
        void=schema.void_index,
    )
    target_network: nn.Module | None = None
    if pretrains and "vgg19" in settings.pretrain_targets:
        target_network = generator.image_encoder
        if own is None:
            target_network = load_vgg19(vgg19, taps=settings.model.scales).to(**place)
    return Networks(generator, average, discriminator, decoder, frozen, target_network)


def _loss_vgg(own: VGG19 | None, layers: Collection[str], path: Path | None, place: dict[str, Any]) -> VGG19 | None:
    """The VGG-19 that losses read: the encoder's own where it is deep enough, so that it is held and run once."""
    if not layers:
        return None
    if own is not None and set(layers) <= set(own.names.values()):
        return own
    depth = max(int(name[4]) for name in layers)
    return load_vgg19(path, taps=depth).to(**place)


def start_phase(
    phase: PhaseConfig,
    settings: TrainConfig,
    networks: Networks,
    accelerator: Accelerator,
    before: ActivePhase | None = None,
) -> ActivePhase:
    """Wrap the networks for `phase`, with fresh optimizers, and return its step.

    before: the phase that has just ended; where both train images and `keep_adam` is set, its optimizers' moments live on.
    """
    kept = {}
    if settings.keep_adam and before is not None and phase.objective == before.objective == "image":
        kept = {name: optimizer.state_dict() for name, optimizer in before.optimizers.items()}
    accelerator.free_memory()
    networks.generator.requires_grad_(True)
    active = _OBJECTIVES[phase.objective](phase, settings, networks, accelerator)
    for name, state in kept.items():
        active.optimizers[name].load_state_dict(state)
    return active


def _start_labels(
    phase: PhaseConfig, settings: TrainConfig, networks: Networks, accelerator: Accelerator
) -> ActivePhase:
    if phase.objective == "label-head":
        networks.generator.image_encoder.requires_grad_(False)
    _freeze_vgg(networks.generator)
    predictor = LabelPredictor(networks.generator)
    optimizer = _adam(predictor, phase.learning_rate, settings)
    predictor, optimizer = accelerator.prepare(predictor, optimizer)
    return ActivePhase(
        objective=phase.objective,
        step=lambda batch: label_step(accelerator, predictor, optimizer, batch),
        models=(predictor,),
        optimizers={"optimizer_g": optimizer},
    )


def _start_features(
    phase: PhaseConfig, settings: TrainConfig, networks: Networks, accelerator: Accelerator
) -> ActivePhase:
    networks.generator.synthesis.requires_grad_(False)
    if networks.generator.label_head is not None:
        networks.generator.label_head.requires_grad_(False)
    _freeze_vgg(networks.generator)
    predictor = FeaturePredictor(cast(Generator, networks.generator), networks.decoder)
    optimizer = _adam(predictor, phase.learning_rate, settings)
    predictor, optimizer = accelerator.prepare(predictor, optimizer)
    return ActivePhase(
        objective=phase.objective,
        step=lambda batch: feature_step(
            accelerator, predictor, optimizer, batch, _targets_of(settings, networks), settings.pretrain_weights
        ),
        models=(predictor,),
        optimizers={"optimizer_g": optimizer},
    )


def _start_image(
    phase: PhaseConfig, settings: TrainConfig, networks: Networks, accelerator: Accelerator
) -> ActivePhase:
    weights = replace(settings.loss, style=settings.loss.style * phase.style_factor)
    _freeze_vgg(networks.generator)
    optimizer_g = _adam(networks.generator, phase.learning_rate, settings)
    optimizer_d = _adam(networks.discriminator, phase.discriminator_learning_rate, settings)
    if networks.generator.label_head is not None and not weights.labels:
        networks.generator.label_head.requires_grad_(False)  # no term reads it: data-parallel waits for every gradient
    generator, discriminator, optimizer_g, optimizer_d = accelerator.prepare(
        networks.generator, networks.discriminator, optimizer_g, optimizer_d
    )
    return ActivePhase(
        objective=phase.objective,
        step=lambda batch: image_step(
            accelerator, generator, discriminator, optimizer_g, optimizer_d, batch, networks.frozen, weights,
            settings.view_shift,
        ),
        models=(generator, discriminator),
        optimizers={"optimizer_g": optimizer_g, "optimizer_d": optimizer_d},
    )  # fmt: skip


_OBJECTIVES = {"labels": _start_labels, "label-head": _start_labels, "features": _start_features, "image": _start_image}


def _adam(network: nn.Module, rate: float, settings: TrainConfig) -> torch.optim.Optimizer:
    trained = [p for p in network.parameters() if p.requires_grad]
    fused = all(p.is_cuda for p in trained)  # on the CPU it does not resume bit for bit
    return torch.optim.Adam(trained, lr=rate, betas=settings.betas, fused=fused or None)


def _freeze_vgg(generator: Network) -> None:
    if isinstance(generator.image_encoder, VGGEncoder):
        generator.image_encoder.vgg.requires_grad_(False)


def _target_channels(settings: TrainConfig, encoder: nn.Module) -> tuple[int, ...]:
    """Channels of the pretraining target per scale, finest first."""
    colors = 6 if "color" in settings.pretrain_targets else 0
    if "vgg19" not in settings.pretrain_targets:
        return (colors,) * settings.model.scales
    vgg = encoder.channels if isinstance(encoder, VGGEncoder) else TAP_CHANNELS
    return tuple(colors + channels for channels in vgg[: settings.model.scales])


def _targets_of(settings: TrainConfig, networks: Networks) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """The function image → what the auxiliary decoder predicts per scale."""

    def targets(image: Tensor) -> tuple[Tensor, ...]:
        kinds = []
        if networks.target_network is not None:
            kinds.append(networks.target_network(image))
        if "color" in settings.pretrain_targets:
            kinds.append(color_statistics(image, settings.model.scales))
        return tuple(torch.cat([t.float() for t in scale], dim=1) for scale in zip(*kinds, strict=True))

    return targets
