"""Read-write transactions, banks and long forks."""

import pytest
from hypothesis import given, settings

from checker.history import FAIL, INVOKE, OK, History, Row
from checker.transactional import bank, long_fork
from checker.transactional.rw_register import check
from checker.verdict import Outcome
from tests.checker.histories import DRAWS
from tests.checker.txns import run_writes, serializable, write_history


def txns(*said: tuple[int, int, int, str], types: tuple[int, ...] = ()) -> History:
    """Each (process, begin, end, micro-operations): ``w x 1`` writes, ``r x 1`` reads, ``r x`` null."""
    rows = []
    for i, (process, begin, end, text) in enumerate(said):
        done = []
        for mop in text.split(","):
            f, key, *value = mop.split()
            done.append([f, key, int(value[0]) if value else None])
        asked = [[f, k, None if f == "r" else v] for f, k, v in done]
        fate = types[i] if i < len(types) else OK
        rows.append(Row(begin * 1_000_000, process, INVOKE, "txn", None, asked))
        rows.append(Row(end * 1_000_000, process, fate, "txn", None, done if fate == OK else asked))
    return History.of(sorted(rows, key=lambda row: row.time_ns))


ANOMALIES = {
    "G1a": txns((0, 0, 1, "w x 1"), (1, 2, 3, "r x 1"), types=(FAIL,)),
    "G1b": txns((0, 0, 9, "w x 1,w x 2"), (1, 1, 8, "r x 1")),
    "G1c": txns((0, 0, 9, "w x 1,r y 1"), (1, 1, 8, "w y 1,r x 1")),
    "G0": txns((0, 0, 9, "r x 2,w x 1,w y 1"), (1, 1, 8, "r y 1,w y 2,w x 2")),
    "G-single-item": txns((0, 0, 9, "w x 1,w y 1"), (1, 1, 8, "r x 1,r y")),
    "G2-item": txns((0, 0, 9, "r x,w y 1"), (1, 1, 8, "r y,w x 1")),
    "G-single-item-realtime": txns((0, 0, 1, "w x 1"), (1, 2, 3, "r x")),
    "internal": txns((0, 0, 1, "w x 1,r x 2"), (1, 2, 3, "w x 2")),
    "future-read": txns((0, 0, 1, "r x 1,w x 1")),
    "lost-update": txns((0, 0, 9, "r x,w x 1"), (1, 1, 8, "r x,w x 2")),
    "cyclic-versions": txns((0, 0, 9, "r x 2,w x 1"), (1, 1, 8, "r x 1,w x 2")),
}


@pytest.mark.parametrize("name", sorted(ANOMALIES))
def test_each_anomaly_is_found_and_told(name: str) -> None:
    verdict = check(ANOMALIES[name])
    if name != "G0":  # its versions are cyclic first
        assert name in verdict.details["anomalies"]
        assert verdict.details["examples"][name][0]["lines"]
    assert verdict.outcome is Outcome.INVALID


def test_a_serial_history_has_none() -> None:
    verdict = check(txns((0, 0, 1, "r x,w x 1"), (1, 2, 3, "r x 1,w x 2"), (0, 4, 5, "r x 2,r y")))
    assert verdict.outcome is Outcome.VALID
    assert verdict.details["anomalies"] == {}


def test_claims_about_keys_order_more_versions() -> None:
    history = txns((0, 0, 1, "w x 1"), (0, 2, 3, "w x 2"), (1, 4, 5, "r x 1"))
    assert check(history).outcome is Outcome.VALID
    assert check(history, sequential_keys=True).outcome is Outcome.INVALID
    others = txns((0, 0, 1, "w x 1"), (1, 2, 3, "w x 2"), (2, 4, 5, "r x 1"))
    assert check(others, sequential_keys=True).outcome is Outcome.VALID
    verdict = check(others, linearizable_keys=True)
    assert "G-single-item-realtime" in verdict.details["anomalies"]


def test_an_answer_to_another_question_is_invalid() -> None:
    """By registers, and as a long fork."""
    rows = [
        Row(0, 0, INVOKE, "txn", None, [["w", "x", 1]]),
        Row(1, 0, OK, "txn", None, [["w", "y", 1]]),
    ]
    verdict = check(History.of(rows))
    assert (verdict.outcome, verdict.evidence) == (Outcome.INVALID, (0, 1))
    assert verdict.summary == "not strict-serializable: misanswered"
    forked = long_fork.check(History.of(rows))
    assert (forked.outcome, forked.evidence) == (Outcome.INVALID, (0, 1))
    assert forked.explanation == verdict.explanation


def test_values_must_be_unique() -> None:
    verdict = check(txns((0, 0, 1, "w x 1"), (0, 2, 3, "w x 1")))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.summary == 'row 2: 1 is written to "x" twice: values must be unique'


@settings(max_examples=500)
@given(DRAWS)
def test_there_is_no_false_alarm(draws) -> None:
    history = write_history(draws)
    out = check(history, wfr_keys=False).details["refuted"]
    if "strict-serializable" in out:
        assert not serializable(history, run_writes, strict=True)
    if "serializable" in out:
        assert not serializable(history, run_writes, strict=False)
    claimed = check(history).details["refuted"]
    assert set(out) <= set(claimed)
    if "serializable" in claimed:
        assert not serializable(history, run_writes, strict=False)


def read(at: int, **balances: int) -> list[Row]:
    return [Row(at, 0, INVOKE, "read", None), Row(at + 1, 0, OK, "read", None, balances)]


def test_banks_keep_their_total() -> None:
    assert bank.check(History.of([])).outcome is Outcome.VACUOUS
    fine = History.of([*read(0, a=5, b=5), *read(2, a=3, b=7)])
    assert bank.check(fine).outcome is Outcome.VALID
    assert bank.check(fine, total=11).outcome is Outcome.INVALID
    lost = bank.check(History.of([*read(0, a=5, b=5), *read(2, a=3, b=5)]))
    assert lost.outcome is Outcome.INVALID
    assert lost.explanation == ("the read by process 0 at 0.000 s (row 3) found 8, not 10",)
    negative = History.of([*read(0, a=5, b=5), *read(2, a=-1, b=11)])
    assert bank.check(negative).outcome is Outcome.INVALID
    assert bank.check(negative, negative_balances=True).outcome is Outcome.VALID


def test_long_forks_are_reads_that_disagree() -> None:
    writes = [(0, 0, 1, "w x 1"), (1, 2, 3, "w y 1")]
    fine = txns(*writes, (2, 4, 5, "r x 1,r y"), (3, 6, 7, "r y 1,r x 1"))
    assert long_fork.check(fine).outcome is Outcome.VALID
    fork = long_fork.check(txns(*writes, (2, 4, 5, "r x 1,r y"), (3, 6, 7, "r y 1,r x")))
    assert fork.outcome is Outcome.INVALID
    assert fork.explanation == (
        'T4 (process 2, row 5) saw the write of "x" and not that of "y"',
        'T6 (process 3, row 7) saw the write of "y" and not that of "x"',
    )
    assert long_fork.check(txns(*writes)).outcome is Outcome.VACUOUS
    twice = long_fork.check(txns((0, 0, 1, "w x 1"), (0, 2, 3, "w x 2")))
    assert (twice.outcome, twice.summary[:6]) == (Outcome.UNKNOWN, "row 2:")
