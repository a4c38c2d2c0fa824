"""The one place where a configuration becomes networks."""

from pathlib import Path

from torch import nn

from sceneswap.config import DiscriminatorConfig, ModelConfig
from sceneswap.models.discriminator import Discriminator, FeatureDiscriminator, MultiScaleDiscriminator
from sceneswap.models.encoders import CompactEncoder, LabelEncoder, LabelHead, VGGEncoder
from sceneswap.models.generator import Generator
from sceneswap.models.layers import initialise_as_spade
from sceneswap.models.msca import GAP, MSCA
from sceneswap.models.pretrained.vgg import SHIPPED_TAPS, VGG19, load_vgg19, shipped_vgg19
from sceneswap.models.spade import BlockKind, SpadeSynthesis, settle_spectral_norm
from sceneswap.models.spade_vae import SpadeImageEncoder, SpadeVAE

Network = Generator | SpadeVAE
"""Both encode an exemplar (`encode_exemplar`) and draw label maps in its look (`draw`)."""

FROZEN = "image_encoder.vgg."
"""Prefix of VGG-19's tensors inside a generator: frozen, loaded from their own file, in no checkpoint."""


def build_generator(config: ModelConfig, num_classes: int, vgg19: Path | None = None) -> Network:
    """Build msca, gap or spade-vae for label maps of `num_classes` classes (void excluded).

    vgg19: weights for `encoder = "vgg19"`, see `models.pretrained.vgg`. Raises `UserError` when these cannot be had.
    """
    target_encoder = _label_encoder(config, num_classes)
    if config.kind == "spade-vae" and config.vae == "spade":
        return _spade_vae(config, SpadeImageEncoder(config.widths[0]), target_encoder, None)
    image_encoder: VGGEncoder | CompactEncoder
    if config.encoder == "vgg19" and (config.kind != "spade-vae" or config.encoder_taps <= SHIPPED_TAPS):
        image_encoder = VGGEncoder(
            _vgg(config, vgg19), scales=config.scales, scaled=config.unit_taps, raw_color=config.raw_color
        )
    else:
        image_encoder = CompactEncoder(config.compact_channels, raw_color=config.raw_color)
    label_head = None
    if config.label_head:
        label_head = LabelHead(
            taps=image_encoder.channels,
            hidden=config.label_head,
            num_classes=num_classes,
            padding=config.encoder_padding,
        )
    if config.kind == "spade-vae":
        return _spade_vae(config, image_encoder, target_encoder, label_head)
    exemplar_encoder = target_encoder
    if config.kind == "msca" and not config.tie_label_encoders:  # GAP does not look at the exemplar's labels
        exemplar_encoder = _label_encoder(config, num_classes)
        if config.aligned_start:
            exemplar_encoder.load_state_dict(target_encoder.state_dict())  # like meets like from the first step
    return Generator(
        image_encoder=image_encoder,
        compress=[nn.Conv2d(c, n, 1) for c, n in zip(image_encoder.channels, config.feature_channels, strict=True)],
        target_encoder=target_encoder,
        exemplar_encoder=exemplar_encoder,
        attention=[_attention(config, scale) for scale in range(config.scales)],
        synthesis=_synthesis(config, condition_channels(config)),
        label_head=label_head,
    )


def build_discriminator(config: DiscriminatorConfig, num_classes: int) -> Discriminator:
    """Build the discriminator for label maps of `num_classes` classes: SPADE's, or heads on VGG-19's activations."""
    if config.kind == "features":
        return FeatureDiscriminator(
            num_classes=num_classes,
            embedding=config.label_embedding,
            layers=config.taps,
            width=config.width,
            patch_width=config.patch_width,
        )
    discriminator = MultiScaleDiscriminator(
        num_classes=num_classes,
        embedding=config.label_embedding,
        width=config.width,
        layers=config.layers,
        scales=config.scales,
    )
    _initialise(discriminator, config.initialisation)
    return discriminator


def condition_channels(config: ModelConfig) -> tuple[int, ...]:
    """Channels of concat[F_x1, F_c1] per scale, finest first."""
    return tuple(n + m for n, m in zip(config.feature_channels, config.label_channels, strict=True))


def _spade_vae(
    config: ModelConfig,
    image_encoder: CompactEncoder | VGGEncoder | SpadeImageEncoder,
    target_encoder: LabelEncoder,
    label_head: LabelHead | None,
) -> SpadeVAE:
    network = SpadeVAE(
        image_encoder=image_encoder,
        latent=config.latent,
        width=config.widths[-1],
        target_encoder=target_encoder,
        synthesis=_synthesis(config, config.label_channels),
        label_head=label_head,
        encodes_target=config.vae == "spade",
    )
    if config.vae == "spade":
        for part in (network.image_encoder, network.to_mean, network.to_log_variance, network.from_latent):
            _initialise(part, config.initialisation)
    return network


def _initialise(module: nn.Module, kind: str) -> None:
    """SPADE's start for what is SPADE's, if that is wanted; else the module's own."""
    if kind == "xavier":
        initialise_as_spade(module)
        settle_spectral_norm(module)  # of weights that are new


def _vgg(config: ModelConfig, path: Path | None) -> VGG19:
    """VGG-19 as an encoder: the shipped weights where these are deep enough, whatever else is at hand."""
    if config.encoder_taps <= SHIPPED_TAPS:
        return shipped_vgg19(config.encoder_taps, padding=config.encoder_padding)
    return load_vgg19(path, taps=config.scales, padding=config.encoder_padding)


def _label_encoder(config: ModelConfig, num_classes: int) -> LabelEncoder:
    return LabelEncoder(
        num_classes=num_classes,
        embedding=config.label_embedding,
        channels=config.label_channels,
        padding=config.encoder_padding,
    )


def _attention(config: ModelConfig, scale: int) -> MSCA | GAP:
    if config.kind == "gap":
        return GAP()
    return MSCA(
        features=config.feature_channels[scale],
        target_labels=config.label_channels[scale],
        exemplar_labels=config.label_channels[scale],
        maps=config.attention_maps[scale],
        logit_scale=config.logit_scale,
        unit=config.unit_logits,
        aligned=config.aligned_start,
    )


def _synthesis(config: ModelConfig, conditions: tuple[int, ...]) -> SpadeSynthesis:
    synthesis = SpadeSynthesis(
        widths=config.widths,
        conditions=conditions,
        hidden=config.spade_hidden,
        middle_blocks=config.middle_blocks,
        extra_blocks=config.extra_blocks,
        noise_channels=config.noise_channels,
        kind=BlockKind(
            normalisation=config.normalisation,
            padding=config.padding,
            upsampling=config.upsampling,
            own_hidden=config.own_hidden,
            own_shortcut=config.own_shortcut,
            relu=config.hidden_activation == "relu",
        ),
    )
    _initialise(synthesis, config.initialisation)
    return synthesis
