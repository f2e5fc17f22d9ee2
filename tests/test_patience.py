"""Checks end in time, and say how far they came."""

from __future__ import annotations

import itertools
import signal
import sys
import threading
import time

import pytest

from checker.history import INVOKE, OK, History, Row
from checker.linearizable.frontier import Budget
from checker.verdict import Outcome, Verdict
from harness.claims import claims
from harness.patience import LimitError, Patience, free_bytes, resident_bytes, watch

NOTHING = History.of([])
VALID = Verdict(outcome=Outcome.VALID, summary="fine")


class Search:
    """Decides once it is given ``needs`` steps; otherwise tells how many it made, like the real one."""

    def __init__(self, needs: int, then: Verdict | BaseException = VALID) -> None:
        self.needs, self.then = needs, then
        self.budgets: list[Budget] = []

    def __call__(self, history: History, *, budget: Budget | None = None) -> Verdict:
        assert budget is not None
        self.budgets.append(budget)
        if budget.steps < self.needs:
            details = {"undecided": 1, "steps": budget.steps}
            summary = f"gave up after {budget.steps}"
            return Verdict(outcome=Outcome.UNKNOWN, summary=summary, details=details)
        if isinstance(self.then, BaseException):
            raise self.then
        return self.then


def endless(history: History) -> Verdict:
    return Verdict(outcome=Outcome.VALID, summary=str(sum(1 for _ in itertools.count())))


def test_what_a_short_search_decides_is_not_searched_again() -> None:
    search = Search(1)
    assert Patience(seconds=9).bound(search)(NOTHING) is VALID
    assert len(search.budgets) == 1


def test_a_long_search_gets_the_steps_that_fit_in_the_time_and_is_announced() -> None:
    told: list[str] = []
    search = Search(5_000_000)
    assert Patience(seconds=1000, tell=told.append).bound(search)(NOTHING) is VALID
    first, second = search.budgets
    assert first.steps == 1_000_000 < second.steps
    assert second.steps_per_answer == 0
    assert told == ["gave up after 1000000; searching on"]


def test_without_a_time_a_search_has_the_checkers_own_budget() -> None:
    search = Search(5_000_000)
    assert Patience(memory_mib=1).bound(search)(NOTHING) is VALID
    assert search.budgets[1] == Budget(configurations=(1 << 20) // 500)


def test_a_watch_ends_a_check_that_cannot_be_told() -> None:
    began = time.monotonic()
    verdict = Patience(seconds=0.1).bound(endless)(NOTHING)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.summary.startswith("out of time after 0.")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (LimitError("out of time"), "out of time after"),
        (MemoryError(), "out of memory after"),
        (KeyboardInterrupt(), "interrupted after"),
    ],
)
def test_an_end_tells_what_was_known_by_then(error: BaseException, why: str) -> None:
    verdict = Patience(seconds=100).bound(Search(2_000_000, error))(NOTHING)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.summary.startswith(why)
    assert verdict.summary.endswith("; gave up after 1000000")


def test_a_verdict_is_not_unknown_for_lack_of_steps_alone() -> None:
    strange = Verdict(outcome=Outcome.UNKNOWN, summary="row 0: a register does not know 'fly'")
    search = Search(1, strange)
    assert Patience(seconds=9).bound(search)(NOTHING) is strange
    assert len(search.budgets) == 1


def test_a_check_that_grows_too_large_is_ended() -> None:
    def greedy(history: History) -> Verdict:
        held: list[bytes] = []
        for _ in range(400):
            held.append(b"x" * (1 << 20))
            time.sleep(0.001)  # what takes memory takes time
        return Verdict(outcome=Outcome.VALID, summary=f"{len(held)} MiB")

    verdict = Patience(memory_mib=50).bound(greedy)(NOTHING)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.summary.startswith("out of memory after 0.")
    assert Patience(memory_mib=2000).bound(greedy)(NOTHING).outcome is Outcome.VALID


def test_memory_is_measured_in_bytes() -> None:
    assert 10 << 20 < resident_bytes() < 10 << 30
    assert 0 < free_bytes() < 1 << 50


def test_the_watch_is_taken_back() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with watch(100, None):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_check_is_told_again_where_nothing_could_be_raised() -> None:
    """CI's garbage collector was at work, with a callback of Hypothesis, as the time was up."""
    dropped: list[int] = []

    class Finalized:
        def __del__(self) -> None:
            try:
                for _ in itertools.count():
                    pass
            finally:
                dropped.append(1)

    def unlucky(history: History) -> Verdict:
        Finalized()
        return endless(history)

    before = sys.unraisablehook
    verdict = Patience(seconds=0.1).bound(unlucky)(NOTHING)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.summary.startswith("out of time after 0.")
    assert dropped == [1]
    assert sys.unraisablehook is before


def test_other_threads_are_not_watched() -> None:
    found: list[Verdict] = []
    check = Patience(seconds=5).bound(Search(1))
    thread = threading.Thread(target=lambda: found.append(check(NOTHING)))
    thread.start()
    thread.join()
    assert found == [VALID]


def hard(clients: int, rounds: int) -> History:
    """All add at once, each its own power of two; then a sum is read that no order has."""
    rows: list[Row] = []
    for turn in range(rounds):
        for process in range(clients):
            rows.append(Row(len(rows), process, INVOKE, "add", None, 3 << process + turn))
        rows.append(Row(len(rows), clients, INVOKE, "read"))
        rows.append(Row(len(rows), clients, OK, "read", None, 3 if turn + 1 < rounds else 1))
        rows += [Row(len(rows) + p, p, OK, "add", None, None) for p in range(clients)]
    return History.of(rows)


def test_a_search_that_explodes_is_unknown_in_time() -> None:
    began = time.monotonic()
    check = Patience(seconds=1.0, memory_mib=50).bound(claims("counter")["linearizable"])
    verdict = check(hard(24, 1))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "explained" in verdict.summary
    assert time.monotonic() - began < 10
