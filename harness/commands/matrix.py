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
from harness.matrix.kept import Kept, Known, name_of
from harness.matrix.markdown import page, problem, texts
from harness.report.progress import Progress
from harness.simulated import campaign
from harness.tables import nearest
from harness.transports import LOCAL
from harness.trial import Trial
from protocols import PROTOCOLS
from workloads import WORKLOADS

SPEAK_EVERY_S = 10.0
INTERRUPTED = 130
SIM, REAL = "sim", "real"
OUTCOMES = {0: Outcome.VALID, 1: Outcome.INVALID}


@click.command("matrix")
@click.argument("protocols", nargs=-1, metavar="[PROTOCOL]...")
@click.option(
    "--workload", "-w", "workloads", multiple=True, help="Only this one; may be repeated."
)
@click.option("--nemesis", "nemeses", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--seeds",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Trials for each cell; 0: only those that are --kept.",
)
@click.option("--seed", default="matrix", show_default=True, help="What all seeds are made from.")
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), default=os.cpu_count() or 1, show_default=True,
    help="Processes.",
)  # fmt: skip
@click.option(
    "--real", is_flag=True,
    help="On hosts, one trial a cell, under partition,kill (and membership).",
)  # fmt: skip
@click.option(
    "--on", default=LOCAL, show_default=True, metavar="local|INVENTORY",
    help="With --real: which hosts.",
)  # fmt: skip
@click.option(
    "--time", "time_ms", type=Duration(), default=str(REAL_TIME_MS // 1000), show_default=True,
    help="With --real: how long clients run.",
)  # fmt: skip
@click.option(
    "--kept", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Keep each trial there, and do not play again those that it has.",
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
      harness matrix --seeds 200 --kept matrix.jsonl --markdown docs/matrix.md
                                                         interrupted? once more goes on with it
    """
    if given["on"] != LOCAL and not given["real"]:
        raise UsageError("--on is for --real: a simulation has no hosts")
    if not given["seeds"] and given["kept"] is None:
        raise UsageError("--seeds 0 is for --kept: nothing would be played")
    check_names("protocol", given["protocols"], list(PROTOCOLS))
    check_names("--workload", given["workloads"], list(WORKLOADS))
    path: Path | None = given["markdown"]
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"--markdown {path}: there is no directory {path.parent}")
    nemeses = given["nemeses"] or (REAL_NEMESES if given["real"] else ())
    kept = Kept(given["kept"])
    tallies = {cell: Tally(cell) for cell in cells(given["protocols"], given["workloads"], nemeses)}
    began = time.monotonic()
    results = real(tallies, given, kept) if given["real"] else simulated(tallies, given, kept)
    interrupted = not gather(results, tallies)
    show(list(tallies.values()))
    unit = "s on hosts" if given["real"] else "CPU seconds"
    about = about_of(list(tallies.values()), given["seed"], unit, time.monotonic() - began)
    click.echo(about)
    if interrupted:
        click.echo("interrupted: what is not above is not known")
        return INTERRUPTED
    if path is not None:
        text = page(list(tallies.values()), about=about, real=given["real"])
        path.write_text(text, encoding="utf-8")
    return 0 if all(tally.good for tally in tallies.values() if tally.counts) else 1


def about_of(tallies: Sequence[Tally], seed: str, unit: str, seconds: float) -> str:
    """What was played, of which commits, and what it took."""
    trials = sum(tally.counts.total() for tally in tallies)
    commits = sorted({name or "unknown" for tally in tallies for name in tally.commits})
    return (
        f"Commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}, seed {seed}: {trials:,} trials, "
        f"{sum(tally.cpu_s for tally in tallies):,.0f} {unit}, {seconds:,.0f} s this time."
    )


def check_names(what: str, names: Sequence[str], known: list[str]) -> None:
    """Raises UsageError for a name that is in no table."""
    for name in names:
        if name not in known:
            raise UsageError(f"{what}: there is no {name!r}{nearest(name, known)}")


Result = tuple[Cell, Trial, Known]


def simulated(tallies: dict[Cell, Tally], given: dict[str, Any], kept: Kept) -> Iterator[Result]:
    """All cells' first trials, then all second ones: so that what is wrong shows early."""
    trials = [
        (cell, cell.trial(f"{given['seed']}/{number}"))
        for number in range(given["seeds"])
        for cell in tallies
    ]
    yield from already(tallies, given, SIM, kept)
    new = [(c, t) for c, t in trials if name_of(c, t, SIM) not in kept.known]
    where, now = {trial_key(trial): cell for cell, trial in new}, commit()
    for short in campaign([trial for _, trial in new], given["jobs"]):
        cell = where[trial_key(short.trial)]
        name = name_of(cell, short.trial, SIM)
        known = Known(name, short.outcome, short.summary, short.cpu_s, now)
        kept.add(known)
        yield cell, short.trial, known


def already(
    tallies: dict[Cell, Tally], given: dict[str, Any], where: str, kept: Kept
) -> Iterator[Result]:
    """All that is known of these cells, be it of more seeds than are asked for."""
    cell_of = {cell.name: cell for cell in tallies}
    for known in kept.known.values():
        line, workload, nemesis, seed, at = known.name
        cell = cell_of.get((line, workload, nemesis))
        base = seed.rpartition("/")[0] if where == SIM else seed
        if cell is None or at != where or base != given["seed"]:
            continue
        trial = cell.trial(seed) if where == SIM else cell.real(seed, given["time_ms"])
        yield cell, trial, known


def trial_key(trial: Trial) -> str:
    return trial.command("sim")


def real(tallies: dict[Cell, Tally], given: dict[str, Any], kept: Kept) -> Iterator[Result]:
    """One trial a cell by ``harness test``, one after another; what it says goes to stderr."""
    trials = [(cell, cell.real(given["seed"], given["time_ms"])) for cell in tallies]
    yield from already(tallies, given, REAL, kept)
    for cell, trial in trials:
        name = name_of(cell, trial, REAL)
        if name in kept.known or not given["seeds"]:
            continue
        words = [*shlex.split(trial.command("test"))[1:], "--on", given["on"]]
        click.echo(f"harness {shlex.join(words)}", err=True)
        began = time.monotonic()
        code = subprocess.run(
            [sys.executable, "-m", "harness", *words], stdout=sys.stderr, check=False
        ).returncode
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        outcome = OUTCOMES.get(code, Outcome.UNKNOWN)
        took_s = time.monotonic() - began
        known = Known(name, outcome, f"exit code {code}", took_s, commit())
        kept.add(known)
        yield cell, trial, known


def gather(results: Iterator[Result], tallies: dict[Cell, Tally]) -> bool:
    """Count them as they come, and say how it goes; False if it was interrupted."""
    progress, spoken, played = Progress(), time.monotonic(), 0
    try:
        for cell, trial, known in results:
            tally, played = tallies[cell], played + 1
            fine = tally.example is None
            tally.add(trial, known.outcome, known.summary, known.cpu_s, known.commit)
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
