"""`sceneswap presets`."""

from collections.abc import Callable
from typing import Annotated

import tyro

from sceneswap.cli.printing import print_table
from sceneswap.config import load_train_config
from sceneswap.presets import PRESETS, preset_text


def list_presets() -> None:
    """List the presets of training.

    Try:

        sceneswap presets list
    """
    rows = []
    for name in PRESETS:
        settings = load_train_config(name)
        phases = ", ".join(
            f"{p.name} ({p.steps:,} steps)" if p.steps else f"{p.name} ({p.epochs:g} epochs)" for p in settings.phases
        )
        rows.append((name, settings.model.encoder, settings.schema, phases))
    print_table(["preset", "encoder", "classes", "phases"], rows)


def show(name: Annotated[str, tyro.conf.Positional]) -> None:
    """Print a preset as TOML, to look at, or to change in a file of your own.

    A file that begins with `base = "small"` needs to hold only what differs.

    Try:

        sceneswap presets show small > mine.toml

    Args:
        name: paper, outdoor-small, small or tiny.
    """
    print(preset_text(name), end="")


COMMANDS: dict[str, Callable[..., None]] = {"list": list_presets, "show": show}
