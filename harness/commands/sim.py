"""``harness sim``: trials in the seeded simulator."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import click

from checker.sometimes import never
from checker.verdict import Outcome, combine
from harness.commands import shared
from harness.commands.options import simulated_options, simulated_trial, trial_options
from harness.errors import UsageError
from harness.report.progress import Progress, to_stdout
from harness.report.run_page import page_of_invalid
from harness.report.summary import report
from harness.search.campaign import search
from harness.search.strategies import STRATEGIES, Strategy, strategy
from harness.shrink import Bounds, first_invalid
from harness.simulated import Short, keep, play
from harness.trial import Trial

SPEAK_EVERY_S = 5.0
AT_ONCE = Bounds(trials=1_000, seconds=15)
"""How far a failure is shrunk without being asked; `harness shrink` goes further."""


@click.command("sim")
@trial_options
@simulated_options
@click.option("--seeds", type=click.IntRange(1), default=1, help="Play this many seeds in a row.")
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), default=os.cpu_count() or 1, show_default=True,
    help="Processes for --seeds, and for shrinking.",
)  # fmt: skip
@click.option(
    "--search", type=click.Choice(list(STRATEGIES)), default="random", show_default=True,
    help="How the trials of --seeds are chosen: docs/search.md says what helps.",
)  # fmt: skip
@click.option("--swarm", is_flag=True, help="The same as --search swarm.")
@click.option("--keep-going", is_flag=True, help="With --seeds: do not stop at the first failure.")
@click.option("--shrink/--no-shrink", default=True, help="Whether to shrink a trial that failed.")
@click.option("--check-determinism", is_flag=True, help="Play twice; name the first difference.")
@click.option("--trace", is_flag=True, help="Print every event, a line each, to stdout.")
@shared.store
def command(**given: Any) -> int:
    """Run trials in the seeded simulator: virtual time, every failure replays.

    \b
    Examples:
      harness sim --protocol epaxos --nemesis partition,kill --time 300 --seed 7
      harness sim --protocol abd --nodes 3 --nemesis kill --time 20 --seeds 1000
      harness sim --protocol tests.mutants.abd:NoWriteBack --time 10 --seeds 100
    """
    chosen = strategy("swarm" if given["swarm"] else given["search"], simulated_trial(given))
    if given["seeds"] > 1 and not given["check_determinism"] and not given["trace"]:
        return many(chosen, given)
    trial = chosen.propose(chosen.base.seed)
    if given["check_determinism"]:
        return determinism(trial)
    if given["trace"]:
        play(trial, observer=to_stdout)
        return 0
    return one(trial, given)


def warn(text: str) -> None:
    click.echo(f"harness: {text}", err=True)


def one(trial: Trial, given: dict[str, Any]) -> int:
    """Play one trial, store it, report it; if it failed, shrink it."""
    played = play(trial)
    run, results = played.run, played.results
    path, reproduce = keep(given["store"], trial, played)
    cpu = max(played.simulating_s, 1e-9)
    title = (
        f"{trial.protocol}, {trial.workload}, nemesis {trial.nemesis}: {trial.nodes} nodes, "
        f"{trial.threads} clients, {trial.length()} simulated, seed {trial.seed}\n"
        f"  {run.events} events in {cpu:.1f} CPU s: {run.end_ns / 1e9 / cpu:.0f} times real time, "
        f"{run.events / cpu / 1000:.0f} k events/s; judged in {played.judging_s:.1f} CPU s\n"
        f"  digest {run.digest}"
    )
    if played.online is not None:
        seen = played.online.stopped or played.online.gave_up or "nothing wrong was seen"
        title += f"\n  {seen}; {played.online.cost()}"
    shown = page_of_invalid(path, played.history, results, warn)
    report(title, results, where=str(path), reproduce=reproduce, page=shown)
    if results.outcome is Outcome.INVALID and given["shrink"]:
        from harness.commands.shrink import shrink_and_report  # noqa: PLC0415  only where it failed

        try:
            shrink_and_report(
                trial, played, first_invalid(results),
                bounds=AT_ONCE, jobs=given["jobs"], store=given["store"], source=path,
            )  # fmt: skip
        except UsageError as error:  # the verdict stands, shrunk or not
            click.echo(f"harness: not shrunk: {error}", err=True)
    return results.outcome.exit_code


def many(chosen: Strategy, given: dict[str, Any]) -> int:
    """Play many seeds; stop at the first failure, and play that one again to store and report it."""
    total = given["seeds"]
    seeds = seeds_from(chosen.base.seed, total)
    progress, began, spoken = Progress(), time.monotonic(), time.monotonic()
    played: list[Short] = []
    failure: Short | None = None
    results = search(chosen, seeds, min(given["jobs"], total))
    for short in results:
        played.append(short)
        if short.outcome is Outcome.INVALID and failure is None:
            failure = short
            if not given["keep_going"]:
                break
        if time.monotonic() - spoken > SPEAK_EVERY_S:
            spoken = time.monotonic()
            progress.say(tally(played, total, spoken - began))
    to_stdout(tally(played, total, time.monotonic() - began))
    if failure is not None:
        to_stdout(f"first failure: seed {failure.trial.seed}: {failure.summary}")
        return one(failure.trial, given)
    unseen(chosen, played)
    undecided = [s for s in played if s.outcome is not Outcome.VALID]
    if undecided:
        to_stdout(
            f"seed {undecided[0].trial.seed} is {undecided[0].outcome.value}: {undecided[0].summary}"
        )
        to_stdout(f"reproduce:  {undecided[0].trial.command('sim')}")
    return combine(s.outcome for s in played).exit_code


def unseen(chosen: Strategy, played: list[Short]) -> None:
    """Say which of the rare things that the protocol promises never happened in a whole campaign."""
    promised = chosen.base.replica().sometimes
    missing = never(promised, (short.sometimes for short in played))
    for name in missing:
        to_stdout(f"never in {len(played)} trials: {name}")
    if promised and not missing:
        to_stdout(f"sometimes: all of {', '.join(promised)}")


def tally(played: list[Short], total: int, elapsed_s: float) -> str:
    """The counts of a campaign, in a line."""
    outcomes = Counter(s.outcome.value for s in played)
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    hours = sum(s.simulated_ms for s in played) / 3.6e6
    return (
        f"{len(played)} of {total} trials: {said}; {sum(s.ops for s in played)} ops, "
        f"{sum(s.windows for s in played)} faults, {hours:.1f} simulated hours, "
        f"{60 * len(played) / max(elapsed_s, 1e-9):.0f} trials/min, "
        f"{sum(s.cpu_s for s in played):.0f} CPU s"
    )


def seeds_from(first: str, count: int) -> Iterator[str]:
    """Seeds after a first one: the numbers that follow, or a text with a number behind it.

    >>> list(seeds_from("7", 3)), list(seeds_from("4c95899", 2))
    (['7', '8', '9'], ['4c95899', '4c95899/1'])
    """
    if first.isdecimal():
        yield from (str(int(first) + i) for i in range(count))
    else:
        yield first
        yield from (f"{first}/{i}" for i in range(1, count))


def determinism(trial: Trial) -> int:
    """Play a trial twice; say whether each event was the same, or which was the first that was not."""
    traces: list[list[str]] = [[], []]
    for trace in traces:
        play(trial, observer=trace.append)
    for number, (a, b) in enumerate(zip(*traces, strict=False)):
        if a != b:
            to_stdout(f"event {number} differs:\n  first   {a}\n  second  {b}")
            return Outcome.INVALID.exit_code
    if len(traces[0]) != len(traces[1]):
        raise UsageError(f"one run has {len(traces[0])} events, the other {len(traces[1])}")
    to_stdout(f"deterministic: {len(traces[0])} events, twice the same")
    return 0
