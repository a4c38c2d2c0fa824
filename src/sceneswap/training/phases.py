"""The three phases of training as rows of data (supplement §7, §8), and what a row means for one run."""

import math

from sceneswap.config import PhaseConfig, TrainConfig
from sceneswap.data.loader import Sampling


def sampling_of(phase: PhaseConfig, config: TrainConfig) -> Sampling:
    """How the batches of `phase` are drawn."""
    return Sampling(
        task=phase.task,
        image_size=phase.image_size,
        batch_size=phase.batch_size,
        flip=config.flip,
        jitter_gain=config.jitter_gain,
        jitter_shift=config.jitter_shift,
        geometry=config.geometry,
    )


def steps_of(phase: PhaseConfig, config: TrainConfig, scenes: int, processes: int) -> int:
    """Optimiser steps of `phase` on a data set of `scenes` scenes with `processes` processes."""
    if phase.steps:
        return phase.steps
    scenes_per_step = phase.batch_size * processes * config.accumulation
    return max(1, math.ceil(phase.epochs * scenes / scenes_per_step))


def rate_factor(phase: PhaseConfig, step: int, steps: int) -> float:
    """Factor on the learning rates at `step` of `steps`: 1, then linearly to 0 after the fraction `decay_from`."""
    start = phase.decay_from * steps
    if step <= start or start >= steps:  # a rehearsal may go beyond the end of a short phase
        return 1.0
    return max(0.0, (steps - step) / (steps - start))
