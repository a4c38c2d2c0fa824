"""Settings as frozen dataclasses: what refuses itself, and the way from plain values (of TOML, JSON, a checkpoint) and back."""

import dataclasses
import math
import reprlib
import types
import typing
from collections.abc import Iterator
from itertools import chain
from typing import Any, Literal, TypeVar

from sceneswap.bounds import outside_of_fields, plain
from sceneswap.errors import UserError


class Settings:
    """What all settings are: refused with `ValueError` where a number is out of its bounds or parts contradict each other."""

    @property
    def place(self) -> str:
        """What a message calls them."""
        return type(self).__name__.removesuffix("Config").lower()

    def __post_init__(self) -> None:
        bounds = (f"{name} must be {bounds}, not {plain(value)}" for name, value, bounds in outside_of_fields(self))
        for fault in chain(bounds, self.faults()):
            raise ValueError(f"{self.place}: {fault}")

    def faults(self) -> Iterator[str]:
        """What cannot be, beside numbers out of bounds."""
        yield from ()


T = TypeVar("T")

_FORMER_NAMES = {"raw_colour": "raw_color"}
"""What settings were called in files of before; such files are still read."""


def from_dict(cls: type[T], values: dict[str, Any], where: str) -> T:
    """Build the frozen dataclass `cls` from plain values (of TOML or JSON).

    where: names the file or place for messages. Raises `UserError` on unknown keys, wrong types, impossible values.
    """
    if not isinstance(values, dict):
        raise UserError(f"{where}: a table of settings is needed, not {values!r}")
    values = {_FORMER_NAMES.get(key, key): value for key, value in values.items()}
    targets = values.get("pretrain_targets")
    if isinstance(targets, list):
        values["pretrain_targets"] = ["color" if one == "colour" else one for one in targets]
    hints = typing.get_type_hints(cls)
    known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise UserError(f"{where}: unknown setting {key!r}; the known ones are {', '.join(sorted(known))}")
    unset = dataclasses.MISSING
    for f in dataclasses.fields(cls):  # type: ignore[arg-type]
        if f.name not in values and f.default is unset and f.default_factory is unset:
            raise UserError(f"{where}: the setting {f.name} is missing")
    try:
        return cls(**{key: _convert(hints[key], value, f"{where}: {key}") for key, value in values.items()})
    except ValueError as error:
        table = where.rpartition(": ")[2]  # which a class names too, since it may stand alone
        raise UserError(f"{where}: {str(error).removeprefix(f'{table}: ')}") from error


def to_dict(config: Any) -> dict[str, Any]:
    """The plain-value form of a configuration, for JSON and TOML; `from_dict` reads it back."""
    return dataclasses.asdict(config)


_LARGEST = 10**300
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", dict: "a table"}


def _fitting(kinds: tuple[Any, ...], value: Any) -> Any:
    """The kind of a union that `value` is of, else the first that is not None."""
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    return next((kind for kind in kinds if kind is type(value)), kinds[0])


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_dict(hint, value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise UserError(f"{where} must be one of {', '.join(map(str, arguments))}, not {reprlib.repr(value)}")
    if origin is tuple:
        if isinstance(value, list | tuple):
            inner = [arguments[0]] * len(value) if arguments[1:] == (Ellipsis,) else list(arguments)
            if len(inner) == len(value):
                return tuple(_convert(h, v, f"{where}[{i}]") for i, (h, v) in enumerate(zip(inner, value, strict=True)))
        raise UserError(f"{where} must be a list of the right length, not {reprlib.repr(value)}")
    if hint is Any:
        return value
    if origin is dict and isinstance(value, dict):
        return {key: _convert(arguments[1], one, f"{where}: {key}") for key, one in value.items()}
    if origin is types.UnionType:
        return value if value is None else _convert(_fitting(arguments, value), value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < _LARGEST else math.copysign(math.inf, value)
    if isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise UserError(f"{where} must be {_WORDS.get(origin or hint, hint)}, not {reprlib.repr(value)}")
