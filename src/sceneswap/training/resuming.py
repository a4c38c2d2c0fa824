"""What a run starts from: its scenes, and the state it goes on from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from accelerate import Accelerator

from sceneswap import checkpoint
from sceneswap.data.chosen import void_share
from sceneswap.data.damaged import SkippingDamaged
from sceneswap.data.sources import open_scenes
from sceneswap.errors import UserError, counted
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import SceneSource
from sceneswap.training.phases import shares
from sceneswap.training.state import SavedRun


def open_source(
    data: Sequence[str | Path] | SceneSource,
    schema: LabelSchema,
    only: Sequence[str] | None,
    *,
    skip_damaged: bool,
    shard_cache: Path | None,
) -> tuple[SceneSource, str | None]:
    """What is trained on, and its fingerprint. Raises `UserError` where every label map is void everywhere."""
    data = [data] if isinstance(data, str | Path) else data
    if isinstance(data, Sequence) and all(isinstance(one, str | Path) for one in data):
        dataset = open_scenes(data, schema, only=only, cache=True, fetched=shard_cache)
        if not skip_damaged:
            dataset.void_share(most=1)
            return dataset, dataset.fingerprint()
        readable = SkippingDamaged(dataset)
        void_share(lambda index: readable[index].label_map, len(readable), schema, most=1)
        return readable, dataset.fingerprint()
    source = cast(SceneSource, data)
    if only is not None:
        raise UserError(
            "only chooses among the scenes of folders and shards; let your own source hand out those you want"
        )
    own = getattr(source, "schema", schema)
    if own != schema:
        raise UserError(f"the scenes are labelled in {getattr(own, 'name', own)}, but the settings train {schema.name}")
    fingerprint = getattr(source, "fingerprint", None)
    return SkippingDamaged(source) if skip_damaged else source, fingerprint() if callable(fingerprint) else None


def newest_state(out: Path, resume: bool | Literal["auto"]) -> Path | None:
    """The state that a run in `out` goes on from; None: it starts. Raises `UserError` for what was not asked for."""
    newest = checkpoint.newest_state(out)
    if resume is True and newest is None:
        raise UserError(
            f"{out} holds no training state to resume from; leave out --resume to start a run there, or say --resume auto"
        )
    if newest is not None and not resume:
        raise UserError(f"{out} already holds a run; go on with --resume or choose another folder with --out")
    return newest


def check_same_run(
    saved: SavedRun, scenes: int, fingerprint: str | None, accelerator: Accelerator, *, other_data: bool
) -> None:
    """Refuse other pictures, unless the plan is new; say so when the number of processes has changed."""
    state = saved.state
    before = f"on {state.scenes} scenes, the data now hold {scenes}"
    if scenes == state.scenes:
        before = (
            ""
            if None in (state.data, fingerprint) or state.data == fingerprint
            else "on other pictures or label maps than the data now hold"
        )
    if before and not other_data:
        raise UserError(
            f"{saved.path} was trained {before}; resume with the same data, add --replan to go on with other data, or start "
            "a new run with --init-from"
        )
    if accelerator.num_processes != state.processes and not other_data:
        for phase in state.config.phases[state.progress.phase :]:
            shares(phase, state.config, state.processes, accelerator.num_processes)
        accelerator.print(
            f"The run was started with {counted(state.processes, 'process', 'processes')} and goes on with "
            f"{accelerator.num_processes}: a step takes the same scenes, but sums are rounded in another order, so the result "
            "is not, bit for bit, the one of an unbroken run."
        )
