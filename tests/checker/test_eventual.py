"""What eventual consistency owes: each claim green, and seen red."""

from __future__ import annotations

import pytest

from checker.eventual import check
from checker.history import FAIL, INFO, INVOKE, OK, History, Row
from checker.measured import registers, session_guarantees, staleness
from checker.verdict import Outcome


def ops(*asked: tuple[int, int, str, object, object, object]) -> History:
    """Of (process, type, f, key, argument, result), one after another; process is node, too."""
    rows: list[Row] = []
    for process, ended, f, key, argument, result in asked:
        time = len(rows)
        rows.append(Row(time, process, INVOKE, f, key, argument, None, process))
        rows.append(Row(time + 1, process, ended, f, key, result, None, process))
    return History.of(rows)


def copy(node: int, key: str, values: object) -> tuple[int, int, str, object, object, object]:
    return node, OK, "replica", key, None, values


def write(
    process: int, value: int, ended: int = OK, f: str = "write"
) -> tuple[int, int, str, object, object, object]:
    return process, ended, f, "x", value, value


def delete(process: int, *gone: int) -> tuple[int, int, str, object, object, object]:
    return process, OK, "delete", "x", None, list(gone)


GOOD = {
    "one value": (write(0, 1), copy(0, "x", [1]), copy(1, "x", [1]), copy(2, "x", None)),
    "siblings": (write(0, 1), write(1, 2), copy(0, "x", [1, 2]), copy(1, "x", [1, 2])),
    "the first answers may differ": (
        write(0, 1), copy(0, "x", [1]), copy(1, "x", []), copy(1, "x", [1])
    ),
    "an unknown write is there": (write(0, 1), write(5, 2, INFO), copy(0, "x", [2])),
    "deleted": (write(0, 1), delete(1, 1), copy(0, "x", [])),
    "a delete that did not know of it": (write(0, 1), delete(1), copy(0, "x", [1])),
    "a cart in two": (
        write(0, 1, f="add"), write(1, 2, f="add"), copy(0, "x", [[1], [2]])
    ),
}  # fmt: skip

BAD = {
    "n1 has [1] in the end, and n2 [2]": (
        write(0, 1), write(1, 2), copy(0, "x", [1]), copy(1, "x", [2])
    ),
    "1 was added, and is lost": (
        write(0, 1, f="add"), write(1, 2, f="add"), copy(0, "x", [[2]])
    ),
    "9 is there, and nobody added it": (write(0, 1, f="add"), copy(0, "x", [[1, 9]])),
    "was written, and nothing is there": (write(0, 1), copy(0, "x", [])),
    "3 is there, and nobody wrote it": (write(0, 1), write(1, 3, FAIL), copy(0, "x", [1, 3])),
    "1 was deleted, and is there again": (write(0, 1), delete(1, 1), copy(0, "x", [1])),
    "1 is there, which its own client had replaced": (
        write(0, 1), write(0, 2), copy(0, "x", [1, 2])
    ),
    "no node keeps it": (write(0, 1), copy(0, "x", None)),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_is_allowed(name: str) -> None:
    verdict = check(ops(*GOOD[name]))
    assert verdict.outcome is Outcome.VALID, verdict


@pytest.mark.parametrize("said", BAD)
def test_what_is_not(said: str) -> None:
    verdict = check(ops(*BAD[said]))
    assert verdict.outcome is Outcome.INVALID
    assert said in verdict.summary
    assert verdict.evidence
    assert verdict.explanation


def test_nothing_seen_is_vacuous() -> None:
    assert check(ops(write(0, 1))).outcome is Outcome.VACUOUS
    assert check(ops(copy(0, "x", []))).outcome is Outcome.VACUOUS


def test_measures_are_of_registers_and_judge_nothing() -> None:
    stale = (
        write(0, 1), write(0, 2),
        (1, OK, "read", "x", None, 2), (1, OK, "read", "x", None, 1),
        (1, OK, "read", "x", None, 2),
        (2, OK, "add", "cart", 7, 7), (2, OK, "read", "cart", None, [7]), copy(0, "x", [2]),
    )  # fmt: skip
    history = ops(*stale)
    assert {row.key for row in registers(history).rows} == {"x"}
    assert staleness(history).outcome is Outcome.VALID
    assert staleness(history).details["stale"] == 1
    told = session_guarantees(history)
    assert told.outcome is Outcome.VALID
    assert "broken: monotonic-reads" in told.summary
