"""How small what was found becomes: the trial that a person would have to understand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from harness.crew import Crew, play_all
from harness.errors import UsageError
from harness.shrink import Bounds, Search, Size, shrink, size_of
from harness.simulated import play
from harness.zoo.hunt import Hunt

TRIALS = 100_000
POLISH_S = 1.0
"""So many CPU seconds are left to one that is small enough."""


@dataclass(frozen=True, kw_only=True)
class Smallest:
    """What a finding was shrunk to: its size (None: it does not fail again), and the command that plays it."""

    size: Size | None
    command: str


def smallest_of(hunt: Hunt, cpu_s: float) -> Smallest:
    """Shrink the trial that ended a hunt, in so many CPU seconds, and soon no further once it is small.

    The twin passes each trial that is taken, in the same check: it is the mutant's bug to the end.
    """
    trial, mutant = hunt.nth(hunt.trials - 1), hunt.mutant
    began = time.process_time()

    def heard(search: Search) -> None:
        spent = time.process_time() - began + POLISH_S
        if spent < search.bounds.seconds and _small(search):
            search.bounds = replace(search.bounds, seconds=spent)

    bounds = Bounds(trials=TRIALS, seconds=cpu_s, clock=time.process_time)
    try:
        found = shrink(
            trial, play(trial), mutant.check, bounds=bounds, sound=mutant.twin, heard=heard
        )
    except UsageError:
        return Smallest(size=None, command="")
    return Smallest(size=found.after, command=found.trial.command("sim"))


def _small(search: Search) -> bool:
    """Whether the best trial is; it is played only where it may be."""
    return size_of(search.best).small() and size_of(search.best, search.look().run).small()


def _with_hunt(hunt: Hunt, cpu_s: float) -> tuple[Hunt, Smallest]:
    return hunt, smallest_of(hunt, cpu_s)


def shrink_all(
    hunts: Sequence[Hunt], crew: Crew, cpu_s: float
) -> Iterator[tuple[Hunt, Smallest | None]]:
    """What each of these, which found something, is shrunk to, as they are ready; None: who did it died.

    ``cpu_s``: after so many CPU seconds a finding is as small as it is.
    """
    yield from play_all(hunts, crew, partial(_with_hunt, cpu_s=cpu_s), lambda hunt, _: (hunt, None))
