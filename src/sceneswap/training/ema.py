"""The exponential moving average of the generator: what is sampled, evaluated and released."""

import copy

import torch

from sceneswap.models.build import Network
from sceneswap.models.encoders import VGGEncoder


def average_of(generator: Network) -> Network:
    """Return a frozen copy of `generator` in evaluation mode, to be moved by `update_average`."""
    encoder = generator.image_encoder
    kept = {id(encoder.vgg): encoder.vgg} if isinstance(encoder, VGGEncoder) else {}  # frozen: one for both
    average = copy.deepcopy(generator, kept)
    average.requires_grad_(False).eval()
    return average


@torch.no_grad()
def update_average(average: Network, generator: Network, decay: float, step: int) -> None:
    """average ← decay · average + (1 - decay) · generator; buffers are copied.

    step: optimiser steps so far; early on the decay is at most (1 + step) / (10 + step), so that the start is forgotten.
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    pairs = [
        (a, g)
        for a, g in zip(average.parameters(), generator.parameters(), strict=True)
        if a.data_ptr() != g.data_ptr()
    ]
    torch._foreach_lerp_([a for a, _ in pairs], [g.detach() for _, g in pairs], weight)
    for a, g in zip(average.buffers(), generator.buffers(), strict=True):
        a.copy_(g)
