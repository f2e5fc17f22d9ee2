"""What runs leave is not kept for ever, and not looked at after each of them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.sim.garbage import LOOK_EVENTS, MOST_BLOCKS, Collector

RING = 300_000
"""Objects of one run's garbage, each of one block or more."""


@contextmanager
def searches() -> Iterator[list[int]]:
    """The full searches that are made within, by what they find."""
    found: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            found.append(info["collected"])

    gc.callbacks.append(note)
    try:
        yield found
    finally:
        gc.callbacks.remove(note)


def leave_a_ring() -> None:
    ring: list[object] = [[] for _ in range(RING)]
    ring.append(ring)


def run(collector: Collector, events: int) -> None:
    with collector.patient():
        leave_a_ring()
        collector.owe(events)


def test_what_many_runs_leave_is_searched_when_it_is_much() -> None:
    """Of runs that leave twelve million objects in cycles there is never more than a third at once."""
    collector, most = Collector(), 0
    gc.collect()
    before = sys.getallocatedblocks()
    with searches() as found:
        for _ in range(40):
            run(collector, LOOK_EVENTS)
            most = max(most, sys.getallocatedblocks() - before)
    assert most < max(MOST_BLOCKS, before) + 3 * RING
    assert 1 <= len(found) <= 6
    assert min(found) > MOST_BLOCKS // 2


def test_of_runs_that_leave_nothing_nothing_is_searched() -> None:
    collector = Collector()
    with searches() as found:
        for _ in range(40):
            with collector.patient():
                made = [[] for _ in range(RING)]  # type: ignore[var-annotated]
                del made
                collector.owe(LOOK_EVENTS)
    assert found == []


def test_it_is_not_counted_after_every_small_run() -> None:
    """Only when enough has happened: a run of a millisecond is not made longer by a tenth of that."""
    collector = Collector()
    run(collector, LOOK_EVENTS - 1)
    assert collector.left == 0
    run(collector, 1)
    assert collector.left > RING
    assert collector.owed == 0
