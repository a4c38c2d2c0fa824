"""Which numbers make sense: said once, where a number is declared, and checked in one place for all.

    batch_size: Annotated[int, Between(1, 1024)]

The settings of a training and the options of every command are declared so; `outside` finds what breaks it.
"""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from sceneswap.errors import UserError


@dataclass(frozen=True)
class Between:
    """Numbers from `least` to `most`, both included; NaN is none of them."""

    least: float
    most: float

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"from {plain(self.least)} to {plain(self.most)}"


Count = Annotated[int, Between(1, 1_000_000)]
LongSide = Annotated[int, Between(8, 16_384)]
Percent = Annotated[int, Between(1, 100)]
Seed = Annotated[int, Between(0, 2**32 - 1)]
Share = Annotated[float, Between(0, 1)]
Workers = Annotated[int, Between(1, 256)]
Weight = Annotated[float, Between(-1e6, 1e6)]


def plain(number: float) -> str:
    """A number for a message."""
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def outside(values: Mapping[str, Any], hints: Mapping[str, Any]) -> Iterator[tuple[str, Any, Between]]:
    """Yield the name, the number and the bounds of every number among `values` that lies outside of those its type names.

    hints: types by name, `Annotated` ones kept. Numbers in tuples and dataclasses are looked at too; None never breaks a
    bound.
    """
    for name, value in values.items():
        for broken, bounds in _broken(hints.get(name), value):
            yield name, broken, bounds
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from outside_of_fields(value)


def outside_of_fields(one: Any) -> Iterator[tuple[str, Any, Between]]:
    """`outside` for the fields of a dataclass."""
    yield from outside({f.name: getattr(one, f.name) for f in dataclasses.fields(one)}, hints_of(type(one)))


def check_options(values: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Raise `UserError` for the first option that `outside` finds."""
    for name, value, bounds in outside(values, hints):
        raise UserError(f"--{name.replace('_', '-')} {plain(value)}: give a number {bounds}")


def hints_of(cls: type) -> dict[str, Any]:
    """The types of a dataclass's fields, `Annotated` ones kept."""
    return typing.get_type_hints(cls, include_extras=True)


def _broken(hint: Any, value: Any) -> Iterator[tuple[Any, Between]]:
    if value is None:
        return
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        bounds = [one for one in arguments[1:] if isinstance(one, Between)]
        yield from ((value, one) for one in bounds if value not in one)
        yield from _broken(arguments[0], value)
    elif origin in (types.UnionType, typing.Union):
        for argument in arguments:
            yield from _broken(argument, value)
    elif origin is tuple and isinstance(value, tuple):
        inner = [arguments[0]] * len(value) if arguments[1:] == (Ellipsis,) else arguments
        for one, part in zip(inner, value, strict=False):
            yield from _broken(one, part)
