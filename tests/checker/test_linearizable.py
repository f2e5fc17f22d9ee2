"""Registers: each anomaly found and explained, and the graph against trying every order."""

from random import Random

import pytest
from hypothesis import given, settings

from checker.history import FAIL, INFO, INVOKE, OK, History, Row
from checker.linearizable import check
from checker.verdict import Outcome, Verdict
from tests.checker.golden import golden, pairs
from tests.checker.histories import DRAWS, interleaved, register_history
from tests.checker.twins import explainable, register

TITLES = {
    "stale-read": "stale read",
    "lost-write": "lost write",
    "future-read": "read from the future",
    "never-written": "value never written",
    "true-is-not-one": "value never written",
    "new-old-inversion": "new-old inversion",
    "failed-write": "read of a failed write",
    "initial-after-write": "initial value after a write",
    "empty-read": "initial value after a write",
    "crashed-write": "new-old inversion",
    "cas-fork": "two successful cas from one value",
    "cas-order": "stale read",
    "cas-crashed": "stale read",
    "cas-without-beginning": "cas chain without a beginning",
    "keys-apart": "value never written",
}


@pytest.mark.parametrize("name", pairs("linearizable"))
def test_golden_histories(name: str) -> None:
    assert check(golden("linearizable", name, "ok")).outcome is Outcome.VALID
    bad = check(golden("linearizable", name, "bad"))
    assert bad.outcome is Outcome.INVALID
    assert bad.details["witness"]["title"] == TITLES[name]
    assert 1 <= len(bad.details["witness"]["ops"]) <= 6
    assert bad.explanation


def test_the_witness_is_told_in_plain_words() -> None:
    verdict = check(golden("linearizable", "future-read", "bad"))
    assert verdict.summary == "not linearizable: key x, read from the future"
    assert verdict.explanation == (
        "read of 5 by process 3 finished at 1.204 s (row 1), before the write of 5 by process 0 began at 1.377 s (row 2)",
    )
    assert verdict.evidence == (0, 1, 2, 3)


def test_a_lost_write_is_told_with_why_the_value_is_old() -> None:
    verdict = check(golden("linearizable", "lost-write", "bad"))
    assert verdict.explanation == (
        "write of 2 by process 0 finished at 0.003 s (row 3), before the read of 1 by process 2 began at 0.006 s (row 6)",
        "write of 1 by process 0 finished at 0.001 s (row 1), before the write of 2 by process 0 began at 0.002 s (row 2)",
        "so 1 was there both before and after 2, but each was written once",
        "no read ever returned 2",
    )


@settings(max_examples=700)
@given(DRAWS)
def test_reads_and_writes_agree_with_brute_force(draws) -> None:
    """And for these the evidence alone is a history that cannot be explained."""
    history = register_history(draws, cas=False, unique=True)
    verdict = agrees_with_brute_force(history)
    if verdict.outcome is Outcome.INVALID:
        assert not explainable(only(history, verdict.evidence), (None,), register)


@settings(max_examples=700)
@given(DRAWS)
def test_cas_agrees_with_brute_force(draws) -> None:
    agrees_with_brute_force(register_history(draws, cas=True, unique=True))


@settings(max_examples=600)
@given(DRAWS)
def test_values_written_twice_are_never_judged_wrongly(draws) -> None:
    agrees_with_brute_force(register_history(draws, cas=True, unique=False))


def agrees_with_brute_force(history: History) -> Verdict:
    verdict, explained = check(history), explainable(history, (None,), register)
    match verdict.outcome:
        case Outcome.VALID | Outcome.VACUOUS:
            assert explained
        case Outcome.INVALID:
            assert not explained
            assert len(verdict.details["witness"]["ops"]) <= 6
        case _:
            assert verdict.outcome is Outcome.UNKNOWN
    return verdict


def only(history: History, rows) -> History:
    return History.of(history.rows[row] for row in rows)


def test_a_thousand_random_ones_of_many_clients_and_keys() -> None:
    """A key is judged as if it were alone: interleave bad and good histories."""
    random = Random(7)
    for _ in range(300):
        parts = [
            register_history(
                [
                    (random.randrange(4), random.randrange(20), random.randrange(10))
                    for _ in range(12)
                ],
                cas=True,
                unique=True,
            )
            for _ in range(3)
        ]
        each = [check(part).outcome for part in parts]
        if Outcome.UNKNOWN in each:
            continue
        verdict = check(interleaved(parts, random))
        bad = sum(outcome is Outcome.INVALID for outcome in each)
        assert verdict.details.get("bad keys", 0) == bad
        assert verdict.outcome is (
            Outcome.INVALID if bad else Outcome.VALID if Outcome.VALID in each else Outcome.VACUOUS
        )


def test_nothing_observed_is_vacuous() -> None:
    assert check(History.of([])).outcome is Outcome.VACUOUS
    rows = [
        Row(0, 0, INVOKE, "write", "x", 1),
        Row(1, 0, OK, "write", "x", 1),
        Row(2, 0, INVOKE, "read", "x"),
        Row(3, 0, FAIL, "read", "x"),
        Row(4, 0, INVOKE, "read", "x"),
        Row(5, 0, INFO, "read", "x"),
    ]
    verdict = check(History.of(rows))
    assert verdict.outcome is Outcome.VACUOUS
    assert verdict.summary.startswith("no read succeeded")


def test_what_a_register_does_not_know_is_unknown() -> None:
    rows = [Row(0, 0, INVOKE, "append", "x", 1), Row(1, 0, OK, "append", "x", 1)]
    verdict = check(History.of(rows))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.summary == "row 0: a register does not know 'append'"
    rows = [Row(0, 0, INVOKE, "cas", "x", 1), Row(1, 0, OK, "cas", "x", 1)]
    verdict = check(History.of(rows))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.summary == "row 0: a cas takes [old, new], not 1"


def test_nemesis_and_node_rows_are_not_ops() -> None:
    rows = [
        Row(0, -1, INFO, "partition", None, {"phase": "begin"}),
        Row(0, 0, INVOKE, "write", "x", 1),
        Row(1, -2, INFO, "decided", None, [1, "a"]),
        Row(1, 0, OK, "write", "x", 1),
        Row(2, 0, INVOKE, "read", "x"),
        Row(3, 0, OK, "read", "x", 1),
    ]
    assert check(History.of(rows)).outcome is Outcome.VALID
