"""Ours, GAP and SPADE_VAE by one recipe, data, seed and number of steps: one command that can be left running.

    python -m benchmarks.outdoor.baselines --data data/outdoor/train/* --out runs/baselines

The models are trained one after another and exported to OUT/models. Stop it with Ctrl-C, or kill it, and give the same
command again: it goes on where it stopped (a state is kept every `checkpoint_every` steps of the preset). The steps below are
two hours or so for each on one core; --set changes them as it does in `sceneswap train`. At the end stands the command of the
report that compares the three.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import tyro

from benchmarks.chain import METHODS
from sceneswap.checkpoint import CONFIG, newest_state
from sceneswap.cli.main import run
from sceneswap.errors import UserError
from sceneswap.files import read_json, write_json

STEPS = ("phases.label-head.steps=200", "phases.patch.steps=800", "phases.swap.steps=1000", "phases.whole.steps=300")


def main(
    data: tuple[Path, ...],
    out: Path,
    preset: str = "outdoor-small",
    changes: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="set", metavar="NAME=VALUE")
    ] = (),
    device: str = "auto",
    workers: int = 1,
) -> None:
    """Train and export the three models.

    Args:
        data: Folders of the training split.
        out: Folder for the runs and the models.
        preset: The recipe.
        changes: Settings that differ from the preset, for all three; the steps of its phases unless given.
        device: See `sceneswap train`.
        workers: Threads that prepare batches.
    """
    changes = changes or (STEPS if preset == "outdoor-small" else ())
    recipe = {"data": [str(root.resolve()) for root in data], "preset": preset, "changes": list(changes)}
    _same_recipe(out / "recipe.json", recipe)
    settings = [part for change in changes for part in ("--set", change)]
    for name, kind in METHODS.items():
        model = out / "models" / name
        if (model / CONFIG).exists():
            print(f"{name}: {model} is there", flush=True)
            continue
        folder = out / "runs" / name
        options = ["--data", *data, "--out", folder, "--device", device, "--workers", workers]
        if newest_state(folder) is None:
            options += ["--preset", preset, "--model", kind, *settings]
        else:
            options.append("--resume")
        _sceneswap("train", *options)
        _sceneswap("export", folder, "--out", model, "--name", name, "--half", "--no-label-head")
    models = " ".join(f"{name}={out / 'models' / name}" for name in METHODS)
    print(f"python -m benchmarks.outdoor.report --data … --train … --model {models} --out …")


def _same_recipe(path: Path, recipe: Mapping[str, object]) -> None:
    """Keep the recipe of the first call, and hold later ones to it: models by different ones cannot be compared."""
    if not path.exists():
        write_json(path, recipe)
    elif read_json(path, "the recipe of the baselines") != recipe:
        raise UserError(f"{path} has another recipe than this command; give another --out, or the same options")


def _sceneswap(*arguments: object) -> None:
    """Run a command of the package; it has said itself why it fails."""
    if run([str(argument) for argument in arguments]):
        raise UserError(f"sceneswap {arguments[0]} failed; what it said stands above")


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except UserError as error:
        print(f"baselines: {error}", file=sys.stderr)
        sys.exit(2)
