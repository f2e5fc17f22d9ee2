"""Clock faults: how far clocks are turned, and that they are turned back."""

from __future__ import annotations

from random import Random

import pytest

from nemesis import KINDS
from nemesis.actions import BumpClock, ResetClock, SetDrift, StrobeClock, Window
from nemesis.plan import validate
from nemesis.resolution import resolve

SEEDS = range(200)


@pytest.mark.parametrize("name", KINDS["clock"])
def test_every_clock_fault_can_be_played_and_leaves_some_clocks_right(name) -> None:
    for seed in SEEDS:
        fault = resolve(name, Random(seed), range(5), (3,))
        validate([Window(0, 5, fault)], range(5))
        hit = [action.node for action in fault.begin]
        assert fault.end == tuple(ResetClock(node) for node in hit)
        assert 1 <= len(hit) < 5


def test_jumps_go_both_ways_from_ms_to_minutes() -> None:
    faults = [resolve("clock-bump", Random(seed), range(5)) for seed in SEEDS]
    jumps = [action.ms for fault in faults for action in fault.begin]
    assert all(type(action) is BumpClock for fault in faults for action in fault.begin)
    assert all(4 <= abs(ms) <= 1 << 18 for ms in jumps)
    assert min(jumps) < -60_000
    assert max(jumps) > 60_000
    assert min(abs(ms) for ms in jumps) < 100


def test_clocks_drift_both_ways_by_up_to_a_fifth_and_strobe_many_times_a_second() -> None:
    drifts = {a.ppm for s in SEEDS for a in resolve("clock-drift", Random(s), range(5)).begin
              if type(a) is SetDrift}  # fmt: skip
    assert drifts == {sign * ppm for sign in (-1, 1) for ppm in (500, 5_000, 50_000, 200_000)}
    periods = {a.period_ms for s in SEEDS for a in resolve("clock-strobe", Random(s), range(5)).begin
               if type(a) is StrobeClock}  # fmt: skip
    assert periods == {1, 5, 20, 100}


def test_a_slow_leader_is_cut_off_from_others_that_are_fast() -> None:
    fault = resolve("clock-slow-leader", Random(1), range(3), (1,))
    validate([Window(0, 5, fault)], range(3))
    *drifts, cut = fault.begin
    assert {a.node: a.ppm for a in drifts} == {0: 200_000, 1: -200_000, 2: 200_000}
    assert set(cut.links) == {(0, 1), (1, 0), (1, 2), (2, 1)}
