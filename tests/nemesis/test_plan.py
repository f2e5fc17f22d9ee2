"""Plans: how many windows, of which kinds, never two of a lane at once, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis import FAULTS, KINDS
from nemesis.actions import (
    CLEAR,
    BumpClock,
    Corrupt,
    Cut,
    Fault,
    FillDisk,
    Join,
    Kill,
    Leave,
    LoseUnsynced,
    Mend,
    Pause,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
    Weather,
    Window,
)
from nemesis.plan import lane_of, lanes, make_plan, validate

SEEDS = range(200)
KILL = Fault("k", (Kill(0),), (Start(0),))


def both(random, nodes, leaders) -> Fault:
    """A fault in two lanes."""
    return Fault("both", (Kill(0), Cut(((0, 1),))), (Start(0), Mend(((0, 1),))))


@pytest.mark.parametrize(
    ("time_ms", "least", "most"), [(300_000, 22, 28), (60_000, 5, 7), (20_000, 5, 7), (2_000, 2, 3)]
)
def test_how_many_windows_fit(time_ms, least, most) -> None:
    for seed in SEEDS:
        assert least <= len(make_plan(Random(seed), ["partition"], time_ms)) <= most


def test_five_minutes_of_partitions_are_long_enough_and_of_every_kind() -> None:
    for seed in SEEDS:
        plan = make_plan(Random(seed), ["partition"], 300_000)
        assert {window.fault for window in plan} == set(KINDS["partition"])
        assert all(5_000 <= window.for_ms <= 8_100 for window in plan)
        gaps = [b.at_ms - a.at_ms - a.for_ms for a, b in pairwise(plan)]
        assert all(4_000 <= gap <= 6_000 for gap in gaps)
        assert plan[0].at_ms >= 2_000
        assert plan[-1].at_ms + plan[-1].for_ms <= 300_000 - 3_500


def test_windows_of_two_seconds_are_some_hundred_ms() -> None:
    for seed in SEEDS:
        for window in make_plan(Random(seed), ["kill", "partition"], 2_000):
            assert 200 <= window.for_ms <= 450


@given(
    seed=st.integers(0, 10**6),
    names=st.lists(st.sampled_from([*FAULTS, f"{__name__}:both"]), min_size=1, max_size=4),
    time_ms=st.integers(100, 300_000),
    interval_ms=st.none() | st.integers(10, 100_000),
)
def test_every_plan_is_valid_sorted_and_not_empty(seed, names, time_ms, interval_ms) -> None:
    plan = make_plan(Random(seed), names, time_ms, interval_ms=interval_ms)
    validate(plan, range(5), ("eu", "eu", "us", "us", "asia"))
    assert plan == make_plan(Random(seed), names, time_ms, interval_ms=interval_ms)
    assert [w.at_ms for w in plan] == sorted(w.at_ms for w in plan)
    assert plan
    assert plan[0].at_ms > 0
    assert max(w.at_ms + w.for_ms for w in plan) < time_ms


def test_sorts_of_faults_overlap_freely() -> None:
    plan = make_plan(Random(1), ["partition", "kill", "packet"], 60_000)
    by_lane = {lanes(w.fault): w for w in reversed(plan)}
    firsts = list(by_lane.values())
    assert set(by_lane) == {("network",), ("process",), ("packet",)}
    assert max(w.at_ms for w in firsts) < min(w.at_ms + w.for_ms for w in firsts)


def test_kill_and_pause_take_turns() -> None:
    plan = make_plan(Random(1), ["kill", "pause"], 300_000)
    assert {w.fault for w in plan} == {*KINDS["kill"], *KINDS["pause"]}


def test_the_interval_is_the_mean_time_from_one_to_the_next() -> None:
    starts = [w.at_ms for w in make_plan(Random(1), ["kill"], 600_000, interval_ms=3_000)]
    mean_ms = (starts[-1] - starts[0]) / (len(starts) - 1)
    assert 2_900 < mean_ms < 3_100
    with pytest.raises(ValueError, match="interval_ms is 0"):
        make_plan(Random(1), ["kill"], 1_000, interval_ms=0)


def test_no_time_and_no_names_make_no_windows() -> None:
    assert make_plan(Random(1), ["kill"], 0) == make_plan(Random(1), [], 60_000) == ()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="did you mean partition"):
        make_plan(Random(1), ["partitions"], 1_000)


def test_lanes_come_from_actions() -> None:
    assert lane_of(Shape(((0, 1),), CLEAR)) == "packet"
    assert lanes(f"{__name__}:both") == ("network", "process")
    assert lanes("pause") == ("process",)

    assert lanes("disk-slow") == ("disk",)
    assert lanes("disk-torn") == ("process", "disk")
    assert lanes("clock-drift") == ("clock",)


LINK = ((0, 1),)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ([Window(0, 10, KILL), Window(9, 5, "pause")], r"window 1 \(pause\): overlaps window 0 \(k\)"),
        ([Window(-1, 10, KILL)], "at_ms is -1, before the trial begins"),
        ([Window(0, 0, KILL)], "for_ms is 0, not a positive number"),
        ([Window(0, 1, "kil")], r"window 0 \(kil\): no fault is called 'kil': did you mean"),
        ([Window(0, 1, Fault("k", (Kill(3),), (Start(3),)))], "no node 3: there are 0, 1, 2"),
        ([Window(0, 1, Fault("c", (Cut(((0, 3),)),), ()))], "no node 3"),
        ([Window(0, 1, Fault("c", (Cut(((1, 1),)),), ()))], "a link from node 1 to itself"),
        ([Window(0, 1, Fault("c", (Cut(()),), ()))], "an action without links"),
        ([Window(0, 1, Fault("k", (Kill(0), Pause(1)), (Start(0),)))], "its end leaves node 1 paused"),
        ([Window(0, 1, Fault("k", (Kill(0),), ()))], "its end leaves node 0 dead"),
        ([Window(0, 1, Fault("c", (Cut(LINK),), (Mend(((1, 0),)),)))], "leaves link 0>1 cut"),
        (
            [Window(0, 1, Fault("s", (Shape(LINK, Weather(delay_ms=1)),), ()))],
            "its end leaves link 0>1 shaped",
        ),
        ([Window(0, 1, Fault("d", (SlowDisk(0, 5),), ()))], "its end leaves node 0's disk slow"),
        ([Window(0, 1, Fault("d", (SlowDisk(0, -5),), ()))], "a sync that takes -5 ms longer"),
        ([Window(0, 1, Fault("d", (SlowDisk(3, 5),), ()))], "no node 3"),
        ([Window(0, 1, Fault("d", (LoseUnsynced(0),), ()))], "its end leaves node 0 dead"),
        ([Window(0, 1, Fault("d", (Corrupt(2),), ()))], "its end leaves node 2's disk corrupt"),
        ([Window(0, 1, Fault("d", (FillDisk(2, 0),), (Start(2),)))], "its end leaves node 2's disk full"),
        ([Window(0, 1, Fault("d", (FillDisk(2, -1),), ()))], "a full disk with -1 bytes left"),
        ([Window(0, 1, Fault("c", (BumpClock(1, 9),), ()))], "its end leaves node 1's clock wrong"),
        ([Window(0, 1, Fault("c", (StrobeClock(1, 9, 0),), ()))], "a clock that jumps every 0 ms"),
        ([Window(0, 1, Fault("c", (SetDrift(1, -600_000),), ()))], "a drift of -600000 ppm"),
        ([Window(0, 1, Fault("s", (Shape(LINK, Weather(loss_permille=1001)),), ()))], "loss_permille is 1001"),
        ([Window(0, 1, Fault("s", (Shape(LINK, Weather(delay_ms=-1)),), ()))], "a delay below 0 ms"),
        ([Window(0, 1, Fault("s", (Shape(LINK, Weather(1, 2)),), ()))], "jitter of 2 ms around 1 ms"),
        ([Window(0, 1, Fault("s", (Shape(LINK, Weather(reorder_permille=5)),), ()))], "needs a delay"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_meant_is_refused(plan, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        validate(plan, range(3))


def test_windows_may_touch_and_lanes_may_overlap() -> None:
    validate([Window(0, 10, KILL), Window(10, 5, "pause"), Window(3, 9, "partition")], range(3))


def test_windows_of_different_nodes_and_links_may_overlap() -> None:
    other = Fault("k2", (Kill(1),), (Start(1),))
    one_way, back = (Fault("c", (Cut((link,)),), (Mend((link,)),)) for link in ((0, 1), (1, 0)))
    validate([Window(0, 10, KILL), Window(5, 10, other)], range(3))
    validate([Window(0, 10, one_way), Window(5, 10, back)], range(3))
    for plan in (
        [Window(0, 10, KILL), Window(1, 3, other), Window(5, 10, KILL)],
        [Window(0, 10, one_way), Window(5, 10, one_way)],
        [Window(0, 10, "kill"), Window(5, 10, other)],
        [Window(0, 10, Fault(f"l{n}", (Leave(n),), (Join(n),))) for n in (0, 1)],
    ):
        with pytest.raises(ValueError, match="overlaps window 0"):
            validate(plan, range(3))


def test_a_fault_of_several_lanes_overlaps_where_each_lane_may() -> None:
    """Who is a member is everybody's affair; a link that is cut with it is not."""
    swap = Fault(
        "s", (Cut(((0, 2),)), Leave(2), Kill(1)), (Mend(((0, 2),)), Join(2), Start(1))
    )  # fmt: skip
    link, member = (
        Fault("c", (Cut(((0, 1),)),), (Mend(((0, 1),)),)),
        Fault("l", (Leave(0),), (Join(0),)),
    )
    validate([Window(0, 10, swap), Window(5, 10, link)], range(3))
    for fault in (member, Fault("k", (Kill(1),), (Start(1),)), "partition"):
        with pytest.raises(ValueError, match="overlaps window 0"):
            validate([Window(0, 10, swap), Window(5, 10, fault)], range(3))


def test_a_partition_of_one_node_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two nodes"):
        validate([Window(0, 1, "partition-halves")], range(1))
