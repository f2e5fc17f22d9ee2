"""Telling [key, value] from a value that is a list of two."""

from __future__ import annotations

import pytest

from checker.history import INFO, INVOKE, OK, Row
from harness.errors import UsageError
from harness.formats import jepsen_edn
from harness.formats.independent import are_tuples, split
from harness.formats.source import Source


def rows(*ops: tuple[int, str, object]) -> list[Row]:
    """One process' ops: (type, f, value)."""
    return [Row(i, 0, type_, f, None, value) for i, (type_, f, value) in enumerate(ops)]


@pytest.mark.parametrize(
    ("ops", "tuples"),
    [
        ([(INVOKE, "read", [0, None]), (OK, "read", [0, 7])], True),
        ([(INVOKE, "cas", [0, [1, 2]]), (OK, "cas", [0, [1, 2]])], True),
        ([(INVOKE, "txn", [0, [["r", 1, None]]])], True),
        ([(INVOKE, "read", ["k", None]), (INFO, "read", "timed-out")], True),
        ([(INVOKE, "read", None), (OK, "read", [0, 7])], False),
        ([(INVOKE, "cas", [1, 2]), (OK, "cas", [1, 2])], False),
        ([(INVOKE, "write", [1, 2]), (OK, "write", [1, 2])], False),
        ([(INVOKE, "txn", [["r", 1, None], ["append", 1, 2]])], False),
        ([(INVOKE, "read", [0, None]), (OK, "read", [0, 1, 2])], False),
        ([(INVOKE, "read", [[1], None])], False),
        ([], False),
    ],
)
def test_tuples_are_told_by_all_ops(ops: list[tuple[int, str, object]], tuples: bool) -> None:
    assert are_tuples(rows(*ops)) is tuples


def test_a_completion_is_of_the_key_that_was_asked_for() -> None:
    done = split(rows((INVOKE, "read", ["k", None]), (INFO, "read", "timed-out")))
    assert [(row.key, row.value) for row in done] == [("k", None), ("k", "timed-out")]


def test_the_nemesis_and_rows_with_a_key_stay_as_they_are() -> None:
    some = [Row(0, -1, INFO, "start", None, [1, 2]), Row(1, 0, INVOKE, "read", "x", [1, 2])]
    assert split(some) == some


WRITES = (
    "{:process 0, :type :invoke, :f :write, :value [1 2]}\n"
    "{:process 0, :type :ok, :f :write, :value %s}\n"
)


def test_one_may_say_so() -> None:
    source = Source(name="h", text=WRITES % "[1 2]")
    said = jepsen_edn.parse(source, tuples=True).rows
    assert [(row.key, row.value) for row in said] == [(1, 2), (1, 2)]
    assert [row.key for row in jepsen_edn.parse(source).rows] == [None, None]


@pytest.mark.parametrize("answer", ["[3 2]", "7"])
def test_an_answer_of_another_key_is_refused(answer: str) -> None:
    with pytest.raises(UsageError, match="h:2: this op was asked of key 1 and answers without it"):
        jepsen_edn.parse(Source(name="h", text=WRITES % answer), tuples=True)


def test_an_op_without_a_key_is_refused() -> None:
    text = "{:process 0, :type :invoke, :f :write, :value 7}\n"
    with pytest.raises(UsageError, match=r"h:1: this op has no \[key value\]"):
        jepsen_edn.parse(Source(name="h", text=text), tuples=True)
