"""What single reductions do: shorter pauses, windows made one, fewer objects; and changes of neighbours."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.shrink import Bounds, Search, fails_in, shrink, size_of
from harness.shrink.drift import CHANGES, _as_another, _without_one
from harness.shrink.freeze import with_faults
from harness.shrink.merging import FEW, OF_DIFFERENT, compound, merged, restarting, together
from harness.shrink.objects import fewer_objects
from harness.shrink.reductions import merged_windows, smaller_faults
from harness.shrink.times import PAUSES_RTT, last_begin_ms, shorter_pauses, squeezed
from harness.simulated import play
from harness.trial import Trial
from nemesis.actions import (
    CLEAR,
    Cut,
    Fault,
    Join,
    Kill,
    Leave,
    Mend,
    Shape,
    Start,
    Weather,
    Window,
    Wipe,
)
from nemesis.disk import wipe_node
from nemesis.plan import validate
from nemesis.process import kill_nodes, pause_nodes
from tests.test_shrink import TakesAll
from workloads.script import MS, ScriptedOp


def cut(*links):
    return Fault("cut", (Cut(links),), (Mend(links),))


def weather(what, *links):
    return Fault("weather", (Shape(links, what),), (Shape(links, CLEAR),))


LEAVES = Fault("leave", (Leave(0),), (Join(0),))
SWAPS = Fault("swap", (Join(3), Leave(2)), (Join(2), Leave(3)))

# --- pauses ---------------------------------------------------------------------------------------

moments = st.integers(0, 5_000)


@given(
    st.lists(st.builds(Window, moments, st.integers(1, 900), st.just("kill-one")), max_size=5),
    st.lists(st.builds(ScriptedOp, moments.map(lambda ms: ms * MS + 7), st.just(0), st.just("read"), st.just("x"))),
    st.integers(1, 300),
)  # fmt: skip
def test_pauses_become_short_and_all_else_stays_in_its_order(plan, ops, most_ms):
    windows, fewer = squeezed(plan, ops, most_ms)

    def times(plan, ops):
        return [op.at_ns for op in ops] + [
            ms * MS for w in plan for ms in (w.at_ms, w.at_ms + w.for_ms)
        ]

    before, after = times(plan, ops), times(windows, fewer)
    order = sorted(range(len(before)), key=lambda i: (before[i], after[i]))
    sorted_after = [after[i] for i in order]
    assert sorted_after == sorted(after)
    gaps = [b - a for a, b in zip([0, *sorted_after], sorted_after, strict=False)]
    assert all(gap < (most_ms + 1) * MS for gap in gaps)
    assert [w.fault for w in windows] == [w.fault for w in plan]
    if all(
        b - a <= most_ms * MS for a, b in zip([0, *sorted(before)], sorted(before), strict=False)
    ):
        assert (windows, fewer) == (plan, ops)


def test_a_trial_that_waits_for_long_is_over_soon():
    """A bug that any luck shows, seconds after the trial has begun and between two long pauses."""
    late = Trial(
        protocol="tests.mutants.abd:AcksBeforePersist", nodes=1, threads=1, keys=1, rtt_ms=5,
        client_timeout_ms=200, time_ms=9_000, final=False,
    )  # fmt: skip
    ops = [ScriptedOp(3_000 * MS, 0, "write", "r0", 1), ScriptedOp(8_000 * MS, 0, "read", "r0")]
    trial = late.with_plan([Window(3_001, 1, kill_nodes("kill", [0]))]).with_ops(ops)
    with Search(trial, "linearizable", bounds=Bounds()) as search:
        shorter_pauses(search)
        best = search.best

        assert fails_in(best, "linearizable")
        assert last_begin_ms(best.windows(), best.script()) <= 3 * PAUSES_RTT[0] * trial.rtt_ms + 1
        assert best.time_ms - last_begin_ms(best.windows(), best.script()) == 999


# --- windows made one -----------------------------------------------------------------------------


def one(first, second, by):
    return by(Window(10, 20, first), Window(50, 5, second))


def test_two_changes_of_membership_are_one_that_undoes_both():
    both = one(LEAVES, SWAPS, together)

    assert (both.at_ms, both.for_ms) == (10, 45)
    assert both.fault.begin == (Leave(0), Join(3), Leave(2))
    assert both.fault.end == (Join(2), Leave(3), Join(0))
    back = Fault("back", (Join(0),), (Leave(0),))
    assert one(LEAVES, back, together).fault.begin == (Join(0),), "the latest word counts"


@pytest.mark.parametrize(
    ("first", "second", "begin"),
    [
        (cut((0, 1)), LEAVES, (Cut(((0, 1),)), Leave(0))),
        (LEAVES, kill_nodes("kill", [0]), (Kill(0), Leave(0))),
        (cut((0, 1)), Fault("both", (Cut(((0, 1), (1, 2))), Kill(2)), (Mend(((0, 1), (1, 2))), Start(2))),
         (Cut(((0, 1), (1, 2))), Kill(2))),
        (kill_nodes("kill", [1]), wipe_node("wipe", 1), (Kill(1), Wipe(1))),
        (cut((0, 1)), weather(Weather(delay_ms=9), (0, 1)), (Cut(((0, 1),)), Shape(((0, 1),), Weather(delay_ms=9)))),
    ],
)  # fmt: skip
def test_what_may_be_on_at_the_same_time_is_one_fault(first, second, begin):
    both = one(first, second, compound)

    assert both.fault.begin == begin
    validate([both], range(4))
    assert one(first, second, together) is None


@pytest.mark.parametrize("at_end", [False, True])
def test_a_restart_may_come_as_another_fault_begins_or_ends(at_end):
    """Who is cut off from some has lost its disk just then: a wipe of four ms is no window of its own."""
    lasts, wiped = Window(50, 90, cut((0, 1), (3, 2))), Window(52, 4, wipe_node("wipe", 1))
    both = restarting(lasts, wiped, at_end=at_end)
    restart = (Kill(1), Wipe(1), Start(1))

    assert (both.at_ms, both.for_ms, both.fault.name) == (50, 90, "cut+wipe")
    assert both.fault.begin == (*lasts.fault.begin, *(() if at_end else restart))
    assert both.fault.end == (*lasts.fault.end, *(restart if at_end else ()))
    validate([both], range(4))
    assert restarting(wiped, lasts, at_end=at_end) is None, "a cut that is over at once is none"
    assert restarting(wiped, Window(9, 9, kill_nodes("kill", [1])), at_end=at_end) is None
    plans = [plan for by in OF_DIFFERENT for plan in merged([wiped, lasts], by=by)]
    assert [both] in plans


def test_where_there_are_too_many_both_may_be_on_while_only_one_was():
    """A swap is to last, and the cut that goes with it is not; or it is the other way round."""
    plan = [Window(30 * n, 20, fault) for n, fault in enumerate((cut((0, 1)), cut((1, 2)), SWAPS))]
    plan.append(Window(61, 200, cut((2, 3))))

    def merged_where(times):
        class Search(TakesAll):
            def attempt(self, candidates):
                for place, trial in enumerate(candidates):
                    if times in [
                        (w.at_ms, w.for_ms) for w in trial.windows() if "+" in w.fault.name
                    ]:
                        self.best = trial
                        return place
                return None

        search = Search(Trial(protocol="multipaxos", nodes=4).with_plan(plan))
        merged_windows(search)
        return search.best.windows()[-1].fault.begin

    both = (Cut(((2, 3),)), Join(3), Leave(2))
    assert merged_where((60, 201)) == merged_where((60, 20)) == merged_where((61, 200)) == both


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (kill_nodes("kill", [1]), pause_nodes("pause", [1])),
        (weather(Weather(delay_ms=9), (0, 1)), weather(Weather(loss_permille=9), (0, 1))),
        (cut((0, 1)), "kill-one"),
    ],
)
def test_what_does_two_things_to_the_same_stays_two(first, second):
    assert one(first, second, compound) is None


def test_windows_of_membership_become_one():
    plan = [Window(30 * n, 20, fault) for n, fault in enumerate((LEAVES, SWAPS, LEAVES))]
    search = TakesAll(Trial(protocol="multipaxos", nodes=4).with_plan(plan))
    merged_windows(search)

    assert len(search.best.windows()) == 1


def test_faults_are_made_smaller_only_where_there_are_few():
    plan = [Window(30 * n, 20, kill_nodes("kill", [0, 1])) for n in range(FEW + 1)]
    search = TakesAll(Trial(protocol="multipaxos", nodes=3).with_plan(plan))
    smaller_faults(search)
    assert search.best.windows() == tuple(plan)
    smaller_faults(search, most=len(plan))
    assert search.best.windows() != tuple(plan)


# --- neighbours -----------------------------------------------------------------------------------


def test_windows_come_to_begin_or_end_together_and_then_are_one():
    plan = [Window(10, 20, cut((0, 1))), Window(50, 5, pause_nodes("pause", [2]))]
    moved = [_as_another(Random(n), list(plan), [], Trial(protocol="raft"))[0] for n in range(60)]
    times = {tuple((w.at_ms, w.for_ms) for w in windows) for windows in moved}

    assert ((10, 20), (10, 20)) in times
    assert ((50, 5), (50, 5)) in times
    assert ((10, 20), (10, 45)) in times
    assert all([w.fault for w in windows] == [w.fault for w in plan] for windows in moved)


def test_windows_made_one_are_on_for_as_long_as_both_or_either():
    plan = [Window(10 + 30 * n, 20, kill_nodes("kill", [n])) for n in range(2)]
    found = [_without_one(Random(n), list(plan)) for n in range(200)]
    times = {(w.at_ms, w.for_ms) for [w] in found if len(w.fault.begin) == 2}

    assert times == {(10, 50), (10, 20), (40, 20)}


def test_neighbours_have_shorter_pauses():
    trial = Trial(protocol="raft", rtt_ms=5)
    plan, ops = [Window(5_000, 10, cut((0, 1)))], [ScriptedOp(9_000 * MS, 0, "read", "x")]
    ends = {
        last_begin_ms(*change(Random(n), list(plan), list(ops), trial))
        for change in CHANGES
        for n in range(20)
    }

    assert min(ends) < 100


# --- objects --------------------------------------------------------------------------------------


def test_a_bank_is_judged_by_the_accounts_that_there_are_and_becomes_small():
    """Of eight accounts each takes two ops to open, so that no trial of all of them has twelve."""
    trial = Trial(
        protocol="tests.mutants.m2paxos:FirstObject", workload="bank", nodes=3, threads=6, time_ms=2_000,
        rate=200, rtt_ms=5, client_timeout_ms=200, nemesis="partition,kill", interval_ms=300, seed="zoo.0.0", keys=4,
    )  # fmt: skip

    def enough(search):
        if size_of(search.best).small() and search.best.ops is not None:
            raise KeyboardInterrupt

    bounds = Bounds(trials=1_200)
    found = shrink(trial, play(trial), "bank", bounds=bounds, sound="m2paxos", heard=enough)

    assert found.before.ops > 300
    assert found.after.small()
    assert fails_in(found.trial, "bank")
    assert not fails_in(replace(found.trial, protocol="m2paxos"), "bank")


def test_an_object_that_does_not_matter_goes_from_all_ops():
    ops = [
        ScriptedOp(0, 0, "cas", "a", [None, 10]),
        ScriptedOp(1, 0, "cas", "b", [None, 10]),
        ScriptedOp(2, 0, "transfer", "", {"from": "a", "to": "b", "amount": 5}),
        ScriptedOp(3, 0, "balances", "", ["a", "b", "c"]),
        ScriptedOp(4, 0, "txn", "", [["r", "b", None], ["append", "c", 1]]),
    ]

    class NeedsA(TakesAll):
        jobs = 1

        def attempt(self, candidates):
            for place, candidate in enumerate(candidates):
                if any(
                    "a" in (op.key, *(op.value if isinstance(op.value, list) else ()))
                    for op in candidate.script()
                ):
                    self.best = candidate
                    return place
            return None

    search = NeedsA(with_faults(Trial(protocol="m2paxos"), []).with_ops(ops))
    fewer_objects(search)

    assert [(op.f, op.value) for op in search.best.script()] == [
        ("cas", [None, 10]), ("balances", ["a"]),
    ]  # fmt: skip


def test_registers_are_no_objects_of_that_sort():
    trial = Trial(protocol="raft").with_ops([ScriptedOp(0, 0, "write", "r0", 1)])
    search = TakesAll(trial)
    fewer_objects(search)
    assert search.best == trial
