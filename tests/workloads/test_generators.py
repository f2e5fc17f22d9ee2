"""Generators, without a cluster: what they ask for, when, of whom, and when they end."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from checker.history import FAIL, INFO, INVOKE, OK, History, Row
from workloads.context import Context
from workloads.final_reads import reads_at_every_node
from workloads.generators import (
    SECOND,
    AnyOf,
    Ask,
    Delay,
    EachThread,
    Limit,
    Mix,
    OnThreads,
    Ops,
    Phases,
    Rate,
    TimeLimit,
    UntilOk,
    at_rate,
    reserve,
)
from workloads.kernel import WAIT, At, Generator, Invoke
from workloads.rehearsal import at_once, rehearse

MS = SECOND // 1000
READ = Ask("read", "x")
WRITE = Ask("write", "x", 1)


def invocations(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.type == INVOKE]


def serials(random: Random, context: Context) -> tuple[str, str, object]:
    return "write", "x", context.serial


def ending(type: int, after_ns: int = MS):
    return lambda invoke: (after_ns, type, invoke.value)


def test_a_rehearsed_history_is_well_formed_whatever_the_answers() -> None:
    random = Random(3)
    ops = Ops(serials, Random(1), Context(threads=4))
    rows = rehearse(
        Limit(500, ops),
        threads=4,
        answer=lambda _: (random.randrange(1, MS), random.choice((OK, FAIL, INFO)), None),
    )
    history = History.of(rows)
    assert sum(1 for _ in history.ops()) == 500
    assert (history.partner >= 0).all()
    assert all(a.time_ns <= b.time_ns for a, b in pairwise(rows))


def test_the_same_seed_makes_the_same_ops() -> None:
    def play(seed: int) -> list[Row]:
        ops = Ops(serials, Random(seed), Context(threads=3))
        return rehearse(Limit(100, Rate(500, ops, Random(seed))), threads=3)

    assert play(5) == play(5)
    assert play(5) != play(6)


def test_ops_spread_over_all_idle_threads() -> None:
    ops = Ops(serials, Random(1), Context(threads=5))
    threads = Counter(ops.poll(0, range(5)).thread for _ in range(1000))  # type: ignore[union-attr]
    assert set(threads) == set(range(5))
    assert min(threads.values()) > 100


def test_a_context_knows_who_runs_the_op_also_after_an_info() -> None:
    """The process told to the leaf is the one under which the interpreter runs the op."""
    told: list[int] = []

    def make(random: Random, context: Context) -> tuple[str, str, object]:
        told.append(context.process)
        return "read", "x", None

    types = iter((OK, INFO, INFO, FAIL, OK))
    rows = rehearse(
        Limit(5, Ops(make, Random(0), Context(threads=1))),
        threads=1,
        answer=lambda _: (1, next(types), None),
    )
    assert told == [row.process for row in invocations(rows)] == [0, 0, 1, 2, 2]


def test_a_context_sees_reads_writes_and_cas_that_were_ok() -> None:
    context = Context(threads=2)

    def op(thread: int, f: str, value: object, type: int, answer: object = None) -> None:
        context.hear(thread, Row(0, thread, INVOKE, f, "x", value))
        context.hear(thread, Row(1, thread, type, f, "x", answer))

    op(0, "write", 1, OK)
    assert context.seen == {"x": 1}
    op(1, "cas", [1, 2], OK)
    assert context.seen == {"x": 2}
    op(0, "read", None, OK, 2)
    op(0, "write", 3, FAIL)
    op(0, "write", 4, INFO)
    assert context.seen == {"x": 2}
    op(0, "read", None, OK, None)
    assert context.seen == {"x": None}
    assert context.seen_by(1) == {"x": 2}


class Late:
    """Answers a poll only with a time, as a generator that has nothing yet."""

    def __init__(self, time_ns: int) -> None:
        self.time_ns = time_ns

    def poll(self, now_ns: int, idle: object) -> At:
        return At(self.time_ns)

    def update(self, thread: int, row: Row) -> None:
        """Makes no ops, so it hears of none."""


def test_a_time_limit_ends_on_time_even_if_its_child_would_wait_longer() -> None:
    assert TimeLimit(10, Late(500)).poll(0, (0,)) == At(10)
    assert TimeLimit(10, Late(5)).poll(0, (0,)) == At(5)
    assert TimeLimit(10, READ).poll(0, ()) == At(10)


def test_a_time_limit_lets_ops_in_flight_complete() -> None:
    rows = rehearse(TimeLimit(10 * MS, READ), threads=1, answer=ending(OK, 7 * MS))
    assert [row.time_ns for row in rows] == [0, 7 * MS, 7 * MS, 14 * MS]


@pytest.mark.parametrize("poisson", [False, True])
def test_a_rate_is_kept_on_average_and_its_gaps_are_not_all_alike(poisson: bool) -> None:
    rate = Rate(1000, READ, Random(2), poisson=poisson)
    rows = invocations(rehearse(TimeLimit(10 * SECOND, rate), threads=50))
    assert 9_600 <= len(rows) <= 10_400
    gaps = [b.time_ns - a.time_ns for a, b in pairwise(rows)]
    longer_than_any_uniform = [gap for gap in gaps if gap > 2 * MS]
    assert bool(longer_than_any_uniform) == poisson
    assert len(set(gaps)) > 9_000


def test_a_busy_client_delays_ops_but_not_their_intended_starts() -> None:
    """Coordinated omission seen and avoided: one client that hangs for a second at 100 op/s."""
    hang = iter([SECOND])
    rate = Rate(100, READ, Random(4))
    rows = rehearse(
        TimeLimit(3 * SECOND, rate), threads=1, answer=lambda _: (next(hang, MS // 10), OK, None)
    )
    asked = invocations(rows)
    undisturbed = invocations(
        rehearse(TimeLimit(3 * SECOND, Rate(100, READ, Random(4))), threads=1)
    )

    def intended(row: Row) -> int:
        return row.time_ns if row.intended_ns is None else row.intended_ns

    assert [intended(row) for row in asked] == [intended(row) for row in undisturbed]
    late = [row for row in asked if row.time_ns - intended(row) > 10 * MS]
    assert 80 <= len(late) <= 120, "all ops that should have started during the hang"
    assert rate.shed == 0


def test_a_backlog_is_bounded_and_what_it_sheds_is_counted() -> None:
    rate = Rate(1000, READ, Random(0), backlog=10)
    rate.poll(0, ())
    assert rate.poll(SECOND, ()) == WAIT
    assert 900 < rate.shed < 1100
    oldest = rate.poll(SECOND, (0,))
    assert isinstance(oldest, Invoke)
    assert oldest.intended_ns > SECOND - 30 * MS, "the oldest were shed, the youngest wait"


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Rate(0, READ, Random(0))


def test_a_closed_loop_keeps_every_client_busy() -> None:
    rows = rehearse(TimeLimit(SECOND, at_rate(0, READ, Random(0))), threads=3)
    assert len(invocations(rows)) == 3 * 1000
    assert all(row.intended_ns is None for row in rows)


def test_a_delay_spaces_ops() -> None:
    rows = invocations(rehearse(Limit(4, Delay(5 * MS, READ)), threads=4))
    assert [row.time_ns for row in rows] == [0, 5 * MS, 10 * MS, 15 * MS]


def test_until_ok_tries_again_and_ends() -> None:
    types = iter((INFO, FAIL, OK, OK))
    rows = rehearse(UntilOk(READ), threads=1, answer=lambda _: (1, next(types), None))
    assert [row.type for row in rows] == [INVOKE, INFO, INVOKE, FAIL, INVOKE, OK]


def test_phases_begin_when_all_ops_of_the_one_before_are_complete() -> None:
    slow = iter((5 * MS, 9 * MS))
    rows = rehearse(
        Phases([Limit(2, WRITE), Limit(2, READ)]),
        threads=2,
        answer=lambda _: (next(slow, MS), OK, None),
    )
    assert [(row.f, row.type == INVOKE) for row in rows[:4]] == [
        ("write", True), ("write", True), ("write", False), ("write", False),
    ]  # fmt: skip
    assert [row.time_ns for row in invocations(rows) if row.f == "read"] == [9 * MS, 9 * MS]


def test_a_mix_is_by_weight_and_tells_each_child_of_its_own_ops() -> None:
    heard: Counter[str] = Counter()

    class Listening(Ask):
        def update(self, thread: int, row: Row) -> None:
            assert row.f == self._f
            heard[row.f] += 1

    mix = Mix([(9, Listening("read", "x")), (1, Listening("write", "x"))], Random(1))
    rehearse(Limit(1000, mix), threads=5)
    assert heard["read"] + heard["write"] == 2000
    assert 120 < heard["write"] < 290


def test_a_mix_goes_on_with_those_that_have_not_ended() -> None:
    mix = Mix([(100, Limit(2, READ)), (1, Limit(3, WRITE))], Random(1))
    fs = Counter(row.f for row in invocations(rehearse(mix, threads=2)))
    assert fs == {"read": 2, "write": 3}


def test_any_of_waits_for_the_soonest() -> None:
    assert AnyOf([Late(9), Late(4)]).poll(0, (0,)) == At(4)
    assert AnyOf([Limit(0, READ)]).poll(0, (0,)) is None
    assert AnyOf([OnThreads({1}, READ)]).poll(0, (0,)) == WAIT


def test_reserved_threads_are_left_alone() -> None:
    split = reserve([(2, WRITE), (1, Ask("cas", "x", [1, 2]))], READ, threads=5)
    by_thread: dict[int, set[str]] = {}
    for row in invocations(rehearse(Limit(200, split), threads=5)):
        by_thread.setdefault(row.process, set()).add(row.f)
    assert by_thread == {0: {"write"}, 1: {"write"}, 2: {"cas"}, 3: {"read"}, 4: {"read"}}
    with pytest.raises(ValueError, match="6 threads reserved of 5"):
        reserve([(6, WRITE)], READ, threads=5)


def test_each_thread_has_its_own_and_all_must_end() -> None:
    each = EachThread(lambda thread: Limit(thread, READ), threads=4)
    processes = Counter(row.process for row in invocations(rehearse(each, threads=4)))
    assert processes == {1: 1, 2: 2, 3: 3}


def finals(threads: int, nodes: int, answer=at_once) -> list[Row]:
    generator: Generator = reads_at_every_node(
        ["x", "y"], threads=threads, nodes=range(nodes), patience_ns=SECOND, pause_ns=100 * MS
    )
    return rehearse(generator, threads=threads, answer=answer)


@pytest.mark.parametrize(("threads", "nodes"), [(1, 3), (3, 3), (10, 5), (2, 5)])
def test_final_reads_ask_every_node_for_every_key_once_if_all_is_well(threads, nodes) -> None:
    asked = Counter((row.node, row.key) for row in invocations(finals(threads, nodes)))
    assert asked == {(node, key): 1 for node in range(nodes) for key in ("x", "y")}


def test_final_reads_give_up_a_dead_node_in_time_and_read_the_others() -> None:
    def answer(invoke: Invoke) -> tuple[int, int, object]:
        return (50 * MS, INFO, None) if invoke.node == 1 else (MS, OK, 7)

    rows = finals(3, 3, answer)
    assert rows[-1].time_ns <= SECOND + 50 * MS
    tries = [row for row in invocations(rows) if row.node == 1]
    assert len(tries) == 10, "one every 100 ms, for a second"
    assert {row.node for row in rows if row.type == OK} == {0, 2}


def test_final_reads_come_back_to_a_node_that_recovers() -> None:
    began = iter(range(100))
    rows = finals(1, 1, lambda _: (MS, FAIL if next(began) < 4 else OK, 7))
    assert [row.type for row in rows if row.type != INVOKE] == [FAIL] * 4 + [OK, OK]


class OnlyThread5:
    def poll(self, now_ns: int, idle: object) -> Invoke:
        return Invoke(5, "read", "x", None, now_ns)

    def update(self, thread: int, row: Row) -> None:
        """Makes no use of it."""


class WaitsForEver(OnlyThread5):
    def poll(self, now_ns: int, idle: object):
        return WAIT


@pytest.mark.parametrize(
    ("generator", "what"),
    [
        (OnlyThread5(), "for a thread that is busy"),
        (WaitsForEver(), "waits, though nothing is in flight"),
        (Late(0), "would stand still"),
    ],
)
def test_a_rehearsal_sees_a_generator_that_breaks_the_rules(generator, what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        rehearse(generator, threads=2)
