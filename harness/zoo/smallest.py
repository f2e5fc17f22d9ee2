"""How small what was found becomes: the trial that a person would have to understand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from harness.crew import Crew, play_all
from harness.errors import UsageError
from harness.shrink import Bounds, Size, shrink
from harness.simulated import play
from harness.zoo.hunt import Hunt
from harness.zoo.record import Record

TRIALS = 3_000
GOAL_WINDOWS, GOAL_OPS = 3, 12
"""What a finding should come down to."""


def size_of_finding(hunt: Hunt, cpu_s: float) -> Size | None:
    """Shrink the trial that ended a hunt; None where it does not fail again by itself."""
    trial = hunt.nth(hunt.trials - 1)
    bounds = Bounds(trials=TRIALS, seconds=cpu_s, clock=time.process_time)
    try:
        return shrink(trial, play(trial), hunt.mutant.check, bounds=bounds).after
    except UsageError:
        return None


def _named(hunt: Hunt, cpu_s: float) -> tuple[str, Size | None]:
    return hunt.mutant.name, size_of_finding(hunt, cpu_s)


def with_sizes(records: Sequence[Record], crew: Crew, cpu_s: float) -> Iterator[Record]:
    """The same records, each with the size of its first finding, as they are ready.

    ``cpu_s``: after so many CPU seconds a finding is as small as it is.
    """
    of = {record.mutant.name: record for record in records}
    found = [record.example for record in records if record.example is not None]
    within = partial(_named, cpu_s=cpu_s)
    for name, size in play_all(found, crew, within, lambda hunt, _: (hunt.mutant.name, None)):
        yield replace(of[name], smallest=size)


def small_enough(size: Size) -> bool:
    """Whether a person can take in the whole trial."""
    return size.windows <= GOAL_WINDOWS and size.ops <= GOAL_OPS
