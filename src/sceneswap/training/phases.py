"""The three phases of training as rows of data (supplement §7, §8), and what a row means for one run."""

import math

from sceneswap.config import PhaseConfig, TrainConfig
from sceneswap.data.loader import Sampling
from sceneswap.errors import UserError


def sampling_of(phase: PhaseConfig, config: TrainConfig, batch_size: int = 0) -> Sampling:
    """How the batches of `phase` are drawn; batch_size: other than the phase's."""
    return Sampling(
        task=phase.task,
        image_size=phase.image_size,
        batch_size=batch_size or phase.batch_size,
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


def shares(phase: PhaseConfig, config: TrainConfig, before: int, now: int) -> tuple[int, int]:
    """Scenes per process and micro-step, and micro-steps, by which `now` processes take the steps that `before` took.

    Raises `UserError` when the scenes of a step cannot be shared out evenly.
    """
    micro_steps, left = divmod(before * config.accumulation, now)
    if not left:
        return phase.batch_size, micro_steps
    each, left = divmod(phase.batch_size * before * config.accumulation, now)
    if left or not each:
        raise UserError(
            f"a step of the phase {phase.name} takes {phase.batch_size * before * config.accumulation} scenes, which {now} "
            "processes cannot share evenly; go on with a number of processes that divides it, or change the plan with --replan"
        )
    size = max(n for n in range(1, phase.batch_size + 1) if each % n == 0)
    return size, each // size


def rate_factor(phase: PhaseConfig, step: int, steps: int) -> float:
    """Factor on the learning rates at `step` of `steps`: 1, then linearly to 0 after the fraction `decay_from`."""
    start = phase.decay_from * steps
    if step <= start or start >= steps:  # a rehearsal may go beyond the end of a short phase
        return 1.0
    return max(0.0, (steps - step) / (steps - start))
