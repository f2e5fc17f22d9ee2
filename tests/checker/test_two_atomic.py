"""2-atomicity, against trying every order."""

from hypothesis import given, settings

from checker.history import INVOKE, OK, History, Row
from checker.two_atomic import check
from checker.verdict import Outcome
from tests.checker.golden import golden
from tests.checker.histories import DRAWS, register_history
from tests.checker.test_graded import one_of_last
from tests.checker.twins import explainable


@settings(max_examples=400)
@given(DRAWS)
def test_it_agrees_with_brute_force(draws) -> None:
    history = register_history(draws, cas=False, unique=True)
    verdict = check(history)
    assert verdict.outcome is not Outcome.UNKNOWN
    fine = explainable(history, (None,), one_of_last(2))
    assert (verdict.outcome is not Outcome.INVALID) is fine


def test_of_many_ops_a_few_are_shown() -> None:
    """A register that is one write late all the time, and once by two."""
    rows = []
    for i in range(1, 2_000):
        reads = i - 2 if i == 1_000 else i - 1
        for f, value in (("write", i), ("read", reads or None)):
            rows.append(Row(len(rows), 0, INVOKE, f, "x", value if f == "write" else None))
            rows.append(Row(len(rows), 0, OK, f, "x", value))
    verdict = check(History.of(rows))
    assert verdict.outcome is Outcome.INVALID
    assert [line.split(" by ")[0] for line in verdict.explanation[:-1]] == [
        "write of 998",
        "write of 999",
        "write of 1000",
        "read of 998",
    ]
    late = [
        row._replace(value=999) if row.value == 998 and row.f == "read" else row for row in rows
    ]
    assert check(History.of(late)).summary == "2-atomic: 3,998 ops on 1 key, of which 1 not atomic"


def test_keys_with_cas_are_decided_only_where_they_are_atomic() -> None:
    assert check(golden("linearizable", "cas-order", "ok")).outcome is Outcome.VALID
    assert check(golden("linearizable", "cas-order", "bad")).outcome is Outcome.UNKNOWN
    assert check(golden("register", "repeated", "ok")).outcome is Outcome.UNKNOWN
