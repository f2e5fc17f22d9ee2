"""``harness shrink`` of a run on hosts: what is said on the way, and in the end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

from checker.verdict import Outcome
from harness.report.progress import Progress, to_stdout
from harness.shrink.chance import Rate
from harness.shrink.hunt import Heard, Hunt, Hunted, hunt
from harness.shrink.ledger import MEASURE, Ledger
from harness.shrink.rerun import RealSource, Reruns, write_plan
from harness.shrink.search import Bounds
from harness.shrink.size import counted
from harness.store.record import PLAN
from harness.trial import Trial, seconds
from nemesis.actions import Window

LEDGER = "ledger.json"
NOT_FOUND = Outcome.UNKNOWN.exit_code


def shrink_on_hosts(source: RealSource, bounds: Bounds, repeats: int) -> int:
    """Shrink by runs on such hosts, and report; the exit code."""
    runner = Reruns(source)
    ledger = Ledger(source.folder / LEDGER, source.check)
    progress, began = Progress(), time.monotonic()
    progress.say(f"{size(source.trial)}: each run takes some {seconds(source.trial.time_ms)} s")
    search = Hunt(source.trial, runner, ledger, bounds=bounds, heard=teller(progress))
    hunted = hunt(search, repeats, source.evidence_ms)
    took = f"{counted(hunted.runs, 'run')}, {time.monotonic() - began:.0f} s"
    to_stdout("\n".join(told(source, runner, hunted, repeats, took)))
    return NOT_FOUND if hunted.trial is None else Outcome.INVALID.exit_code


def teller(progress: Progress) -> Callable[[Heard], None]:
    """Says a line for each run."""

    def heard(run: Heard) -> None:
        came = "failed" if run.failed else "did not fail"
        counts = f"{run.rate.found} of {run.rate.tries}"
        verb = "measuring" if run.why == MEASURE else "trying"
        progress.say(f"{verb} {size(run.trial)}: {came} ({counts}, at most {run.limit})")

    return heard


def told(source: RealSource, runner: Reruns, hunted: Hunted, repeats: int, took: str) -> list[str]:
    """The report. Writes the smallest plan to a file, for the command that plays it."""
    first = f"{source.check} failed again in {hunted.at_first}"
    if hunted.trial is None:
        cut = f" ({hunted.ended})" if hunted.ended else ""
        return [
            f"{first}: not found again{cut}, so nothing can be shrunk",
            f"in {took}; --repeats {2 * repeats} would look longer",
        ]
    plan = source.folder / PLAN
    write_plan(plan, hunted.trial)
    cut = f" ({hunted.ended}; the same command goes on)" if hunted.ended else ""
    lines = [
        first,
        f"shrunk from {size(source.trial)}",
        f"         to {size(hunted.trial)}, in {took}{cut}",
        *[f"  {line(window)}" for window in hunted.trial.windows()],
        f"the smallest failed in {measured(hunted.rate)}",
    ]
    if (kept := runner.kept(hunted.trial)) is not None:
        lines.append(f"a failed run of it: {kept}")
    return [*lines, f"reproduce:  {shlex.join(source.words(hunted.trial, plan))}"]


def measured(rate: Rate) -> str:
    """How often it failed, where that is known."""
    return str(rate) if rate.tries else "one run at least: it was not measured"


def size(trial: Trial) -> str:
    """How large a trial on hosts is.

    >>> size(Trial(protocol="abd", nodes=3, threads=1, time_ms=1500, rate=10, keys=1))
    '0 windows, 1 client, 1 key, 10 ops/s, 1.5 s'
    """
    return (
        f"{counted(len(trial.windows()), 'window')}, {counted(trial.threads, 'client')}, "
        f"{counted(trial.keys, 'key')}, {counted(trial.rate, 'op')}/s, {seconds(trial.time_ms)} s"
    )


def line(window: Window) -> str:
    """A window of a resolved plan, for people."""
    name = window.fault if isinstance(window.fault, str) else window.fault.name
    return f"{seconds(window.at_ms)} s to {seconds(window.at_ms + window.for_ms)} s: {name}"
