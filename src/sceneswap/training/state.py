"""What a training state says of its run, beside the tensors: checked when it is read, whoever wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from sceneswap import checkpoint
from sceneswap.bounds import Between, outside_of_fields
from sceneswap.config import TrainConfig, from_dict
from sceneswap.errors import UserError
from sceneswap.labels.presets import schema_from_dict
from sceneswap.labels.schema import LabelSchema

Number = Annotated[int, Between(0, 10**15)]


@dataclass
class Progress:
    """Where a run is. phase_step and position count within the phase, step over the whole run."""

    phase: Number = 0
    phase_step: Number = 0
    step: Number = 0
    position: Number = 0
    seconds: Annotated[float, Between(0, 1e15)] = 0.0


@dataclass(frozen=True)
class RunState:
    """The record of a run in its state. Raises `ValueError` for impossible values.

    scenes: number of pictures trained on; data: their fingerprint, None in states of versions that kept none. processes: that
    the run was started with, which make the scenes of a step. scaler: of fp16.
    """

    format: str
    step: Number
    optimizers: dict[str, Any]
    config: TrainConfig
    schema: dict[str, Any]
    progress: Progress
    scenes: Number
    processes: Number
    class_names: tuple[str, ...] = ()
    device: str = ""
    scaler: dict[str, Any] | None = None
    data: str | None = None
    start: str | None = None

    def __post_init__(self) -> None:
        for name, value, bounds in (*outside_of_fields(self), *outside_of_fields(self.progress)):
            raise ValueError(f"{name} must be {bounds}, not {value}")
        if self.progress.phase >= len(self.config.phases):
            raise ValueError(f"progress: there is no phase {self.progress.phase} among {len(self.config.phases)}")

    def label_schema(self, source: Path) -> LabelSchema:
        """The classes that are trained. Raises `UserError` naming `source`."""
        return schema_from_dict(self.schema, f"{source}: schema")


@dataclass
class SavedRun:
    """A training state that has been read: its file, its tensors, what it says of the run."""

    path: Path
    tensors: dict[str, Tensor]
    state: RunState

    def restore(
        self, networks: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer], scaler: Any = None
    ) -> None:
        """Put the tensors back, once; scaler: of the losses in fp16. Raises `UserError` when they do not fit."""
        scaled = scaler is not None
        checkpoint.restore_state(
            self.tensors, networks=networks, optimizers=optimizers, source=str(self.path), scaled=scaled
        )
        if scaled and self.state.scaler:
            try:
                scaler.load_state_dict(self.state.scaler)
            except (KeyError, TypeError, RuntimeError) as error:
                raise UserError(f"{self.path}: scaler is not complete ({error}); go on from an older state") from error
        self.tensors.clear()


def read_run(path: Path) -> SavedRun:
    """Read a training state. Raises `UserError` when it is damaged, not complete or something else."""
    tensors, meta = checkpoint.read_state(path)
    return SavedRun(path, tensors, from_dict(RunState, meta, str(path)))


def replanned(state: RunState, after: TrainConfig, source: str) -> RunState:
    """The state with other settings, and its position in them: people look at their pictures and act.

    The run goes on in the phase of the same name, at the step it has reached in it. Networks must stay as they are.
    Raises `UserError` naming what does not fit.
    """
    before, progress = state.config, state.progress
    for name in ("model", "discriminator", "schema", "pretrain_targets", "seed"):
        if getattr(before, name) != getattr(after, name):
            raise UserError(f"{source}: a run cannot go on with another {name}; start a new one, with --init-from")
    reached = before.phases[progress.phase]
    names = [phase.name for phase in after.phases]
    if reached.name not in names:
        raise UserError(f"{source} has reached the phase {reached.name}, which the new plan lacks; keep that row")
    number = names.index(reached.name)
    if after.phases[number].objective != reached.objective:
        raise UserError(f"{source}: the phase {reached.name} cannot change its objective while it runs")
    return replace(state, config=after, progress=replace(progress, phase=number))
