"""Tables on the terminal."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any


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
