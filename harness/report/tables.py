"""Tables on the console: wide ones too, where nobody's terminal says how wide."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.table import Table

PLAIN_WIDTH = 190


def show_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    words: Collection[str] = (),
    wrong: Collection[int] = (),
) -> None:
    """Print a table to stdout. Columns are of numbers but for those named in ``words``; the rows
    numbered in ``wrong`` are red.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, justify="left" if name in words else "right", no_wrap=True)
    for number, cells in enumerate(rows):
        table.add_row(*cells, style="red" if number in wrong else "")
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=PLAIN_WIDTH)
    console.print(table)
