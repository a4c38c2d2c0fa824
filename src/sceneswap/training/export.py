"""A training run becomes a model: the moving average of its newest state, with the record of how it was trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sceneswap import __version__, checkpoint
from sceneswap.checkpoint import Release
from sceneswap.config import to_dict
from sceneswap.errors import UserError
from sceneswap.files import read_json
from sceneswap.guard import keep_files
from sceneswap.models.build import build_generator
from sceneswap.training.log import read_log
from sceneswap.training.state import read_run


def export_run(
    run: Path,
    out: Path,
    *,
    half: bool = False,
    int8: bool = False,
    name: str | None = None,
    vgg19: Path | None = None,
    label_head: bool = True,
) -> Release:
    """Write the newest state of the training run `run` as a release folder `out`, and return the release.

    half: fp16 weights; int8: see `models.int8`. name: of the model, the run's folder name by default. vgg19: see
    `models.pretrained.vgg`. label_head: whether the head comes along, if there is one; a model without it reads photographs
    with a segmenter.
    Raises `UserError` when `run` holds no readable training state or `out` cannot be written or is something else.
    """
    _check_folders(run, out)
    keep_files([out / checkpoint.WEIGHTS, out / checkpoint.CONFIG])
    path = checkpoint.newest_state(run)
    if path is None:
        raise UserError(f"{run} is no training run: it holds no checkpoints/state-*.safetensors; train one first")
    saved = read_run(path)
    state = saved.state
    config, schema = state.config, state.label_schema(path)
    network = build_generator(config.model, schema.num_classes, vgg19)
    saved.restore({"average": network}, {})
    record = {
        "name": name or run.resolve().name,
        "config": to_dict(config),
        "step": state.progress.step,
        **_read_log(run / "metrics.jsonl", state.progress.step),
        "seconds": state.progress.seconds,
        "device": state.device,
        "processes": state.processes,
        "scenes": state.scenes,
        "start": state.start,
        "seed": config.seed,
        "torch": str(torch.__version__),
        "sceneswap": __version__,
    }
    model = config.model
    if not label_head:
        network.label_head, model = None, replace(model, label_head=0)
    release = Release(checkpoint.folded_copy(network), model, schema, record)
    checkpoint.save_release(out, release, half=half, int8=int8)
    return release


def _check_folders(run: Path, out: Path) -> None:
    if not run.is_dir():
        raise UserError(f"there is no training run {run}; name the folder that `sceneswap train --out` wrote")
    there = out / checkpoint.CONFIG
    if there.exists():
        try:
            known = read_json(there, "a model").get("format") == checkpoint.RELEASE_FORMAT
        except (UserError, AttributeError):
            known = False
        if not known:
            raise UserError(f"{there} is not of a model and would be overwritten; choose another folder with --out")


def _read_log(path: Path, step: int) -> dict[str, Any]:
    """What `metrics.jsonl` says up to `step`: steps per phase, last losses, last alarms. Damaged lines are passed over."""
    phases: dict[str, int] = {}
    found: dict[str, Any] = {"losses": None, "alarms": None}
    before = 0
    for line in read_log(path) if path.exists() else ():
        match line:
            case {"step": at} if at > step:
                break
            case {"step": at, "phase": str(phase), "terms": dict(terms)}:
                phases[phase] = phases.get(phase, 0) + at - before
                before, found["losses"] = at, terms
            case {"alarms": dict(alarms), "ignores": bool(ignores), "copies": bool(copies)}:
                found["alarms"] = {**alarms, "ignores": ignores, "copies": copies}
    return {"phases": [{"name": n, "steps": s} for n, s in phases.items()], **found}
