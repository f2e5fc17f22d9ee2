"""How small what was found becomes: the trial that a person would have to understand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.crew import Crew, play_all
from harness.errors import UsageError
from harness.shrink import Bounds, Size, shrink
from harness.simulated import play
from harness.zoo.hunt import Hunt
from harness.zoo.record import Record

BOUNDS = Bounds(trials=3_000, seconds=20)


def size_of_finding(hunt: Hunt) -> Size | None:
    """Shrink the trial that ended a hunt; None where it does not fail again by itself."""
    trial = hunt.nth(hunt.trials - 1)
    try:
        return shrink(trial, play(trial), hunt.mutant.check, bounds=BOUNDS).after
    except UsageError:
        return None


def _named(hunt: Hunt) -> tuple[str, Size | None]:
    return hunt.mutant.name, size_of_finding(hunt)


def with_sizes(records: Sequence[Record], crew: Crew) -> Iterator[Record]:
    """The same records, each with the size of its first finding, as they are ready."""
    of = {record.mutant.name: record for record in records}
    found = [record.example for record in records if record.example is not None]
    for name, size in play_all(found, crew, _named, lambda hunt, _: (hunt.mutant.name, None)):
        yield replace(of[name], smallest=size)
