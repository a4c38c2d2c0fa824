"""Bounds are said where a number is declared, and every number that people give has some."""

import dataclasses
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

import pytest

from sceneswap import config
from sceneswap.bounds import Between, hints_of, outside
from sceneswap.cli.main import COMMANDS


@pytest.mark.parametrize(
    ("hint", "value", "broken"),
    [
        (Annotated[int, Between(1, 3)], 0, [0]),
        (Annotated[int, Between(1, 3)], 3, []),
        (Annotated[float, Between(0, 1)], float("nan"), [float("nan")]),
        (Annotated[int, Between(1, 3)] | None, None, []),
        (Annotated[int, Between(1, 3)] | None, 4, [4]),
        (tuple[Annotated[int, Between(1, 3)], ...], (1, 5, 0), [5, 0]),
        (Annotated[tuple[Annotated[float, Between(0, 1)], ...], "help"], (2.0,), [2.0]),
        (Annotated[Annotated[int, Between(1, 3)], "help"], 9, [9]),
        (int, 10**9, []),
    ],
)
def test_what_lies_outside(hint: Any, value: Any, broken: list[float]) -> None:
    found = list(outside({"x": value}, {"x": hint}))
    assert [name for name, _, _ in found] == ["x"] * len(broken)
    assert str([number for _, number, _ in found]) == str(broken)


def test_bounds_say_themselves() -> None:
    assert str(Between(1, 1_000_000)) == "from 1 to 1,000,000"
    assert str(Between(0, 0.5)) == "from 0 to 0.5"


def _unbounded(name: str, hint: Any, *, bounded: bool = False) -> Iterator[str]:
    """The numbers that a type leaves without bounds."""
    if hint in (int, float):
        if not bounded:
            yield name
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        for field, inner in hints_of(hint).items():
            yield from _unbounded(f"{name}.{field}", inner)
    else:
        here = any(isinstance(one, Between) for one in getattr(hint, "__metadata__", ()))
        for inner in (a for a in typing.get_args(hint) if not isinstance(a, Between)):
            yield from _unbounded(name, inner, bounded=bounded or here)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_number_on_the_command_line_has_bounds(name: str) -> None:
    commands = import_module(f"sceneswap.cli.{name}").COMMANDS
    for command in commands.values() if isinstance(commands, dict) else [commands]:
        for option, hint in typing.get_type_hints(command, include_extras=True).items():
            assert list(_unbounded(option, hint)) == []


def test_every_number_of_the_settings_has_bounds() -> None:
    open_ended = {
        "TrainConfig.betas",
        "TrainConfig.ema_decay",
        "TrainConfig.jitter_gain",
    }  # below 1, and checked for it
    assert set(_unbounded("TrainConfig", config.TrainConfig)) == open_ended
