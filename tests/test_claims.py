"""From a model's name to checks, and from ops to a model."""

from __future__ import annotations

import pytest

from checker.history import INVOKE, OK, History, Row
from checker.models import ILLEGAL, Model
from checker.verdict import Outcome, Verdict
from harness.claims import at_isolation, claims, guess, names, observing_failed_cas
from harness.errors import UsageError


def history(*ops: tuple[str, object, object]) -> History:
    """Ops one after the other: (f, argument, result)."""
    rows: list[Row] = []
    for f, argument, result in ops:
        rows += [Row(len(rows), 0, INVOKE, f, None, argument)]
        rows += [Row(len(rows), 0, OK, f, None, result)]
    return History.of(rows)


LIGHT = Model(
    name="light",
    init=False,
    step=lambda on, op: (
        on is False if op.f == "switch" else on if op.result == on or op.type != OK else ILLEGAL
    ),
)
NUMBER = 3


def always_invalid(history: History) -> Verdict:
    return Verdict(outcome=Outcome.INVALID, summary=f"{len(history)} rows")


# For each name: a history that is fine, and one that is not.
CASES: dict[str, tuple[History, History]] = {
    "register": (history(("write", 1, 1), ("read", None, 1)), history(("read", None, 1))),
    "cas-register": (
        history(("write", 1, 1), ("cas", [1, 2], [1, 2]), ("read", None, 2)),
        history(("write", 1, 1), ("cas", [2, 3], [2, 3])),
    ),
    "kv": (
        history(("append", "a", "a"), ("append", "b", "b"), ("get", None, "ab")),
        history(("append", "a", "a"), ("get", None, "")),
    ),
    "queue": (
        history(("enqueue", 1, 1), ("dequeue", None, 1)),
        history(("enqueue", 1, 1), ("enqueue", 2, 2), ("dequeue", None, 2)),
    ),
    "stack": (
        history(("push", 1, 1), ("push", 2, 2), ("pop", None, 2)),
        history(("push", 1, 1), ("push", 2, 2), ("pop", None, 1)),
    ),
    "priority-queue": (
        history(("insert", 2, 2), ("insert", 1, 1), ("poll", None, 2)),
        history(("insert", 2, 2), ("insert", 1, 1), ("poll", None, 1)),
    ),
    "set": (history(("add", 1, 1), ("read", None, [1])), history(("read", None, [1]))),
    "mutex": (
        history(("acquire", None, None), ("release", None, None)),
        history(("acquire", None, None), ("acquire", None, None)),
    ),
    "counter": (
        history(("add", 2, 2), ("add", 1, 1), ("read", None, 3)),
        history(("add", 2, 2), ("read", None, 1)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_model_tells_good_from_bad(name: str) -> None:
    good, bad = CASES[name]
    assert {check(good).outcome for check in claims(name).values()} == {Outcome.VALID}
    assert Outcome.INVALID in {check(bad).outcome for check in claims(name).values()}


@pytest.mark.parametrize("name", CASES)
def test_ops_tell_the_model(name: str) -> None:
    asked = {"cas-register": "register"}.get(name, name)
    assert guess(CASES[name][0]) == asked


@pytest.mark.parametrize("name", names())
def test_every_name_gives_checks(name: str) -> None:
    assert all(callable(check) for check in claims(name).values())


def test_a_counter_is_searched_too_since_bounds_are_not_enough() -> None:
    """Each read lies within its bounds, but no order has both."""
    rows = [Row(0, 0, INVOKE, "add", None, 1), Row(1, 1, INVOKE, "add", None, 2)]
    rows += [Row(2 + i, 2, t, "read", None, v) for i, (t, v) in enumerate(
        [(INVOKE, None), (OK, 1), (INVOKE, None), (OK, 2)])]  # fmt: skip
    checks = claims("counter")
    assert checks["counter"](History.of(rows)).outcome is Outcome.VALID
    assert checks["linearizable"](History.of(rows)).outcome is Outcome.INVALID


def test_models_and_checks_of_ones_own() -> None:
    good = history(("switch", None, None), ("look", None, True))
    bad = history(("switch", None, None), ("look", None, False))
    (check,) = claims("tests.test_claims:LIGHT").values()
    assert (check(good).outcome, check(bad).outcome) == (Outcome.VALID, Outcome.INVALID)
    assert claims("tests.test_claims:always_invalid")["always_invalid"](good).summary == "4 rows"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("registre", "no model is called 'registre': did you mean register"),
        ("stats", "no model is called 'stats'"),
        ("no.such:THING", "cannot be imported"),
        ("tests.test_claims:NUMBER", "neither a Model nor a check: 3"),
    ],
)
def test_what_is_no_model_is_told(name: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        claims(name)
    assert sentence in str(raised.value)


def test_a_failed_cas_is_observed_on_request_only() -> None:
    rows = [Row(0, 0, INVOKE, "write", None, 1), Row(1, 0, OK, "write", None, 1)]
    rows += [Row(2, 0, INVOKE, "cas", None, [1, 2]), Row(3, 0, 2, "cas", None, [1, 2])]
    rows += [Row(4, 0, INVOKE, "read"), Row(5, 0, OK, "read", None, 1)]
    plain = claims("cas-register")
    assert plain["linearizable"](History.of(rows)).outcome is Outcome.VALID
    observed = observing_failed_cas(plain)["linearizable"]
    assert observed(History.of(rows)).outcome is Outcome.INVALID
    with pytest.raises(UsageError, match="is for register"):
        observing_failed_cas(claims("queue"))


def test_an_isolation_level_is_passed_on() -> None:
    skew = [
        Row(0, 0, INVOKE, "txn", None, [["append", 1, 1], ["r", 2, None]]),
        Row(1, 1, INVOKE, "txn", None, [["append", 2, 1], ["r", 1, None]]),
        Row(2, 0, OK, "txn", None, [["append", 1, 1], ["r", 2, []]]),
        Row(3, 1, OK, "txn", None, [["append", 2, 1], ["r", 1, []]]),
        Row(4, 0, INVOKE, "txn", None, [["r", 1, None], ["r", 2, None]]),
        Row(5, 0, OK, "txn", None, [["r", 1, [1]], ["r", 2, [1]]]),
    ]
    (strict,) = at_isolation(claims("list-append"), "serializable").values()
    (snapshot,) = at_isolation(claims("list-append"), "snapshot-isolation").values()
    assert strict(History.of(skew)).outcome is Outcome.INVALID
    assert snapshot(History.of(skew)).outcome is Outcome.VALID
    with pytest.raises(UsageError, match="did you mean serializable"):
        at_isolation(claims("list-append"), "serialisable")
    with pytest.raises(UsageError, match="is for list-append"):
        at_isolation(claims("queue"), "serializable")


@pytest.mark.parametrize(
    ("ops", "model"),
    [
        ([("txn", [["append", 1, 1]], [["append", 1, 1]])], "list-append"),
        ([("txn", [["w", 1, 1]], [["w", 1, 1]])], "rw-register"),
        ([("txn", [["x", 1, 1]], [["x", 1, 1]])], None),
        ([("enqueue", 1, 1), ("drain", None, [1])], "total-queue"),
        ([("generate", None, 1)], "unique-ids"),
        ([("append", 1, 0), ("read", None, [[0, 1]])], "log"),
        ([("transfer", {}, {}), ("read", None, {})], "bank"),
        ([("fly", None, None)], None),
        ([], "register"),
        ([("read", None, None)], "register"),
        ([("add", 1, 1), ("read", None, None)], None),
        ([("add", "x", "x"), ("read", None, 3)], None),
    ],
)
def test_other_ops_tell_other_models(
    ops: list[tuple[str, object, object]], model: str | None
) -> None:
    assert guess(history(*ops)) == model
