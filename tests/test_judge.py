"""Judging: every check speaks, a crash is unknown, and faults are held to account."""

from __future__ import annotations

from checker.history import INFO, INVOKE, NEMESIS, OK, History, Row
from checker.verdict import Outcome, Verdict, combine
from harness.judge import judge

WRITE = [
    Row(0, 0, INVOKE, "write", "x", 1, node=0),
    Row(1_000_000, 0, OK, "write", "x", 1, node=0),
]


def fault(time_ns: int, phase: str, *, bit: bool) -> Row:
    proof = [{"action": {"do": "cut"}, "probe": "udp", "saw": {}, "bit": bit}]
    value = {"phase": phase, "window": 0, "proof": proof, "actions": []}
    return Row(time_ns, NEMESIS, INFO, "partition-one", None, value)


def always_valid(history: History) -> Verdict:
    del history
    return Verdict(outcome=Outcome.VALID)


def test_a_check_that_crashes_is_unknown_and_the_others_go_on() -> None:
    def crashes(history: History) -> Verdict:
        raise ZeroDivisionError(len(history))

    results = judge(History.of(WRITE), {"bad": crashes, "good": always_valid}, faults=False)

    assert results.outcome is Outcome.UNKNOWN
    assert results.checks["bad"].outcome is Outcome.UNKNOWN
    assert "ZeroDivisionError" in results.checks["bad"].summary
    assert results.checks["good"].valid


def test_a_trial_whose_faults_never_came_is_vacuous() -> None:
    results = judge(History.of(WRITE), {"good": always_valid}, faults=True)

    assert results.outcome is Outcome.VACUOUS


def test_a_fault_that_did_not_bite_is_the_harness_own_failure() -> None:
    rows = [
        WRITE[0],
        fault(100, "begin", bit=False),
        WRITE[1],
        fault(2_000_000, "end", bit=True),
        Row(3_000_000, 0, INVOKE, "read", "x", None, node=0),
        Row(4_000_000, 0, OK, "read", "x", 1, node=0),
    ]
    bitten = [rows[0], fault(100, "begin", bit=True), *rows[2:]]

    assert judge(History.of(rows), {}, faults=True).outcome is Outcome.INVALID_HARNESS
    assert judge(History.of(bitten), {}, faults=True).outcome is Outcome.VALID


def test_a_violation_speaks_louder_than_anything() -> None:
    assert combine(list(Outcome)) is Outcome.INVALID
    assert combine([]) is Outcome.VACUOUS
