"""A training run becomes a model: the moving average of its newest state, with the record of how it was trained."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sceneswap import __version__, checkpoint
from sceneswap.checkpoint import Release
from sceneswap.config import TrainConfig, from_dict
from sceneswap.errors import UserError
from sceneswap.files import read_json
from sceneswap.labels.presets import schema_from_dict
from sceneswap.models.build import build_generator


def export_run(
    run: Path,
    out: Path,
    *,
    half: bool = False,
    name: str | None = None,
    vgg19: Path | None = None,
    label_head: bool = True,
) -> Release:
    """Write the newest state of the training run `run` as a release folder `out`, and return the release.

    half: fp16 weights. name: of the model, the run's folder name by default. vgg19: see `models.pretrained.vgg`.
    label_head: whether the head comes along, if there is one; a model without it reads photographs with a segmenter.
    Raises `UserError` when `run` holds no readable training state or `out` cannot be written or is something else.
    """
    _check_folders(run, out)
    path = checkpoint.newest_state(run)
    if path is None:
        raise UserError(f"{run} is no training run: it holds no checkpoints/state-*.safetensors; train one first")
    tensors, meta = checkpoint.read_state(path)
    try:
        settings, schema_values, progress = meta["config"], meta["schema"], meta["progress"]
        step = int(progress["step"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a complete training state: {error} is missing or wrong") from error
    config = from_dict(TrainConfig, settings, str(path))
    schema = schema_from_dict(schema_values)
    network = build_generator(config.model, schema.num_classes, vgg19)
    checkpoint.restore_state(tensors, meta, networks={"average": network}, optimizers={}, source=str(path))
    record = {
        "name": name or run.resolve().name,
        "config": settings,
        "step": step,
        **_read_log(run / "metrics.jsonl", step),
        "seconds": progress.get("seconds"),
        "device": meta.get("device"),
        "processes": meta.get("processes"),
        "scenes": meta.get("scenes"),
        "seed": config.seed,
        "torch": str(torch.__version__),
        "sceneswap": __version__,
    }
    model = config.model
    if not label_head:
        network.label_head, model = None, replace(model, label_head=0)
    release = Release(checkpoint.folded_copy(network), model, schema, record)
    checkpoint.save_release(out, release, half=half)
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
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        try:
            values = json.loads(line)
            at = int(values["step"])
        except (ValueError, KeyError, TypeError):
            continue
        if at > step:
            break
        if "terms" in values:
            phases[values["phase"]] = phases.get(values["phase"], 0) + at - before
            before = at
            found["losses"] = values["terms"]
        elif "alarms" in values:
            found["alarms"] = {**values["alarms"], "ignores": values["ignores"], "copies": values["copies"]}
    return {"phases": [{"name": n, "steps": s} for n, s in phases.items()], **found}
