"""``harness matrix``: every protocol with every workload that it serves under every kind of fault."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from checker.verdict import Outcome
from harness.commands.options import Duration
from harness.commit import commit
from harness.errors import UsageError
from harness.matrix import Cell, Tally, cells
from harness.matrix.cells import REAL_NEMESES, REAL_TIME_MS
from harness.matrix.markdown import page, problem, texts
from harness.report.progress import Progress
from harness.simulated import campaign
from harness.tables import nearest
from harness.trial import Trial
from protocols import PROTOCOLS
from workloads import WORKLOADS

SPEAK_EVERY_S = 10.0
INTERRUPTED = 130
OUTCOMES = {0: Outcome.VALID, 1: Outcome.INVALID}


@click.command("matrix")
@click.argument("protocols", nargs=-1, metavar="[PROTOCOL]...")
@click.option(
    "--workload", "-w", "workloads", multiple=True, help="Only this one; may be repeated."
)
@click.option("--nemesis", "nemeses", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--seeds", type=click.IntRange(1), default=10, show_default=True, help="Trials for each cell."
)
@click.option("--seed", default="matrix", show_default=True, help="What all seeds are made from.")
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), default=os.cpu_count() or 1, show_default=True,
    help="Processes.",
)  # fmt: skip
@click.option(
    "--real", is_flag=True,
    help="On hosts made here, one trial a cell, under partition,kill (and membership).",
)  # fmt: skip
@click.option(
    "--time", "time_ms", type=Duration(), default=str(REAL_TIME_MS // 1000), show_default=True,
    help="With --real: how long clients run.",
)  # fmt: skip
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the tables there, too.",
)  # fmt: skip
def command(**given: Any) -> int:
    """Try each protocol with each workload that it serves under each kind of fault.

    Each cell must end as the protocol claims: valid, or (where it is known not to hold) invalid at
    least once. Exit code 1 if any does not.

    \b
    Examples:
      harness matrix                                     all, ten seeds a cell
      harness matrix raft multipaxos --seeds 200
      harness matrix --real -w register --time 30        real processes, iptables, kill -9
      harness matrix --seeds 200 --markdown docs/matrix.md
    """
    check_names("protocol", given["protocols"], list(PROTOCOLS))
    check_names("--workload", given["workloads"], list(WORKLOADS))
    path: Path | None = given["markdown"]
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--markdown {path}: there is no directory {path.parent}")
    nemeses = given["nemeses"] or (REAL_NEMESES if given["real"] else ())
    tallies = {cell: Tally(cell) for cell in cells(given["protocols"], given["workloads"], nemeses)}
    began = time.monotonic()
    results = real(tallies, given) if given["real"] else simulated(tallies, given)
    interrupted = not gather(results, tallies)
    show(list(tallies.values()))
    trials = sum(tally.counts.total() for tally in tallies.values())
    about = (
        f"Commit {commit()}, seed {given['seed']}: {trials:,} trials, "
        f"{sum(t.cpu_s for t in tallies.values()):.0f} CPU seconds, "
        f"{time.monotonic() - began:.0f} s in all."
    )
    click.echo(about)
    if interrupted:
        click.echo("interrupted: what is not above is not known")
        return INTERRUPTED
    if path is not None:
        path.write_text(page(list(tallies.values()), about=about), encoding="utf-8")
    return 0 if all(tally.good for tally in tallies.values()) else 1


def check_names(what: str, names: Sequence[str], known: list[str]) -> None:
    """Raises UsageError for a name that is in no table."""
    for name in names:
        if name not in known:
            raise UsageError(f"{what}: there is no {name!r}{nearest(name, known)}")


Result = tuple[Cell, Trial, Outcome, str, float]


def simulated(tallies: dict[Cell, Tally], given: dict[str, Any]) -> Iterator[Result]:
    """All cells' first trials, then all second ones: so that what is wrong shows early."""
    trials = [
        (cell, cell.trial(f"{given['seed']}/{number}"))
        for number in range(given["seeds"])
        for cell in tallies
    ]
    where = {trial_key(trial): cell for cell, trial in trials}
    for short in campaign([trial for _, trial in trials], given["jobs"]):
        cell = where[trial_key(short.trial)]
        yield cell, short.trial, short.outcome, short.summary, short.cpu_s


def trial_key(trial: Trial) -> str:
    return trial.command("sim")


def real(tallies: dict[Cell, Tally], given: dict[str, Any]) -> Iterator[Result]:
    """One trial a cell by ``harness test``, one after another; what it says goes to stderr."""
    for cell in tallies:
        trial = cell.real(given["seed"], given["time_ms"])
        words = shlex.split(trial.command("test"))[1:]
        click.echo(f"harness {shlex.join(words)}", err=True)
        began = time.monotonic()
        code = subprocess.run(
            [sys.executable, "-m", "harness", *words], stdout=sys.stderr, check=False
        ).returncode
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        outcome = OUTCOMES.get(code, Outcome.UNKNOWN)
        yield cell, trial, outcome, f"exit code {code}", time.monotonic() - began


def gather(results: Iterator[Result], tallies: dict[Cell, Tally]) -> bool:
    """Count them as they come, and say how it goes; False if it was interrupted."""
    progress, spoken, played = Progress(), time.monotonic(), 0
    try:
        for cell, trial, outcome, summary, cpu_s in results:
            tally, played = tallies[cell], played + 1
            fine = tally.example is None
            tally.add(trial, outcome, summary, cpu_s)
            if fine and tally.example is not None:
                progress.say(f"{cell.line.name}, {cell.workload}, {cell.nemesis}: {problem(tally)}")
            if time.monotonic() - spoken > SPEAK_EVERY_S:
                spoken = time.monotonic()
                progress.say(f"{played} trials of {len(tallies)} cells")
    except KeyboardInterrupt:
        return False
    return True


def show(tallies: Sequence[Tally]) -> None:
    """The table, to stdout; and what is wrong, a line each."""
    nemeses = list(dict.fromkeys(t.cell.nemesis for t in tallies))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("protocol", "workload", *(n.replace(",", ", ") for n in nemeses)):
        table.add_column(name)
    rows: dict[tuple[str, str], list[Tally]] = {}
    for tally in tallies:
        rows.setdefault((tally.cell.line.name, tally.cell.workload), []).append(tally)
    for (protocol, workload), of in rows.items():
        style = "" if all(t.good or not t.counts for t in of) else "red"
        table.add_row(protocol, workload, *(t.strip("*") for t in texts(of, nemeses)), style=style)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(table)
    for tally in tallies:
        if tally.counts and not tally.good:
            cell = tally.cell
            console.print(
                f"{cell.line.name}, {cell.workload}, {cell.nemesis}: {problem(tally)}",
                markup=False, soft_wrap=True,
            )  # fmt: skip
