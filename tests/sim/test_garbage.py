"""The search for garbage is put off, comes after so many events, and changes no setting."""

from __future__ import annotations

import gc

from harness.sim import Setup, simulate
from harness.sim.garbage import OWED_EVENTS, Collector
from nemesis.actions import Window
from protocols.abd import ABD
from workloads import register
from workloads.kernel import Options


def searches_of(owed: int) -> list[int]:
    """The generations that are searched when a run of so many events ends."""
    seen: list[int] = []

    def told(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    collector = Collector()
    gc.callbacks.append(told)
    try:
        with collector.patient():
            rows = [[i] for i in range(20_000)]
            collector.owe(owed)
        del rows
    finally:
        gc.callbacks.remove(told)
    return seen


def test_nothing_is_searched_within_a_run_or_for_what_it_made():
    before = gc.get_threshold()
    gc.collect()

    assert searches_of(10) == []
    assert gc.get_threshold() == before


def test_after_so_many_events_all_is_searched():
    assert searches_of(OWED_EVENTS) == [2]


def test_a_run_leaves_none():
    setup = Setup(
        protocol=ABD,
        workload=register.workload(),
        options=Options(threads=4, nodes=3, time_ms=300, rate=100),
        plan=(Window(50, 100, "partition-halves"), Window(60, 100, "kill")),
    )
    simulate(setup)  # what is made once, such as the functions that look at messages
    gc.collect()
    gc.disable()
    try:
        run = simulate(setup)
        assert run.rows
        del run
        assert gc.collect() == 0
    finally:
        gc.enable()
