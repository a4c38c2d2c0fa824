"""How long will a run take? Some steps of every phase, timed; nothing is kept."""

from pathlib import Path

from sceneswap.config import TrainConfig
from sceneswap.labels.presets import load_schema
from sceneswap.progress import progress
from sceneswap.scene import SceneSource
from sceneswap.training import phases
from sceneswap.training.loop import Run, batches, take_step
from sceneswap.training.setup import make_accelerator, make_networks, start_phase

STEPS = 3
"""Steps of every phase that are timed, after one that is not: the first one of a kind sets things up."""


def rehearse(
    settings: TrainConfig,
    dataset: SceneSource,
    *,
    device: str = "auto",
    workers: int = 0,
    vgg19: Path | None = None,
    lpips: Path | None = None,
) -> list[float]:
    """Seconds per step of each phase, on this machine. Writes nothing.

    device, workers, vgg19, lpips: as of `loop.train`. Raises `UserError` for what `loop.train` would raise it for.
    """
    schema = load_schema(settings.schema)
    accelerator = make_accelerator(settings, device)
    networks = make_networks(settings, schema, accelerator, vgg19, lpips)
    run = Run(settings, schema, dataset, "", accelerator, networks, Path(), workers, accelerator.num_processes)
    found, active = [], None
    with progress("timing", len(settings.phases) * (STEPS + 1)) as advance:
        for number, phase in enumerate(settings.phases):
            run.progress.phase, run.progress.phase_step, run.progress.position = number, 0, 0
            active = start_phase(phase, settings, networks, accelerator, active)
            total = phases.steps_of(phase, settings, len(dataset), accelerator.num_processes)
            with batches(run, phase) as stream:
                for step in range(STEPS + 1):
                    if step == 1:
                        run.progress.seconds = 0.0
                    take_step(run, phase, active, stream, total)
                    advance(1, phase.name)
            found.append(run.progress.seconds / STEPS)
    return found
