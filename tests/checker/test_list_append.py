"""List-append transactions: each anomaly by hand, and no verdict against trying every order."""

import pytest
from hypothesis import given, settings

from checker.history import FAIL, INFO, INVOKE, OK, History, Row
from checker.transactional.lattice import IMPLIED_ANOMALIES, PROSCRIBED, WEAKER, refuted
from checker.transactional.list_append import check
from checker.verdict import Outcome
from tests.checker.histories import DRAWS
from tests.checker.txns import append_history, run_appends, serializable


def txns(*said: tuple[int, int, int, str], types: tuple[int, ...] = ()) -> History:
    """Each (process, begin, end, micro-operations): ``a x 1`` appends, ``r x 12`` reads [1, 2]."""
    rows = []
    for i, (process, begin, end, text) in enumerate(said):
        done: list[list[object]] = []
        for mop in text.split(","):
            f, key, *value = mop.split()
            digits = [int(d) for d in value[0]] if value else []
            done.append(["append", key, digits[0]] if f == "a" else ["r", key, digits])
        asked = [[f, k, None if f == "r" else v] for f, k, v in done]
        rows.append(Row(begin * 1_000_000, process, INVOKE, "txn", None, asked))
        fate = types[i] if i < len(types) else OK
        rows.append(Row(end * 1_000_000, process, fate, "txn", None, done if fate == OK else asked))
    return History.of(sorted(rows, key=lambda row: row.time_ns))


ANOMALIES: dict[str, History] = {
    "G0": txns((0, 0, 9, "a x 1,a y 1"), (1, 1, 8, "a x 2,a y 2"), (2, 10, 11, "r x 12,r y 21")),
    "G1c": txns((0, 0, 9, "a x 1,r y 1"), (1, 1, 8, "a y 1,r x 1")),
    "G-single-item": txns((0, 0, 9, "a x 1,a y 1"), (1, 1, 8, "r x 1,r y"), (2, 10, 11, "r y 1")),
    "G2-item": txns((0, 0, 9, "r x,a y 1"), (1, 1, 8, "r y,a x 1"), (2, 10, 11, "r x 1,r y 1")),
    "G-nonadjacent-item": txns(
        (0, 0, 9, "a x 1"), (1, 1, 8, "a y 1"), (2, 2, 7, "r x 1,r y"), (3, 3, 6, "r y 1,r x")
    ),
    "G-single-item-process": txns((0, 0, 1, "a x 1"), (0, 2, 3, "r x"), (1, 4, 5, "r x 1")),
    "G-single-item-realtime": txns((0, 0, 1, "a x 1"), (1, 2, 3, "r x"), (2, 4, 5, "r x 1")),
    "G0-realtime": txns((0, 0, 1, "a x 1"), (1, 2, 3, "a x 2"), (2, 4, 5, "r x 21")),
    "G1a": txns((0, 0, 1, "a x 1"), (1, 2, 3, "r x 1"), types=(FAIL,)),
    "dirty-update": txns(
        (0, 0, 1, "a x 1"), (1, 2, 3, "a x 2"), (2, 4, 5, "r x 12"), types=(FAIL,)
    ),
    "G1b": txns((0, 0, 9, "a x 1,a x 2"), (1, 1, 8, "r x 1"), (2, 10, 11, "r x 12")),
    "internal": txns((0, 0, 1, "a x 1,r x")),
    "future-read": txns((0, 0, 1, "r x 1,a x 1")),
    "duplicate-elements": txns((0, 0, 1, "a x 1"), (1, 2, 3, "r x 11")),
    "incompatible-order": txns(
        (0, 0, 9, "a x 1"), (1, 1, 8, "a x 2"), (2, 10, 11, "r x 12"), (3, 12, 13, "r x 21")
    ),
    "lost-update": txns((0, 0, 9, "r x,a x 1"), (1, 1, 8, "r x,a x 2"), (2, 10, 11, "r x 12")),
}
FINE = txns(
    (0, 0, 1, "a x 1,r x 1"), (1, 2, 5, "r x 1,a y 1"), (2, 3, 4, "r y"), (0, 6, 7, "r y 1,r x 1")
)


@pytest.mark.parametrize("name", sorted(ANOMALIES))
def test_each_anomaly_is_found_and_told(name: str) -> None:
    verdict = check(ANOMALIES[name])
    assert name in verdict.details["anomalies"]
    assert verdict.outcome is Outcome.INVALID
    lines = verdict.details["examples"][name][0]["lines"]
    assert lines
    assert all("T" in line for line in lines)


def test_a_serial_history_has_none() -> None:
    verdict = check(FINE)
    assert verdict.outcome is Outcome.VALID
    assert verdict.details["anomalies"] == {}
    assert verdict.details["strongest"] == ["strict-serializable"]


def test_a_cycle_is_told_edge_by_edge() -> None:
    verdict = check(ANOMALIES["G-single-item-realtime"])
    assert verdict.summary == "not strict-serializable: G-single-item-realtime"
    assert verdict.explanation == (
        'T2 (process 1, row 3) came before T0 (process 0, row 1): it read "x" without 1, which the other appended [rw]',
        "T0 (process 0, row 1) came before T2 (process 1, row 3): it ended at 0.001 s, before the other began at 0.002 s [realtime]",
    )


def test_write_skew_refutes_serializability_and_not_snapshot_isolation() -> None:
    verdict = check(ANOMALIES["G2-item"], model="snapshot-isolation")
    assert verdict.outcome is Outcome.VALID
    assert "serializable" in verdict.details["refuted"]
    assert check(ANOMALIES["G-single-item"], model="snapshot-isolation").outcome is Outcome.INVALID


def test_what_nobody_answered_may_have_happened() -> None:
    history = txns((0, 0, 1, "a x 1"), (1, 2, 3, "r x"), (2, 4, 5, "r x 1"), types=(INFO,))
    assert check(history).outcome is Outcome.VALID


def test_nothing_read_is_vacuous() -> None:
    assert check(History.of([])).outcome is Outcome.VACUOUS
    assert check(txns((0, 0, 1, "a x 1"))).outcome is Outcome.VACUOUS


def test_bad_transactions_are_unknown_and_the_row_is_named() -> None:
    twice = check(txns((0, 0, 1, "a x 1"), (0, 2, 3, "a x 1")))
    assert twice.outcome is Outcome.UNKNOWN
    assert twice.summary.startswith('row 2: 1 is appended to "x" twice')
    odd = check(History.of([Row(0, 0, INVOKE, "txn", None, [3]), Row(1, 0, OK, "txn", None, [3])]))
    assert (odd.outcome, odd.evidence) == (Outcome.UNKNOWN, (1,))
    assert odd.summary.startswith("row 1: a micro-operation is")


def answered(asked: list[object], said: list[object]) -> History:
    """Two clients each ask for a transaction at once; the first, for this, is told that. A third reads."""
    other = [["append", "x", 2]]
    last = [["r", "x", [2]], ["r", "y", []]]
    rows = [
        Row(0, 0, INVOKE, "txn", None, asked),
        Row(1, 1, INVOKE, "txn", None, other),
        Row(2, 1, OK, "txn", None, other),
        Row(3, 0, OK, "txn", None, said),
        Row(4, 2, INVOKE, "txn", None, [["r", "x", None], ["r", "y", None]]),
        Row(5, 2, OK, "txn", None, last),
    ]
    return History.of(rows)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([["append", "y", 1]], [["append", "x", 2]]),  # the other's, to the letter
        ([["append", "y", 1]], [["append", "y", 3]]),
        ([["append", "y", 1]], [["append", "x", 1]]),
        ([["append", "y", 1]], [["r", "y", []]]),
        ([["append", "y", 1]], []),
        ([["r", "y", None]], [["r", "x", [2]]]),
        ([["r", "y", None]], [["r", "y", []], ["r", "x", []]]),
    ],
)
def test_an_answer_to_another_question_is_invalid_whatever_the_model(asked, said) -> None:
    for model in WEAKER:
        verdict = check(answered(asked, said), model=model)
        assert verdict.outcome is Outcome.INVALID
        assert verdict.details["anomalies"] == {"misanswered": 1}
        assert verdict.evidence == (0, 3)
        assert "asked for" in verdict.explanation[0]
    told = 'T0 (process 0, row 3) asked for [["append","y",1]], and was answered with [["append","x",2]]'
    if said == [["append", "x", 2]]:
        assert verdict.explanation == (told,)


def test_what_was_asked_may_have_been_done_whatever_was_answered() -> None:
    """The one that was misanswered is as one without an answer: its append may be read, or not."""
    rows = list(answered([["append", "y", 1]], [["append", "x", 2]]).rows)
    rows[-1] = rows[-1]._replace(value=[["r", "x", [2]], ["r", "y", [1]]])
    assert check(History.of(rows)).details["anomalies"] == {"misanswered": 1}


@pytest.mark.parametrize("asked", [None, "add 1 to y", 3])
def test_where_the_question_is_not_told_any_answer_is_one(asked: object) -> None:
    assert check(answered(asked, [["r", "x", [2]]])).outcome is Outcome.VALID  # type: ignore[arg-type]


def test_a_question_that_is_no_transaction_is_no_violation() -> None:
    assert check(answered([3], [["r", "x", [2]]])).outcome is Outcome.UNKNOWN


def test_the_lattice_is_closed() -> None:
    assert all(weak in WEAKER for some in WEAKER.values() for weak in some)
    assert all(model in WEAKER for model in PROSCRIBED)
    known = set(IMPLIED_ANOMALIES) | {
        "internal",
        "duplicate-elements",
        "cyclic-versions",
        "misanswered",
    }
    assert all(a in known for some in PROSCRIBED.values() for a in some)
    assert all(a in IMPLIED_ANOMALIES for some in IMPLIED_ANOMALIES.values() for a in some)
    assert set(refuted(["G0"])) == set(WEAKER)


@settings(max_examples=400)
@given(DRAWS)
def test_there_is_no_false_alarm(draws) -> None:
    history = append_history(draws)
    out = check(history).details["refuted"]
    if "strict-serializable" in out:
        assert not serializable(history, run_appends, strict=True)
    if "serializable" in out:
        assert not serializable(history, run_appends, strict=False)


@settings(max_examples=400)
@given(DRAWS)
def test_with_all_answered_and_read_in_the_end_the_verdict_is_exact(draws) -> None:
    history = append_history(draws, final=True)
    out = check(history).details["refuted"]
    assert ("strict-serializable" in out) is not serializable(history, run_appends, strict=True)
    assert ("serializable" in out) is not serializable(history, run_appends, strict=False)
