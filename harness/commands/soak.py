"""``harness soak``: trial after trial for hours, on all cores or on a cluster; for nightly runs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from checker.verdict import Outcome
from harness.commands import shared
from harness.commands.options import Duration
from harness.commit import commit
from harness.crew import ClusterCrew, Crew, LocalCrew
from harness.errors import UsageError
from harness.report.progress import Progress, to_stdout
from harness.search.strategies import STRATEGIES
from harness.search.swarm import LONGEST_MS
from harness.shrink import Bounds, first_invalid
from harness.simulated import Short, keep, play
from harness.soak import Record, Tally, bases, soak, trials
from harness.tables import nearest
from harness.trial import Trial
from protocols import PROTOCOLS
from workloads import WORKLOADS

SPEAK_EVERY_S = 10.0
INTERRUPTED = 130
SHRINK = Bounds(trials=2_000, seconds=30)


@click.command("soak")
@click.argument("protocols", nargs=-1, metavar="[PROTOCOL]...")
@click.option(
    "--time", "time_ms", type=Duration(), default="1h", show_default=True, help="How long."
)
@click.option("--trials", "most", type=click.IntRange(1), help="End after so many trials.")
@click.option(
    "--workload", "-w", "workloads", multiple=True, help="Only this one; may be repeated."
)
@click.option(
    "--nemesis", default="none", help="Draw from these faults; default: all that are drawn."
)
@click.option(
    "--search", type=click.Choice(list(STRATEGIES)), default="swarm", show_default=True,
    help="How trials are chosen: see docs/search.md.",
)  # fmt: skip
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), default=os.cpu_count() or 1, show_default=True,
    help="Processes of this machine.",
)  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS", help="The workers of this dask scheduler, instead.")
@click.option("--seed", help="What all seeds are made from; default: the commit.")
@click.option(
    "--failures", type=click.IntRange(1), default=10, show_default=True,
    help="End after so many failures; each is stored, and shrunk.",
)  # fmt: skip
@shared.store
def command(**given: Any) -> int:
    """Play trial after trial, each of another configuration, until the time is over.

    PROTOCOL: those of the table, or your own package.module:attribute; default: all, each with every
    workload that it keeps. Each trial is a line of trials.jsonl in the store as soon as it ends.
    Exit code 1 if any failed, 2 if any was not decided (vacuous ones are counted, and no more).

    \b
    Examples:
      harness soak --time 8h
      harness soak raft multipaxos -w append --time 10m
      harness soak --scheduler tcp://10.0.0.5:8786 --time 8h      workers: dask worker ADDRESS --nthreads 1
    """
    check_names(given)
    seed = given["seed"] or (commit() or "0").rstrip("+")
    base = Trial(protocol="none yet", time_ms=LONGEST_MS, nemesis=given["nemesis"], seed=seed)
    chosen = bases(given["protocols"], given["workloads"], base)
    if not chosen:
        raise UsageError("none of these protocols serves any of these workloads")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    record = Record(given["store"] / "soak" / stamp / "trials.jsonl")
    crew = crew_of(given)
    until_s = time.monotonic() + given["time_ms"] / 1000
    waiting = trials(chosen, given["search"], seed, until_s=until_s, most=given["most"])
    try:
        tallies, failures, interrupted = follow(soak(waiting, crew, record), given)
    finally:
        crew.close()
        record.close()
    show(tallies)
    to_stdout(f"seed {seed}, commit {commit()}; every trial: {record.path}")
    for short in failures:
        store(short, given)
    return exit_code(tallies, failures, interrupted=interrupted)


def check_names(given: Mapping[str, Any]) -> None:
    """Raises UsageError for a protocol or workload that there is not."""
    for what, names, known in (
        ("protocol", given["protocols"], list(PROTOCOLS)),
        ("--workload", given["workloads"], list(WORKLOADS)),
    ):
        for name in names:
            if name not in known and ":" not in name:
                raise UsageError(f"{what}: there is no {name!r}{nearest(name, known)}")


def crew_of(given: Mapping[str, Any]) -> Crew:
    if given["scheduler"] is None:
        return LocalCrew(given["jobs"])
    return ClusterCrew(given["scheduler"])


def follow(
    results: Iterator[Short], given: Mapping[str, Any]
) -> tuple[dict[str, Tally], list[Short], bool]:
    """Count the results and say how it goes; the failures; whether it was interrupted."""
    progress, began, spoken = Progress(), time.monotonic(), time.monotonic()
    tallies: dict[str, Tally] = {}
    failures: list[Short] = []
    try:
        for short in results:
            tallies.setdefault(short.trial.protocol, Tally()).add(short)
            if short.outcome is Outcome.INVALID:
                failures.append(short)
                progress.say(f"FAILED {short.summary}\n          {short.trial.command('sim')}")
                if len(failures) == given["failures"]:
                    break
            elif short.outcome in (Outcome.UNKNOWN, Outcome.INVALID_HARNESS):
                progress.say(f"{short.outcome.value}: {short.summary}")
                progress.say(f"  {short.trial.command('sim')}")
            if time.monotonic() - spoken > SPEAK_EVERY_S:
                spoken = time.monotonic()
                progress.say(line(tallies, spoken - began))
    except KeyboardInterrupt:
        return tallies, failures, True
    return tallies, failures, False


def line(tallies: Mapping[str, Tally], elapsed_s: float) -> str:
    """All protocols' counts in a line."""
    played = sum(t.outcomes.total() for t in tallies.values())
    valid = sum(t.outcomes[Outcome.VALID] for t in tallies.values())
    failed = sum(t.outcomes[Outcome.INVALID] for t in tallies.values())
    hours = sum(t.simulated_ms for t in tallies.values()) / 3.6e6
    return (
        f"{played:,} trials, {valid:,} valid, {failed} failed; {hours:.1f} simulated hours, "
        f"{60 * played / max(elapsed_s, 1e-9):.0f} trials/min"
    )


def show(tallies: Mapping[str, Tally]) -> None:
    """The table, to stdout."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("protocol")
    for name in ("trials", *(o.value for o in Outcome), "ops", "faults", "hours", "CPU s"):
        table.add_column(name, justify="right")
    for name, tally in sorted(tallies.items()):
        table.add_row(
            name,
            f"{tally.outcomes.total():,}",
            *(
                f"{tally.outcomes[outcome]:,}" if tally.outcomes[outcome] else ""
                for outcome in Outcome
            ),
            f"{tally.ops:,}",
            f"{tally.faults:,}",
            f"{tally.simulated_ms / 3.6e6:.1f}",
            f"{tally.cpu_s:.0f}",
            style="red" if tally.outcomes[Outcome.INVALID] else "",
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(table)


def store(short: Short, given: Mapping[str, Any]) -> None:
    """Play a failure again here, keep it as a run, and shrink it."""
    from harness.commands.shrink import shrink_and_report  # noqa: PLC0415  only where it failed

    played = play(short.trial)
    path, reproduce = keep(given["store"], short.trial, played)
    to_stdout(f"\nfailed:     {short.summary}\nstored:     {path}\nreproduce:  {reproduce}")
    if played.results.outcome is not Outcome.INVALID:
        to_stdout(
            "here it is not invalid: the worker that played it had other code, or another Python"
        )
        return
    try:
        shrink_and_report(
            short.trial, played, first_invalid(played.results),
            bounds=SHRINK, jobs=given["jobs"], store=given["store"], source=path,
        )  # fmt: skip
    except UsageError as error:  # the verdict stands, shrunk or not
        to_stdout(f"not shrunk: {error}")


def exit_code(tallies: Mapping[str, Tally], failures: list[Short], *, interrupted: bool) -> int:
    """1 with a failure; 130 if it was interrupted; 2 with what is undecided, or with nothing valid."""
    if failures:
        return Outcome.INVALID.exit_code
    if interrupted:
        return INTERRUPTED
    outcomes = sum((tally.outcomes for tally in tallies.values()), start=Tally().outcomes)
    undecided = outcomes[Outcome.UNKNOWN] + outcomes[Outcome.INVALID_HARNESS]
    if undecided or not outcomes[Outcome.VALID]:
        return Outcome.UNKNOWN.exit_code
    return 0
