"""Session guarantees and sequential consistency, against trying every order."""

from itertools import permutations

import pytest
from hypothesis import given, settings

from checker.history import FAIL, INFO, INVOKE, OK, History, Row
from checker.sessions import GUARANTEES, check, sequential
from checker.values import identity
from checker.verdict import Outcome
from tests.checker.histories import DRAWS, register_history
from tests.checker.twins import register

PAIRS = {
    "monotonic-reads": ("read", "read"),
    "read-your-writes": ("write", "read"),
    "writes-follow-reads": ("read", "write"),
    "monotonic-writes": ("write", "write"),
}


def ops(*said: tuple[int, str, object]) -> History:
    """Ops one after the other: (process, "read" or "write", value)."""
    rows = []
    for at, (process, f, value) in enumerate(said):
        argument = value if f == "write" else None
        rows.append(Row(at * 2_000_000, process, INVOKE, f, "x", argument))
        rows.append(Row(at * 2_000_000 + 1_000_000, process, OK, f, "x", value))
    return History.of(rows)


W, R = "write", "read"
FINE = ops((0, W, 1), (0, W, 2), (1, R, 1), (1, R, 2), (2, R, None))
BROKEN = {
    "monotonic-reads": ops((0, W, 1), (1, W, 2), (2, R, 1), (2, R, 2), (3, R, 2), (3, R, 1)),
    "read-your-writes": ops((0, W, 1), (0, R, None)),
    "writes-follow-reads": ops((2, R, 1), (2, W, 2), (3, R, 2), (3, W, 1)),
}


@pytest.mark.parametrize("name", ["monotonic-reads", "read-your-writes", "writes-follow-reads"])
def test_a_broken_guarantee_is_told_from_those_that_are_kept(name: str) -> None:
    assert check(FINE, guarantees=(name,)).outcome is Outcome.VALID
    verdict = check(BROKEN[name])
    assert verdict.outcome is Outcome.INVALID
    told = verdict.details["guarantees"]
    assert [other for other in GUARANTEES if told[other] == "broken"] == [name]
    assert verdict.evidence


def test_monotonic_writes_are_broken_by_a_cas_that_says_the_contrary() -> None:
    """Process 0 wrote 2 and then 1, but 2 was made from 1."""
    rows = [
        Row(0, 0, INVOKE, "cas", "x", [1, 2]),
        Row(1, 0, OK, "cas", "x", [1, 2]),
        Row(2, 0, INVOKE, "write", "x", 1),
        Row(3, 0, OK, "write", "x", 1),
    ]
    verdict = check(History.of(rows), guarantees=("monotonic-reads", "monotonic-writes"))
    told = {"monotonic-reads": "kept", "monotonic-writes": "broken"}
    assert verdict.details["guarantees"] == told


def test_a_broken_one_is_told_step_by_step() -> None:
    verdict = check(BROKEN["monotonic-reads"], guarantees=("monotonic-reads",))
    assert verdict.summary == "key x: monotonic-reads broken"
    assert sorted(verdict.explanation[:2]) == [
        "process 2: read of 1 by process 2 (row 4), later read of 2 by process 2 (row 6)",
        "process 3: read of 2 by process 3 (row 8), later read of 1 by process 3 (row 10)",
    ]


def test_stale_reads_of_others_are_sequential() -> None:
    assert sequential(ops((0, W, 1), (1, R, None))).outcome is Outcome.VALID
    assert sequential(ops((0, R, 1), (0, W, 1))).outcome is Outcome.INVALID


def test_what_nobody_wrote_is_in_no_order() -> None:
    assert check(ops((0, R, 1))).outcome is Outcome.INVALID


def test_nothing_read_is_vacuous_and_a_repeated_value_is_unknown() -> None:
    assert check(ops((0, W, 1))).outcome is Outcome.VACUOUS
    assert check(ops((0, W, 1), (1, W, 1), (2, R, 1))).outcome is Outcome.UNKNOWN
    with pytest.raises(ValueError, match="no such session guarantee: happiness"):
        check(ops(), guarantees=("happiness",))


@settings(max_examples=400)
@given(DRAWS)
def test_sequential_agrees_with_brute_force(draws) -> None:
    history = register_history(draws, cas=True, unique=True)
    verdict = sequential(history)
    assert verdict.outcome is not Outcome.UNKNOWN
    assert (verdict.outcome is not Outcome.INVALID) is in_some_order(history)


def in_some_order(history: History) -> bool:
    """Whether some order of all ops extends each process's own and explains every answer."""
    ops = [op for op in history.ops() if op.type != FAIL]

    def search(state: object, left: list) -> bool:
        if all(op.type == INFO for op in left):
            return True
        for op in left:
            if any(o.process == op.process and o.invoked < op.invoked for o in left):
                continue
            after = register(state, op)
            if after is not None and search(after, [o for o in left if o is not op]):
                return True
        return False

    return search((None,), ops)


@settings(max_examples=500)
@given(DRAWS)
def test_each_guarantee_agrees_with_trying_all_orders_of_values(draws) -> None:
    history = register_history(draws[:14], cas=False, unique=True)
    verdict = check(history, guarantees=GUARANTEES)
    if verdict.outcome is not Outcome.VACUOUS and verdict.details["guarantees"]:
        for name in GUARANTEES:
            assert (verdict.details["guarantees"][name] == "kept") is some_order_keeps(
                history, name
            )


def some_order_keeps(history: History, name: str) -> bool:
    """A write that may have happened counts: that never matters where nobody saw it."""
    first, second = PAIRS[name]
    seen = [
        (op.process, op.f, identity(op.result if op.f == "read" else op.argument))
        for op in history.ops()
        if op.type == OK or (op.f == "write" and op.type != FAIL)
    ]
    written = {None, *(value for _, f, value in seen if f == "write")}
    values = list(dict.fromkeys(value for _, _, value in seen if value is not None))
    return written.issuperset(values) and any(
        keeps([None, *order], seen, first, second) for order in permutations(values)
    )


def keeps(order: list, seen: list, first: str, second: str) -> bool:
    place = {value: i for i, value in enumerate(order)}
    for i, (process, f, value) in enumerate(seen):
        for other, g, later in seen[i + 1 :]:
            if (process, f, g) != (other, first, second):
                continue
            own = (f, g) == ("read", "write") and later == value  # read before it was written
            if own or place[later] < place[value]:
                return False
    return True
