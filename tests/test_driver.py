"""The driver, with threads and the real clock, against clients that are plain Python."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest

from checker.history import FAIL, INFO, INVOKE, OK, History, Row
from harness.driver import BACK_OFF_S, LONGEST_BACK_OFF_S, Driver
from harness.load_stats import Stats
from workloads import register
from workloads.context import Context
from workloads.final_reads import reads_at_every_node
from workloads.generators import (
    SECOND,
    Ask,
    EachThread,
    Limit,
    OnNode,
    Ops,
    Phases,
    Rate,
    TimeLimit,
)
from workloads.kernel import Generator, Invoke, Options, Poll, Refused

Act = Callable[[str, str, object], object]


class FakeClient:
    """A client of a test's own: what it does is a function. It checks how it is used."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.closed = 0
        self.used_by: set[int] = set()

    def invoke(self, f: str, key: str, value: object) -> object:
        assert not self.closed, "used after it was closed"
        self.used_by.add(threading.get_ident())
        return self.act(f, key, value)

    def close(self) -> None:
        self.closed += 1


class Trial:
    """A driver, with all that it did: rows, and the clients made, by (thread, process, node)."""

    def __init__(
        self, act: Act | dict[int, Act], *, threads: int = 4, nodes: int = 2, **more: float
    ):
        self.acts = act if isinstance(act, dict) else dict.fromkeys(range(nodes), act)
        self.rows: list[Row] = []
        self.clients: dict[tuple[int, int, int], FakeClient] = {}
        self.stop = threading.Event()
        zero = time.monotonic_ns()
        self.driver = Driver(
            self.client,
            threads=threads,
            nodes=nodes,
            record=self.rows.append,
            clock_ns=lambda: time.monotonic_ns() - zero,
            stop=self.stop,
            **more,  # type: ignore[arg-type]
        )

    def client(self, thread: int, process: int, node: int) -> FakeClient:
        assert (thread, process, node) not in self.clients, "one client, one process"
        made = self.clients[thread, process, node] = FakeClient(self.acts[node])
        return made

    def run(self, generator: Generator) -> History:
        self.driver.run(generator)
        return History.of(self.rows)

    def of_type(self, *types: int) -> list[Row]:
        return [row for row in self.rows if row.type in types]


def echo(f: str, key: str, value: object) -> object:
    return value


def refuse(f: str, key: str, value: object) -> object:
    raise Refused("not the leader")


def crash(f: str, key: str, value: object) -> object:
    raise RuntimeError("connection reset")


def unreachable(f: str, key: str, value: object) -> object:
    raise Refused("cannot connect") from ConnectionRefusedError()


def serials(random: Random, context: Context) -> tuple[str, str, object]:
    return "write", "x", context.serial


def no_threads_left() -> bool:
    return not any(t.name.startswith("client-") for t in threading.enumerate())


def test_every_op_is_invoked_and_completed_in_real_time_order() -> None:
    """A register behind a lock: the recorded history must be linearizable, so intervals hold."""
    lock, values = threading.Lock(), {}

    def act(f: str, key: str, value: object) -> object:
        with lock:
            if f == "write":
                values[key] = value
            return values.get(key)

    trial = Trial(act, threads=8, nodes=3)
    options = Options(threads=8, nodes=3, time_ms=400, rate=0, keys=2)
    history = trial.run(register.main(Random(1), options))
    workload = register.workload()
    assert workload.checks["linearizable"](history).valid
    assert (history.partner >= 0).all()
    assert all(a.time_ns <= b.time_ns for a, b in pairwise(trial.rows))
    assert trial.driver.stats.ops == trial.driver.stats.ok == len(trial.rows) / 2 > 100
    assert no_threads_left()


def test_ops_run_side_by_side_and_each_client_is_used_by_one_thread() -> None:
    meet = threading.Barrier(4, timeout=10)

    def act(f: str, key: str, value: object) -> object:
        meet.wait()
        return value

    trial = Trial(act)
    trial.run(EachThread(lambda _: Limit(5, Ask("write", "x", 1)), threads=4))
    assert len(trial.of_type(OK)) == 20
    assert set(trial.clients) == {(thread, thread, thread % 2) for thread in range(4)}
    for client in trial.clients.values():
        assert len(client.used_by) == 1
        assert client.closed == 1


def test_how_an_op_ends_is_what_the_client_says() -> None:
    trial = Trial({0: echo, 1: refuse, 2: crash}, threads=3, nodes=3)
    trial.run(EachThread(lambda _: Limit(2, Ask("write", "x", 7)), threads=3))
    ends = {row.node: (row.type, row.value, row.error) for row in trial.rows if row.type != INVOKE}
    assert ends == {
        0: (OK, 7, None),
        1: (FAIL, 7, "not the leader"),
        2: (INFO, 7, "RuntimeError: connection reset"),
    }
    stats = trial.driver.stats.to_json()
    assert stats["counts"] == {"write": {"invoke": 6, "ok": 2, "fail": 2, "info": 2}}
    assert stats["errors"] == {"not the leader": 2, "RuntimeError: connection reset": 2}


def test_after_info_a_thread_goes_on_as_a_new_process_with_a_new_client() -> None:
    trial = Trial(crash, threads=2, nodes=2)
    trial.run(EachThread(lambda thread: Limit(3 * thread, Ask("read", "x")), threads=2))
    assert [row.process for row in trial.of_type(INVOKE)] == [1, 3, 5]
    assert list(trial.clients) == [(1, 1, 1), (1, 3, 1), (1, 5, 1)]
    assert all(client.closed == 1 for client in trial.clients.values())


def test_after_fail_process_and_client_stay() -> None:
    trial = Trial(refuse, threads=1, nodes=1)
    trial.run(Limit(3, Ask("read", "x")))
    assert {row.process for row in trial.rows} == {0}
    assert len(trial.clients) == 1


def test_an_op_for_another_node_is_another_process() -> None:
    trial = Trial(echo, threads=1, nodes=3)
    trial.run(Phases([Limit(2, OnNode(node, Ask("read", "x"))) for node in (0, 2, 1)]))
    asked = [(row.process, row.node) for row in trial.of_type(INVOKE)]
    assert asked == [(0, 0), (0, 0), (1, 2), (1, 2), (2, 1), (2, 1)]
    assert list(trial.clients) == [(0, 0, 0), (0, 1, 2), (0, 2, 1)]
    assert all(client.closed == 1 for client in trial.clients.values())


def test_a_second_run_uses_new_processes() -> None:
    trial = Trial(echo, threads=2, nodes=2)
    trial.run(EachThread(lambda _: Limit(1, Ask("write", "x", 1)), threads=2))
    trial.run(reads_at_every_node(["x"], threads=2, nodes=range(2)))
    History.of(trial.rows)
    assert sorted(row.process for row in trial.of_type(INVOKE)) == [0, 1, 2, 3]


def test_a_client_that_cannot_be_made_fails_the_op() -> None:
    trial = Trial(echo, threads=1, nodes=1)
    trial.client = None  # type: ignore[assignment,method-assign]
    trial.driver.clients = lambda *_: {}[1]  # type: ignore[assignment,misc]
    trial.run(Limit(2, Ask("read", "x")))
    assert [row.type for row in trial.rows] == [INVOKE, FAIL] * 2
    assert trial.rows[1].error == "no client: KeyError: 1"


def test_a_dead_node_does_not_spin_and_does_not_slow_the_others() -> None:
    trial = Trial({0: echo, 1: unreachable, 2: crash}, threads=3, nodes=3)
    trial.run(TimeLimit(SECOND, Ops(serials, Random(1), Context(threads=3))))
    by_node = Counter(row.node for row in trial.of_type(INVOKE))
    most = 3 + 2 * int(1 / LONGEST_BACK_OFF_S) + (LONGEST_BACK_OFF_S / BACK_OFF_S).__ceil__() // 8
    assert 3 <= by_node[1] <= most
    assert 3 <= by_node[2] <= most
    assert by_node[0] > 50


def test_a_refusal_by_a_node_that_answers_is_not_waited_after() -> None:
    trial = Trial(refuse, threads=1, nodes=1)
    began = time.monotonic()
    trial.run(Limit(200, Ask("cas", "x", [1, 2])))
    assert time.monotonic() - began < 200 * BACK_OFF_S


def test_open_loop_starts_on_time_and_says_how_late_they_were() -> None:
    trial = Trial(echo, threads=8)
    trial.run(TimeLimit(SECOND, Rate(500, Ask("write", "x", 1), Random(3))))
    stats = trial.driver.stats
    assert 420 <= stats.ops <= 580
    assert stats.lateness.count == stats.ops
    half = stats.lateness.quantile(500)
    assert half is not None
    assert 0 < half < 50_000_000, "a loose bound: benchmarks/driver.py measures"
    late = [row for row in trial.of_type(INVOKE) if row.intended_ns is not None]
    assert late
    assert all(row.intended_ns < row.time_ns for row in late)


def test_ops_that_wait_for_a_thread_keep_their_intended_time() -> None:
    """One client that hangs: latencies count from when ops should have begun."""
    hang = iter([0.4])

    def act(f: str, key: str, value: object) -> object:
        time.sleep(next(hang, 0))
        return value

    trial = Trial(act, threads=1, nodes=1)
    trial.run(TimeLimit(SECOND, Rate(100, Ask("write", "x", 1), Random(3))))
    stats = trial.driver.stats
    late = [
        row
        for row in trial.of_type(INVOKE)
        if row.intended_ns is not None and row.time_ns - row.intended_ns > 50_000_000
    ]
    assert len(late) >= 20
    assert stats.waited >= 20
    largest = stats.latency["write"].quantile(950)
    assert largest is not None
    assert largest > 200_000_000
    assert stats.lateness.quantile(500) < 50_000_000  # type: ignore[operator]


class Broken:
    """A generator that works for ten polls."""

    def __init__(self, where: str) -> None:
        self.where, self.polls = where, 0

    def poll(self, now_ns: int, idle: tuple[int, ...]) -> Poll:
        self.polls += 1
        if self.polls > 10 and self.where == "poll":
            raise ZeroDivisionError("in poll")
        thread = 99 if self.polls > 10 and self.where == "thread" else idle[0]
        return Invoke(thread, "read", "x", None, now_ns)

    def update(self, thread: int, row: Row) -> None:
        if self.polls > 10 and row.type == OK and self.where == "update":
            raise ZeroDivisionError("in update")


@pytest.mark.parametrize(
    ("where", "kind"),
    [("poll", ZeroDivisionError), ("update", ZeroDivisionError), ("thread", IndexError)],
)
def test_a_broken_generator_ends_the_run_with_its_own_error(where: str, kind: type) -> None:
    trial = Trial(echo)
    with pytest.raises(kind):
        trial.run(Broken(where))
    assert (History.of(trial.rows).partner >= 0).all()
    assert no_threads_left()


def test_rows_that_cannot_be_recorded_end_the_run() -> None:
    trial = Trial(echo)

    def record(row: Row) -> None:
        trial.rows.append(row)
        if len(trial.rows) > 20:
            raise OSError("disk full")

    trial.driver.record = record
    with pytest.raises(OSError, match="disk full"):
        trial.run(Ask("read", "x"))
    assert no_threads_left()


def test_a_client_that_exits_the_interpreter_ends_the_run_and_its_op_is_info() -> None:
    def act(f: str, key: str, value: object) -> object:
        raise SystemExit(3)

    trial = Trial(act, threads=1, nodes=1)
    with pytest.raises(SystemExit):
        trial.run(Ask("read", "x"))
    assert [row.type for row in trial.rows] == [INVOKE, INFO]


def test_stop_ends_the_run_soon_and_the_history_is_complete() -> None:
    def act(f: str, key: str, value: object) -> object:
        time.sleep(0.05)
        return value

    trial = Trial(act)
    timer = threading.Timer(0.2, trial.stop.set)
    timer.start()
    began = time.monotonic()
    history = trial.run(Ask("write", "x", 1))
    assert time.monotonic() - began < 3
    assert (history.partner >= 0).all()
    assert no_threads_left()
    timer.join()


def test_stop_wakes_threads_that_sleep_until_a_far_time() -> None:
    trial = Trial(echo)
    timer = threading.Timer(0.1, trial.stop.set)
    timer.start()
    began = time.monotonic()
    trial.run(Rate(1, Ask("read", "x"), Random(0), backlog=1))
    assert time.monotonic() - began < 3
    timer.join()


def test_a_client_that_does_not_come_back_is_info_and_its_thread_replaced() -> None:
    """And what it does when it comes back after all changes nothing any more."""
    release = threading.Event()
    entered = threading.Event()

    def hang(f: str, key: str, value: object) -> object:
        entered.set()
        release.wait(20)
        return value

    hangs = iter([hang])

    def hang_once(f: str, key: str, value: object) -> object:
        return next(hangs, echo)(f, key, value)

    trial = Trial({0: echo, 1: hang_once}, threads=2, nodes=2, grace_s=0.3)
    trial.run(EachThread(lambda _: Limit(2, Ask("write", "x", 1)), threads=2))
    assert entered.is_set()
    assert trial.driver.stats.abandoned == 1
    asked = [(row.process, row.type, row.error) for row in trial.rows if row.node == 1]
    assert asked == [
        (1, INVOKE, None),
        (1, INFO, "had not come back after 0.3 s"),
        (3, INVOKE, None),
        (3, OK, None),
    ]
    rows = list(trial.rows)
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("client-"):
            thread.join(10)
    assert trial.rows == rows
    assert all(client.closed == 1 for client in trial.clients.values())


def test_a_client_that_hangs_cannot_keep_a_stopped_run_from_ending() -> None:
    release = threading.Event()

    def hang(f: str, key: str, value: object) -> object:
        trial.stop.set()
        release.wait(20)
        return value

    trial = Trial(hang, threads=1, nodes=1, grace_s=0.2)
    trial.run(Ask("write", "x", 1))
    assert [row.type for row in trial.rows] == [INVOKE, INFO]
    release.set()


def test_an_interrupt_in_the_callers_thread_ends_the_run_and_is_raised() -> None:
    """As Ctrl-C is, while the caller waits."""
    import _thread

    trial = Trial(echo)
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        trial.run(Ask("write", "x", 1))
    timer.join()
    assert (History.of(trial.rows).partner >= 0).all()
    assert no_threads_left()


def test_a_machine_that_is_out_of_threads_ends_the_run(monkeypatch) -> None:
    start = threading.Thread.start
    left = iter(range(2))

    def start_some(thread: threading.Thread) -> None:
        if thread.name.startswith("client-") and next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    trial = Trial(echo)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        trial.run(Ask("read", "x"))
    assert (History.of(trial.rows).partner >= 0).all()
    assert no_threads_left()


def test_errors_are_counted_by_text_for_a_bounded_number_of_texts() -> None:
    stats = Stats()
    for i in range(1000):
        stats.error(f"error {'x' * i} {i}")
    assert len(stats.errors) == 51
    assert stats.errors["other errors"] == 950


def test_a_generator_that_has_nothing_at_all() -> None:
    trial = Trial(echo)
    assert len(trial.run(Limit(0, Ask("read", "x")))) == 0
    assert no_threads_left()
