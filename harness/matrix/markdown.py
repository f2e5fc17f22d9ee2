"""The matrix as a page: a table for each workload, protocols down, faults across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.matrix.outcome import Tally


def page(tallies: Sequence[Tally], *, about: str) -> str:
    """The whole page. ``about``: what was asked for, and of which commit."""
    return "\n".join([*_head(tallies, about), *_tables(tallies), *_faults(tallies)])


def _head(tallies: Sequence[Tally], about: str) -> Iterator[str]:
    good = sum(tally.good for tally in tallies)
    yield "# The matrix: every protocol, every workload that it serves, every kind of fault"
    yield ""
    yield "Made by `harness matrix --markdown docs/matrix.md`; do not edit."
    yield ""
    yield f"{about} {good} of {len(tallies)} cells are as they must be."
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
        yield f"    {tallies[0].cell.trial('7').command('sim')}"
        yield ""


def _tables(tallies: Sequence[Tally]) -> Iterator[str]:
    for workload, own in dict.fromkeys((t.cell.workload, t.cell.line.nemeses) for t in tallies):
        some = [t for t in tallies if (t.cell.workload, t.cell.line.nemeses) == (workload, own)]
        nemeses = list(dict.fromkeys(t.cell.nemesis for t in some))
        rows: dict[str, dict[str, Tally]] = {}
        for tally in some:
            rows.setdefault(tally.cell.line.name, {})[tally.cell.nemesis] = tally
        yield f"## {workload}{', where disks are lost' if own else ''}"
        yield ""
        yield f"| protocol | {' | '.join(n.replace(',', ', ') for n in nemeses)} |"
        yield f"|---|{'---|' * len(nemeses)}"
        for name, of in rows.items():
            texts = [of[n].text if n in of else "-" for n in nemeses]
            yield f"| {name} | {' | '.join(texts)} |"
        yield ""
        for name, of in rows.items():
            line = next(iter(of.values())).cell.line
            if workload in line.breaks:
                yield f"- `{name}` does not claim it: {line.why}"
        yield ""


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
