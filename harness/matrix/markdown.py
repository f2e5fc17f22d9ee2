"""The matrix as a page: a table for each workload, protocols down, faults across."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.matrix.cells import HEADINGS, REAL_TIME_MS, Cell
from harness.matrix.outcome import Tally


def page(tallies: Sequence[Tally], *, about: str, real: bool = False) -> str:
    """The whole page. ``about``: what was asked for, and of which commit; ``real``: it was played on hosts."""
    return "\n".join([*_head(tallies, about, real=real), *_tables(tallies), *_faults(tallies)])


def _head(tallies: Sequence[Tally], about: str, *, real: bool) -> Iterator[str]:
    how = "harness matrix --real" if real else "harness matrix"
    good = sum(tally.good for tally in tallies)
    yield "# The matrix: every protocol, every workload that it serves, every kind of fault"
    yield ""
    yield f"Made by `{how} --markdown FILE`; do not edit."
    yield ""
    played = sum(bool(tally.counts) for tally in tallies)
    yield f"{about} {good} of {played} cells are as they must be."
    yield ""
    yield (
        "A cell says how its trials ended. Where a protocol does not claim what a workload asks, by "
        "design, some must be *invalid*: that the checks see it is the point. What is not as it must be "
        "is **bold**, and below."
    )
    yield ""
    if tallies:
        yield "To play one cell's trials, here the first's:"
        yield ""
        cell = tallies[0].cell
        yield f"    {cell.real('7', REAL_TIME_MS).command('test') if real else cell.trial('7').command('sim')}"
        yield ""


def _tables(tallies: Sequence[Tally]) -> Iterator[str]:
    """A table for each workload; then one for each sort of lines that are there for some faults."""
    usual = [tally for tally in tallies if not tally.cell.line.nemeses]
    for workload in dict.fromkeys(t.cell.workload for t in usual):
        of = [tally for tally in usual if tally.cell.workload == workload]
        yield f"## {workload}"
        yield ""
        yield from _table("protocol", lambda cell: cell.line.name, of)
    for own in dict.fromkeys(t.cell.line.nemeses for t in tallies if t.cell.line.nemeses):
        of = [tally for tally in tallies if tally.cell.line.nemeses == own]
        yield f"## {HEADINGS[own]}"
        yield ""
        yield from _table(
            "protocol | workload", lambda cell: f"{cell.line.name} | {cell.workload}", of
        )


def _table(head: str, name: Callable[[Cell], str], tallies: Sequence[Tally]) -> Iterator[str]:
    """Rows by ``name``, faults across; and what is not claimed."""
    nemeses = list(dict.fromkeys(t.cell.nemesis for t in tallies))
    rows: dict[str, list[Tally]] = {}
    for tally in tallies:
        rows.setdefault(name(tally.cell), []).append(tally)
    yield f"| {head} | {' | '.join(n.replace(',', ', ') for n in nemeses)} |"
    yield f"|{'---|' * (1 + head.count('|') + len(nemeses))}"
    for row, of in rows.items():
        yield f"| {row} | {' | '.join(texts(of, nemeses))} |"
    yield ""
    for line in dict.fromkeys(
        t.cell.line for t in tallies if t.cell.workload in t.cell.line.breaks
    ):
        yield f"- `{line.name}` does not claim it: {line.why}"
    yield ""


def texts(row: Sequence[Tally], nemeses: Sequence[str]) -> list[str]:
    """What stands in a row, in the columns of these faults."""
    of = {tally.cell.nemesis: tally.text for tally in row}
    return [of.get(nemesis, "-") for nemesis in nemeses]


def _faults(tallies: Sequence[Tally]) -> Iterator[str]:
    wrong = [tally for tally in tallies if not tally.good and tally.counts]
    if not wrong:
        return
    yield "## Not as it must be"
    yield ""
    for tally in wrong:
        cell = tally.cell
        yield f"- {cell.line.name}, {cell.workload}, {cell.nemesis}: {problem(tally)}"
    yield ""


def problem(tally: Tally) -> str:
    """What is wrong with a cell, and the command that shows it."""
    if tally.example is None:
        return f"never {tally.cell.expected.value} in {tally.counts.total()} trials"
    trial, said = tally.example
    return f"{said} (`{trial.command('sim')}`)"
