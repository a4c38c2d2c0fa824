"""Every setting, as frozen dataclasses. TOML presets in, plain dict out; unknown keys and impossible values are refused."""

# Long: every setting of the project on one page, each with what it refuses.

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from sceneswap.bounds import Between, Share
from sceneswap.presets import PRESETS as PRESETS
from sceneswap.presets import read_settings
from sceneswap.settings import Settings
from sceneswap.settings import from_dict as from_dict
from sceneswap.settings import to_dict as to_dict

ModelKind = Literal["msca", "gap", "spade-vae"]
Padding = Literal["zeros", "replicate"]
Initialisation = Literal["kaiming", "xavier"]
Geometry = Literal["window", "whole"]
PhaseTask = Literal["patch", "global", "swap", "whole"]
VGG_LAYERS = tuple(f"relu{b}_{c}" for b, count in enumerate((2, 2, 4, 4, 1), 1) for c in range(1, count + 1))
"""Activations of VGG-19 that losses and discriminator can read, fine → coarse."""
MOST_PIXELS = 4096
"""The largest image_size of a phase."""

# Bounds far above what anybody needs: a damaged file says 10⁹.
Channels = Annotated[int, Between(1, 8192)]
MaybeChannels = Annotated[int, Between(0, 8192)]
Blocks = Annotated[int, Between(0, 64)]
Weight = Annotated[float, Between(0, 1e9)]
Rate = Annotated[float, Between(1e-9, 10)]
Every = Annotated[int, Between(1, 10**9)]


def _faulty_layers(settings: Any, name: str) -> Iterator[str]:
    layers = getattr(settings, name)
    if not layers:
        yield f"{name} must name at least one layer of VGG-19"
    if wrong := [layer for layer in layers if layer not in VGG_LAYERS]:
        yield f"{name}: VGG-19 has no layer {', '.join(wrong)}; it has {', '.join(VGG_LAYERS)}"


@dataclass(frozen=True)
class ModelConfig(Settings):
    """The generator. Tuples run over the scales, finest first; their common length is the number of scales."""

    kind: ModelKind = "msca"
    encoder: Literal["vgg19", "compact"] = "compact"
    compact_channels: tuple[Channels, ...] = (16, 32, 64, 96, 128)  # taps of the compact image encoder
    encoder_taps: Annotated[int, Between(1, 5)] = 5  # of VGG-19; with up to 4 (relu4_1) further scales pool the last
    unit_taps: bool = False  # taps of VGG-19 divided by their typical size
    encoder_padding: Padding = "zeros"  # of VGG-19, label encoders and label head
    raw_color: bool = False  # the image encoder's taps also carry the pooled picture
    feature_channels: tuple[Channels, ...] = (16, 32, 48, 64, 64)  # N
    label_channels: tuple[Channels, ...] = (16, 32, 48, 64, 64)  # M1 = M2
    attention_maps: tuple[Channels, ...] = (8, 8, 8, 8, 8)  # K
    logit_scale: Weight = 3.0  # initial standard deviation of the attention logits
    tie_label_encoders: bool = False
    label_embedding: Channels = 16
    widths: tuple[Channels, ...] = (16, 32, 64, 128, 160)  # of the SPADE ladder
    spade_hidden: tuple[MaybeChannels, ...] = (16, 24, 32, 48, 64)  # 0: γ and β directly from the condition
    middle_blocks: Blocks = 2  # before the block of the coarsest scale
    extra_blocks: tuple[Blocks, ...] = ()  # after the block of each scale; empty: none
    normalisation: Literal["instance", "batch", "sync-batch"] = "instance"  # inside SPADE blocks
    padding: Padding = "zeros"  # of the SPADE ladder's convolutions
    upsampling: Literal["nearest", "bilinear"] = "nearest"  # between the ladder's scales
    noise_channels: MaybeChannels = 0  # of noise joined to every condition: what fine texture is grown from
    label_head: MaybeChannels = 0  # channels of the head that estimates label maps from the encoder's taps; 0: none
    latent: Channels = 256  # of SPADE_VAE
    # What follows is ours by default; the preset `paper` takes the paper's or SPADE's word instead.
    unit_logits: bool = True  # attention reads features of unit size, scaled as is learned; else plain ψ * [F_x2, F_c2]
    aligned_start: bool = True  # map k starts with the same labels in both scenes, and the mask nearly open
    own_hidden: bool = False  # a hidden layer per SPADE normalisation; else one per block
    own_shortcut: bool = False  # SPADE's shortcut, with a modulation of its own
    hidden_activation: Literal["leaky", "relu"] = "leaky"  # after the hidden layers of the SPADE blocks
    initialisation: Initialisation = "kaiming"  # "xavier": SPADE's, gain 0.02, of the ladder and what else is SPADE's
    vae: Literal["ours", "spade"] = "ours"  # SPADE_VAE: our encoder after an exemplar; SPADE's, after the target itself

    def faults(self) -> Iterator[str]:
        """What cannot be, beside numbers out of bounds."""
        lists = (self.compact_channels, self.feature_channels, self.label_channels, self.attention_maps, self.widths)
        if len({len(one) for one in (*lists, self.spade_hidden)}) > 1:
            yield "every per-scale list needs one entry per scale, so all the same length"
        if len(self.extra_blocks) not in (0, self.scales):
            yield "extra_blocks needs a number of 0 or more per scale, or none at all"
        if not 2 <= self.scales <= 7:
            yield "2 to 7 scales are possible"
        if self.encoder == "vgg19" and self.encoder_taps == 5 and self.scales > 5:
            yield "VGG-19 has five taps, so at most five scales (or fewer encoder_taps, the last of which is pooled)"
        if self.unit_taps and self.encoder_taps == 5:
            yield "unit_taps needs encoder_taps of 4 or fewer"
        if self.kind == "spade-vae" and self.vae == "spade" and self.label_head:
            yield 'SPADE\'s image encoder has no label head; set label_head = 0, or vae = "ours"'

    @property
    def scales(self) -> int:
        """Number of scales."""
        return len(self.widths)

    @property
    def stride(self) -> int:
        """Pixels per position of the coarsest scale; sizes are padded to its multiples."""
        return int(2 ** (self.scales - 1))


@dataclass(frozen=True)
class DiscriminatorConfig(Settings):
    """kind "patch": SPADE's multi-scale PatchGAN. "features": heads on frozen activations of VGG-19."""

    kind: Literal["patch", "features"] = "patch"
    width: Channels = 64
    layers: Annotated[int, Between(1, 8)] = 4  # of a PatchGAN
    scales: Annotated[int, Between(1, 8)] = 2
    label_embedding: Channels = 16
    taps: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")  # that the heads read
    patch_width: MaybeChannels = 0  # of a thin PatchGAN beside the heads; 0: none
    initialisation: Initialisation = "kaiming"  # of a PatchGAN; "xavier": SPADE's, gain 0.02

    def faults(self) -> Iterator[str]:
        """What cannot be, beside numbers out of bounds."""
        yield from _faulty_layers(self, "taps")

    @property
    def vgg_layers(self) -> tuple[str, ...]:
        """The activations of VGG-19 that the discriminator reads."""
        return self.taps if self.kind == "features" else ()

    @property
    def smallest(self) -> int:
        """The smallest side in pixels of a picture that it can judge: two positions of the coarsest scale or activation."""
        depth = self.scales if self.kind == "patch" else max(int(name[4]) for name in self.taps)
        return int(2**depth)


@dataclass(frozen=True)
class LossConfig(Settings):
    """Weights of the named loss terms; 0 leaves a term out (it is not computed)."""

    adversarial: Weight = 1.0
    feature_matching: Weight = 10.0
    perceptual: Weight = 10.0  # VGG-19, L1 on the taps
    lpips: Weight = 0.0
    style: Weight = 0.0  # Gram matrices of VGG-19; in swaps, where there is no true picture, the exemplar's
    energy: Weight = 0.0  # light and contrast: energies of the channels of the style layers; in swaps the exemplar's
    look_by_class: Share = 0.0  # share of style and energy asked class by class
    layout: Weight = 0.0  # cross-entropy of the label head's reading of the drawing
    labels: Weight = 0.0  # cross-entropy of the label head on photographs, which trains it
    pixel: Weight = 0.0  # L1 on RGB
    kl: Weight = 0.05  # SPADE_VAE only
    perceptual_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    perceptual_weights: tuple[Weight, ...] = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)  # of these layers, in their order
    perceptual_unit: bool = False  # every layer divided by its typical size
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1")
    spade_sums: bool = False  # as SPADE: feature matching summed over the layers, KL over the batch; else means
    self_weight: Weight = 0.5  # of self- against cross-reconstruction where a batch has both; 0.5: every entry alike

    def faults(self) -> Iterator[str]:
        """What cannot be, beside numbers out of bounds."""
        if not len(self.perceptual_layers) == len(self.perceptual_weights) > 0:
            yield "perceptual_layers and perceptual_weights need the same number of entries, at least one"
        yield from _faulty_layers(self, "perceptual_layers")
        yield from _faulty_layers(self, "style_layers")
        if not any(getattr(self, name) for name in self.terms() if name not in ("kl", "labels")):
            yield "at least one term needs a weight above 0"

    @classmethod
    def terms(cls) -> tuple[str, ...]:
        """Names of the terms, which are the names of their weights."""
        return tuple(f.name for f in dataclasses.fields(cls) if "_" not in f.name or f.name == "feature_matching")

    @property
    def vgg_layers(self) -> tuple[str, ...]:
        """The activations of VGG-19 that the terms read."""
        style = self.style_layers if self.style or self.energy else ()
        return (*(self.perceptual_layers if self.perceptual else ()), *style)


@dataclass(frozen=True)
class PhaseConfig(Settings):
    """One row of the training plan.

    objective: "labels" trains image encoder and label head to read label maps off photographs, "label-head" the head
    alone, which leaves the drawings as they are; "features" trains extractors and attention through the auxiliary
    decoder (supplement §8), "image" trains everything adversarially.
    task: "patch" two disjoint patches, "global" two large crops and the whole image (supplement §7), "swap" two disjoint
    patches, of which one is drawn after a patch of another scene; "whole" the whole image and its mirror image, of which
    the latter is drawn after another scene. image_size: S; patches are S/2, whole images S. style_factor multiplies
    the weight of the style term in this phase. Exactly one of steps and epochs.
    """

    name: str
    objective: Literal["labels", "label-head", "features", "image"]
    task: PhaseTask
    image_size: Annotated[int, Between(32, MOST_PIXELS)]
    batch_size: Annotated[int, Between(1, 4096)]  # scenes per process and micro-step
    steps: Annotated[int, Between(0, 10**9)] = 0
    epochs: Annotated[float, Between(0, 10**6)] = 0.0
    learning_rate: Rate = 1e-4  # of the generator
    discriminator_learning_rate: Rate = 4e-4
    style_factor: Weight = 1.0
    decay_from: Share = 1.0  # fraction of the phase after which both rates fall linearly to 0

    @property
    def place(self) -> str:
        """What a message calls it."""
        return f"phase {self.name}"

    def faults(self) -> Iterator[str]:
        """What cannot be, beside numbers out of bounds."""
        if not min(self.steps, self.epochs) == 0 < max(self.steps, self.epochs):
            yield "give either steps or epochs, greater than 0"
        if self.image_size % 32:
            yield "image_size must be a multiple of 32"
        if self.task in ("swap", "whole") and not (self.objective == "image" and self.batch_size > 1):
            yield f'task = "{self.task}" needs objective = "image" and a batch_size of 2 or more'

    @property
    def entry_size(self) -> int:
        """Height and width of an entry of the batch: S pixels in the task "whole", else S/2."""
        return self.image_size if self.task == "whole" else self.image_size // 2


@dataclass(frozen=True)
class TrainConfig(Settings):
    """Everything a training run is: model, losses, phases, optimisation, augmentation, logging."""

    phases: tuple[PhaseConfig, ...]
    model: ModelConfig = field(default_factory=ModelConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    schema: str = "outdoor"
    pretrain_targets: tuple[Literal["vgg19", "color"], ...] = ("vgg19",)
    pretrain_weights: tuple[Weight, ...] = ()  # of the scales, finest first; empty: 1 / mean size of each target
    betas: tuple[float, float] = (0.0, 0.9)  # of Adam
    ema_decay: float = 0.999
    keep_adam: bool = False  # Adam's moments live on from one image phase to the next
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    accumulation: Annotated[int, Between(1, 65_536)] = 1  # micro-steps per optimiser step
    recompute: bool = False  # activations of the SPADE ladder anew for the backward pass: less memory, more time
    geometry: Geometry = "window"  # square windows of photographs with their aspect kept; "whole": resized to squares
    flip: bool = True
    jitter_gain: float = 0.3  # joint colour jitter of both patches: gain in 1 ± this
    jitter_shift: Share = 0.25  # and shift in ± this, on the [-1, 1] scale
    view_shift: Annotated[int, Between(0, 64)] = 0  # pixels, the most: VGG sees everything at one random offset
    seed: Annotated[int, Between(0, 2**20 - 1)] = 0
    log_every: Every = 20
    sample_every: Every = 500
    checkpoint_every: Every = 500
    keep_checkpoints: Annotated[int, Between(1, 10_000)] = 2

    def faults(self) -> Iterator[str]:
        """What cannot be, beside numbers out of bounds: of the parts together, too."""
        model = self.model
        if not self.phases:
            yield "at least one phase is needed"
        if len({phase.name for phase in self.phases}) < len(self.phases):
            yield "phases need different names"
        below_1 = {"ema_decay": (self.ema_decay,), "betas": self.betas, "jitter_gain": (self.jitter_gain,)}
        for name, numbers in below_1.items():
            if not all(0 <= number < 1 for number in numbers):
                yield f"{name} must lie in [0, 1)"
        if not self.pretrain_targets:
            yield "pretrain_targets must name at least one target"
        if "vgg19" in self.pretrain_targets and model.scales > 5 and model.encoder != "vgg19":
            yield "VGG-19 has five taps, so pretrain_targets cannot hold vgg19 with more than five scales"
        if len(self.pretrain_weights) not in (0, model.scales):
            yield "pretrain_weights needs a number of 0 or more per scale, or none at all"
        for phase in self.phases:
            yield from (f"{phase.place}: {fault}" for fault in self._faults_of(phase))
        if self.discriminator.kind != "patch" and self.loss.feature_matching:
            yield 'loss: feature_matching needs a discriminator of kind "patch"; set it to 0, or use the perceptual term'
        if not model.label_head and (self.loss.layout or self.loss.labels):
            yield "loss: layout and labels need a model with label_head greater than 0"

    def _faults_of(self, phase: PhaseConfig) -> Iterator[str]:
        model, size, smallest = self.model, phase.entry_size, self.discriminator.smallest
        if model.kind == "spade-vae" and model.vae == "spade" and phase.task not in ("patch", "global"):
            yield 'with vae = "spade" every photograph encodes itself, so it draws no swaps'
        if phase.image_size // 2 % model.stride:
            yield f"half of image_size must be a multiple of {model.stride} (the coarsest scale)"
        if size <= model.stride:
            yield (
                f"patches of {size} pixels are a single position at the coarsest scale, where nothing can be normalised; "
                f"image_size must be at least {phase.image_size * 2}"
            )
        if phase.objective == "image" and size < smallest:
            yield (
                f"patches of {size} pixels are too small for the discriminator, which needs {smallest}; give it fewer scales "
                "or taps, or the phase a larger image_size"
            )
        if phase.objective == "features" and model.kind == "spade-vae":
            yield 'spade-vae has no attention to pretrain; use objective = "image"'
        if phase.objective in ("labels", "label-head") and not model.label_head:
            yield f'objective = "{phase.objective}" needs a model with label_head greater than 0'

    @property
    def vgg_layers(self) -> tuple[str, ...]:
        """The activations of VGG-19 that losses and discriminator read."""
        return tuple(dict.fromkeys(self.loss.vgg_layers + self.discriminator.vgg_layers))

    def with_model(self, kind: ModelKind) -> "TrainConfig":
        """The same run for another model.

        SPADE_VAE has nothing to pretrain: its pretrain rows train images instead, or are left out with vae = "spade". It
        normalises over the batch, as SPADE does: normalising each picture by itself would erase what a latent vector, the
        same at every place, has to say.
        """
        if kind != "spade-vae":
            return replace(self, model=replace(self.model, kind=kind))
        model = replace(self.model, kind=kind)
        if model.normalisation == "instance":
            model = replace(model, normalisation="batch")
        if model.vae == "spade":
            phases = tuple(p for p in self.phases if p.objective != "features")
        else:
            phases = tuple(replace(p, objective="image") if p.objective == "features" else p for p in self.phases)
        return replace(self, model=model, phases=phases)


def load_train_config(name_or_path: str, changes: Sequence[str] = ()) -> TrainConfig:
    """Read a preset by name or a TOML file by path, and change single settings; see `presets.read_settings`."""
    where = " ".join((name_or_path, *(f"--set {change}" for change in changes)))
    return from_dict(TrainConfig, read_settings(name_or_path, changes), where)
