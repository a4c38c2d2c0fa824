"""What is kept: training states (everything, exact) and release files (EMA weights, folded, with their schema).

Both open with nothing else at hand: configuration, label schema, class names and the training record lie inside.
safetensors and JSON only. Every write is atomic; a training state is one file, so it is there or it is not.
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sceneswap import config as configuration
from sceneswap.config import ModelConfig
from sceneswap.errors import UserError
from sceneswap.files import check_regular, make_folder, parse_json, read_json, sha256, sweep, write_bytes, write_json
from sceneswap.labels.presets import schema_from_dict
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.build import FROZEN, Network, build_generator
from sceneswap.models.int8 import packed, unpacked
from sceneswap.models.spade import fold_spectral_norm, settle_spectral_norm
from sceneswap.remote import here

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
RELEASE_FORMAT = "sceneswap-release-1"
STATE_FORMAT = "sceneswap-training-1"
_META = "sceneswap"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what Adam keeps of a parameter


# --- Tensors and JSON in one file -------------------------------------------------------------------------------------


def write_tensors(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write tensors and a JSON value as one safetensors file, atomically. Raises `UserError` when it cannot be written."""
    write_bytes(path, _tensor_bytes(tensors, meta))


def _tensor_bytes(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> bytes:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(plain, metadata={_META: json.dumps(meta)})


def read_tensors(path: Path, what: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read back `write_tensors`. Raises `UserError` naming the file when it is missing, truncated or of another kind."""
    try:
        check_regular(path, what)
        with here(path) as local, safe_open(local, framework="pt") as file:
            meta = parse_json((file.metadata() or {}).get(_META, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, meta  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; it should be {what}") from None
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(f"{path} cannot be read as {what} ({error}); it is damaged or not complete") from error


# --- Release files ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Release:
    """A model as it is handed out: network in evaluation mode, its configuration, schema and training record."""

    network: Network
    model: ModelConfig
    schema: LabelSchema
    record: dict[str, Any]


def save_release(folder: Path, release: Release, *, half: bool = False, int8: bool = False) -> None:
    """Write `model.safetensors` and `config.json`; spectral norm must be folded. half: fp16 weights; int8: see `int8.packed`.

    Weights first, the configuration with their hash last: a half-written folder is noticed by `load_release`.
    """
    make_folder(folder)
    state = learned_state(release.network)
    if int8:
        state = packed(state)
    elif half:
        state = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    write_tensors(folder / WEIGHTS, state, {"format": RELEASE_FORMAT})
    write_json(
        folder / CONFIG,
        {
            "format": RELEASE_FORMAT,
            "model": configuration.to_dict(release.model),
            "class_names": list(release.schema.names),
            "schema": release.schema.to_dict(),
            "weights_sha256": sha256(folder / WEIGHTS),
            "record": release.record,
        },
    )


def weights_sha256(network: nn.Module) -> str:
    """SHA-256 of the `model.safetensors` that `save_release` would write of a network, in full precision."""
    return hashlib.sha256(_tensor_bytes(learned_state(network), {"format": RELEASE_FORMAT})).hexdigest()


def load_release(folder: Path, vgg19: Path | None = None) -> Release:
    """Read a release folder into fp32 and evaluation mode.

    vgg19: for models with the VGG-19 encoder, see `models.pretrained.vgg`. Raises `UserError` naming the file when one is
    missing, damaged, truncated or does not fit the other.
    """
    values = read_json(folder / CONFIG, "the configuration of a released model")
    if not isinstance(values, dict) or values.get("format") != RELEASE_FORMAT:
        raise UserError(f"{folder / CONFIG} is not the configuration of a released sceneswap model")
    model = configuration.from_dict(ModelConfig, values.get("model", {}), f"{folder / CONFIG}: model")
    schema = schema_from_dict(values.get("schema", {}), f"{folder / CONFIG}: schema")
    record = values.get("record", {})
    if not isinstance(record, dict):
        raise UserError(f"{folder / CONFIG}: record must be a table; fetch or export the model again")
    if not (folder / WEIGHTS).exists():
        raise UserError(f"{folder / WEIGHTS} is missing; fetch or export the model again")
    check_regular(folder / WEIGHTS)
    if sha256(folder / WEIGHTS) != values.get("weights_sha256"):
        raise UserError(
            f"{folder / WEIGHTS} is damaged, truncated or of another model than {folder / CONFIG} "
            "(its SHA-256 differs); fetch or export the model again"
        )
    state, _ = read_tensors(folder / WEIGHTS, "the weights of a released model")
    _check_finite(state, str(folder / WEIGHTS))
    try:
        state = unpacked(state)
    except KeyError as error:
        raise UserError(f"{folder / WEIGHTS} does not fit this model: {error.args[0]} is missing") from error
    network = build_generator(model, schema.num_classes, vgg19)
    fold_spectral_norm(network)
    load_learned(network, state, str(folder / WEIGHTS))
    network.requires_grad_(False).eval()
    return Release(network, model, schema, record)


def _check_finite(state: Mapping[str, Tensor], source: str) -> None:
    """Raise `UserError` naming the first tensor that holds NaN or infinity: its model would draw black pictures."""
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise UserError(f"{source}: the weights {name} hold NaN or infinity; fetch or export the model again")


def learned_state(network: nn.Module) -> dict[str, Tensor]:
    """The state of `network` without frozen pretrained parts and without tensors shared under a second name."""
    seen: set[int] = set()
    state = {}
    for name, tensor in network.state_dict().items():
        if FROZEN in name or tensor.data_ptr() in seen:
            continue
        seen.add(tensor.data_ptr())
        state[name] = tensor
    return state


def load_learned(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load `learned_state` back into a network of the same shape. Raises `UserError` naming `source` if it does not fit."""
    wanted = learned_state(network)
    for name, tensor in wanted.items():
        if name not in state or state[name].shape != tensor.shape:
            raise UserError(f"{source} does not fit this model: {name} is missing or of another shape")
    if extra := sorted(set(state) - set(wanted)):
        raise UserError(f"{source} does not fit this model: {extra[0]} is not a part of it")
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(state[name])


def load_folded(network: nn.Module, folded: Mapping[str, Tensor], source: str) -> None:
    """Warm-start a network with spectral norm from a folded state: the norm of a folded weight is 1, so it fits as is."""
    state = learned_state(network)
    for name, layer in network.named_modules():
        if parametrize.is_parametrized(layer, "weight"):
            state[f"{name}.parametrizations.weight.original"] = folded[f"{name}.weight"]
    state |= {name: tensor for name, tensor in folded.items() if name in state}
    load_learned(network, state, source)
    settle_spectral_norm(network)


# --- Training states --------------------------------------------------------------------------------------------------


def state_path(run: Path, step: int) -> Path:
    """The file of the training state after `step` optimiser steps."""
    return run / "checkpoints" / f"state-{step:08d}.safetensors"


def newest_state(run: Path) -> Path | None:
    """The newest training state of a run folder, None if it has none."""
    return max((run / "checkpoints").glob("state-*.safetensors"), default=None)


def write_state(
    run: Path, step: int, *, networks: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer],
    meta: Mapping[str, Any], keep: int,
) -> Path:  # fmt: skip
    """Write the exact training state, then delete all but the newest `keep`.

    Holds every network and both moments of every optimizer; `meta` holds the configuration, the schema, the phase, the
    step and the position in the data. Random numbers need no state: data and noise of a step are seeded by its number.
    """
    tensors: dict[str, Tensor] = {}
    for name, network in networks.items():
        tensors |= {f"{name}/{key}": value.clone() for key, value in learned_state(network).items()}
    groups = {}
    for name, optimizer in optimizers.items():
        state = optimizer.state_dict()
        groups[name] = state["param_groups"]
        for parameter, moments in state["state"].items():
            tensors |= {f"{name}/{parameter}/{key}": value.clone() for key, value in moments.items()}
    path = state_path(run, step)
    write_tensors(path, tensors, {"format": STATE_FORMAT, "optimizers": groups, "step": step, **meta})
    for old in sorted(path.parent.glob("state-*.safetensors"))[:-keep]:
        old.unlink()
    sweep(path.parent, alone=True)  # the run is locked
    return path


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a training state: tensors and meta. Raises `UserError` when it is damaged or something else."""
    tensors, meta = read_tensors(path, "a training state")
    if not isinstance(meta, dict) or meta.get("format") != STATE_FORMAT:
        raise UserError(f"{path} is not a training state of sceneswap")
    return tensors, meta


def restore_state(
    tensors: Mapping[str, Tensor], *, networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer], source: str, scaled: bool = False,
) -> None:  # fmt: skip
    """Put a state read by `read_state` back into networks and optimizers of the same shapes.

    scaled: whether the loss is scaled (fp16), so that no step may have been taken yet. Raises `UserError` naming `source`
    when a part is missing or does not fit.
    """
    for name, network in networks.items():
        load_learned(network, below(tensors, name), source)
    for name, optimizer in optimizers.items():
        found = below(tensors, name)
        state: dict[int, dict[str, Tensor]] = {}
        for number, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
            moments = {moment: found.pop(f"{number}/{moment}", None) for moment in _MOMENTS}
            if all(value is None for value in moments.values()) and (scaled or not parameter.requires_grad):
                continue
            for moment, value in moments.items():
                if value is None or value.shape != (() if moment == "step" else parameter.shape):
                    raise UserError(
                        f"{source} cannot be gone on with: {moment} of parameter {number} of {name} is missing or of "
                        "another shape; go on from an older state, or start a new run with --init-from"
                    )
            state[number] = {moment: value for moment, value in moments.items() if value is not None}
        if found:
            raise UserError(f"{source} does not fit this run: {name} holds {next(iter(found))}, which nothing needs")
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def below(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The part `name` of a training state: what `name/X` names there, as X."""
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}


def folded_copy(network: Network) -> Network:
    """A copy of `network` on the CPU with spectral norm folded, frozen, in evaluation mode; the original is left alone."""
    copied = copy.deepcopy(network).cpu().eval()
    fold_spectral_norm(copied)
    copied.requires_grad_(False)
    return copied
