"""``harness shrink``: make a failed run as small as can be."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import Any

import click

from checker.verdict import Outcome
from harness.commands import shared
from harness.commands.shrink_on_hosts import shrink_on_hosts
from harness.errors import UsageError
from harness.replay import load_simulated
from harness.report.progress import Progress, to_stdout
from harness.report.summary import report
from harness.shrink import Bounds, Search, Shrunk, first_invalid, shrink, size_of
from harness.shrink.hunt import REAL_BOUNDS
from harness.shrink.rerun import load_real, real_trial
from harness.simulated import Played, keep, play
from harness.store.find import find_history
from harness.trial import Trial

SPEAK_EVERY_S = 1.0


@click.command("shrink")
@click.argument("run", metavar="RUN")
@click.option("--check", help="Which check must go on failing; default: the first that does.")
@click.option(
    "--trials", type=click.IntRange(1), show_default=f"{Bounds.trials}; {REAL_BOUNDS.trials} on hosts",
    help="Stop after so many trials.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True),
    show_default=f"{Bounds.seconds:.0f}; {REAL_BOUNDS.seconds:.0f} on hosts", help="Stop after so long.",
)  # fmt: skip
@click.option(
    "--repeats", type=click.IntRange(1), default=5, show_default=True,
    help="On hosts: runs of the first and of the smallest trial, to see how often each fails.",
)  # fmt: skip
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), default=os.cpu_count() or 1, show_default=True,
    help="Processes, used while trials are long. The result does not depend on them.",
)  # fmt: skip
@shared.store
def command(**given: Any) -> int:
    """Make a failed run as small as can be: the same check still fails.

    Ctrl-C ends it with the smallest trial so far. Of a simulated run, that is a run of its own in the
    store, and can be shrunk further.

    A run on hosts is run again on such hosts, with the same faults at the same times: no two runs are
    alike, so first it is seen how often it fails, and then a smaller trial is tried until it fails,
    or so often that it would have with 95 % probability. All outcomes are kept in RUN/shrink/: the
    same command goes on where it was ended. The measuring comes on top of the bounds. Exit code 2
    where the failure was not found again.

    \b
    Examples:
      harness shrink latest
      harness shrink epaxos-register --check agreement --trials 10000 --seconds 600
      harness shrink raft-register/20261121T095036Z --repeats 10 --seconds 7200
    """
    path = find_history(given["run"], root=given["store"]).parent
    if (saved := real_trial(path)) is not None:
        bounds = bounds_from(given, REAL_BOUNDS)
        return shrink_on_hosts(load_real(path, saved, given["check"]), bounds, given["repeats"])
    source = load_simulated(given["run"], root=given["store"])
    trial = source.trial
    played = play(trial)
    check = given["check"] or (
        first_invalid(played.results) if played.results.outcome is Outcome.INVALID else None
    )
    if check is None:
        raise UsageError(f"{source.path} is {played.results.outcome.value}: nothing to shrink")
    verdict = played.results.checks.get(check)
    if verdict is None or verdict.outcome is not Outcome.INVALID:
        said = f"there is none: {', '.join(played.results.checks)}"
        if verdict is not None:
            said = f"it is {verdict.outcome.value}"
        raise UsageError(f"--check {check}: {said}")
    bounds = bounds_from(given, Bounds())
    shrink_and_report(
        trial, played, check,
        bounds=bounds, jobs=given["jobs"], store=given["store"], source=source.path,
    )  # fmt: skip
    return Outcome.INVALID.exit_code


def bounds_from(given: dict[str, Any], default: Bounds) -> Bounds:
    """What was asked for; what was not, as by default."""
    return Bounds(
        trials=given["trials"] or default.trials, seconds=given["seconds"] or default.seconds
    )


def shrink_and_report(
    trial: Trial,
    played: Played,
    check: str,
    *,
    bounds: Bounds,
    jobs: int,
    store: Path,
    source: Path,
) -> Shrunk:
    """Shrink, store the result as a run of its own, and report it with the command that plays it."""
    progress, spoken = Progress(), time.monotonic()

    def heard(search: Search) -> None:
        nonlocal spoken
        if time.monotonic() - spoken > SPEAK_EVERY_S:
            spoken = time.monotonic()
            progress.say(f"shrinking, {search.trials} trials: {size_of(search.best)}")

    shrunk = shrink(trial, played, check, bounds=bounds, jobs=jobs, heard=heard)
    more = {"shrunk_from": str(source), "shrunk_in_trials": shrunk.trials}
    path, reproduce = keep(store, shrunk.trial, shrunk.played, more)
    digest = played_by(reproduce).run.digest
    assert digest == shrunk.played.run.digest, f"another trial is played by: {reproduce}"
    to_stdout("")
    report(shrunk.sentence(), shrunk.played.results, where=str(path), reproduce=reproduce)
    return shrunk


def played_by(command_line: str) -> Played:
    """What a ``harness sim ...`` command line plays: parsed and played as the command would."""
    return play(parsed(command_line))


def parsed(command_line: str) -> Trial:
    """The trial that a ``harness sim ...`` command line means."""
    from harness.commands.options import simulated_trial  # noqa: PLC0415
    from harness.commands.sim import command as sim  # noqa: PLC0415  it shrinks, too

    words = shlex.split(command_line)[2:]
    return simulated_trial(sim.make_context("sim", words).params)
