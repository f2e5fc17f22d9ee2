"""The table: what was measured at each site beside what the matrix predicts, as text or for a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.wan.forms import mean
from harness.wan.measured import Result


def ms(value: float | None) -> str:
    """A time in whole ms, or tenths of short ones.

    >>> ms(143.6), ms(0.14), ms(None)
    ('144', '0.1', '-')
    """
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def cells(one: Result) -> list[str]:
    """The row's name, its zones and their mean, measured / predicted, and how far that is off."""
    known = [m for m in one.measured if m is not None]
    whole = mean(known) if len(known) == len(one.measured) else None
    off = one.off()
    pairs = zip([*one.measured, whole], [*one.predicted, mean(one.predicted)], strict=True)
    shown = [f"{ms(m)} / {ms(p)}" for m, p in pairs]
    return [one.row.name, *shown, "-" if off is None else f"{off:+.0%}".replace("%", " %")]


def predictions(one: Result) -> list[str]:
    """The row's name, and what its form says for each zone and for the mean."""
    return [one.row.name, *(ms(p) for p in one.predicted), ms(mean(one.predicted))]


def text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns for a terminal: the first to the left, the others to the right."""
    wide = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        first, *rest = row
        yield "  ".join(
            [first.ljust(wide[0]), *(c.rjust(w) for c, w in zip(rest, wide[1:], strict=True))]
        )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|---" + "|--:" * (len(head) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
