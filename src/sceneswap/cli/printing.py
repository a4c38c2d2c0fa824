"""Tables on the terminal."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.labels.schema import LabelSchema

if TYPE_CHECKING:
    from sceneswap.engines.on_ray import RayEngine


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
    wide: bool = False,
    error: bool = False,
) -> None:
    """Print a table; cells are text or what rich renders.

    right: columns set flush right. wide: 200 columns where there is no terminal, for files. error: on stderr.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=None if title is None else Text(title))
    for column in header:
        table.add_column(Text(column), justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    Console(width=200 if wide and not sys.stdout.isatty() else None, stderr=error).print(table)


def print_classes(
    schema: LabelSchema,
    pixels: NDArray[np.int64],
    maps: NDArray[np.int64],
    *,
    total: int | None = None,
    shown: int | None = None,
) -> None:
    """Print the classes that have pixels, the commonest first and void last: number in files, pixels, share, maps.

    pixels, maps: (C + 1,) per class. total: the pixels that are 100 %. shown: the most classes; the rest in one line.
    """
    whole, names = total or int(pixels.sum()), (*schema.names, "void")
    order = sorted(np.flatnonzero(pixels[:-1]).tolist(), key=lambda i: -pixels[i])
    left = order[shown:] if shown else []
    rows = [(str(schema.file_values[i]), names[i], pixels[i], f"{maps[i]:,}") for i in order[:shown]]
    rows += [("", f"{len(left)} more", pixels[left].sum(), "")] if left else []
    rows += [("–", "void", pixels[-1], f"{maps[-1]:,}")] if pixels[-1] else []
    cells = [(number, name, f"{count:,}", f"{count / whole:.2%}", files) for number, name, count, files in rows]
    print_table(["id", "class", "pixels", "share", "files"], cells, right=("pixels", "share", "files"))


def print_actors(engine: "RayEngine | None") -> None:
    """Print what every actor of a Ray engine has done; nothing for another engine."""
    if engine is None or not engine.actors:
        return
    rows = [
        (str(one.number), one.node, f"{one.rows:,}", f"{one.rate:.2f}", "lost" if one.state == "lost" else "")
        for one in engine.actors
    ]
    print_table(["actor", "node", "items", "per second", ""], rows, right=("items", "per second"))
