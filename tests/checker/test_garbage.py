"""Whatever a history holds, each check gives a verdict and a sentence, and never a traceback."""

from pkgutil import resolve_name

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker import CHECKS
from checker.history import FAIL, INFO, INVOKE, NEMESIS, OK, History, Row
from checker.verdict import Outcome
from tests.checker.golden import golden, pairs
from tests.checker.test_goldens import JUDGES

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([10**30, -(2**63), 1.0, -0.5, 1e300, "", "x", "1", "nothing"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=5,
)
MOPS = st.lists(
    st.tuples(st.sampled_from(["r", "w", "append", "odd"]), JSON, JSON).map(list), max_size=3
)
PAIRS = st.lists(
    st.lists(JSON, max_size=2) | st.tuples(st.integers(0, 2), JSON).map(list), max_size=3
)
VALUES = st.one_of(JSON, MOPS, PAIRS)
NOTES = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {"phase": st.sampled_from(["begin", "end", "heal"]) | JSON, "window": JSON},
        optional={
            "actions": JSON
            | st.lists(st.fixed_dictionaries({"do": st.just("kill"), "node": JSON})),
            "proof": JSON | st.lists(st.fixed_dictionaries({"bit": JSON, "action": JSON})),
            "started_ns": JSON,
            "nodes": JSON,
        },
    ),
)
NAMES = {
    "register": ("read", "write", "cas", "read-init"),
    "queue": ("enqueue", "dequeue", "drain"),
    "stack": ("push", "pop"),
    "priority-queue": ("insert", "poll"),
    "set": ("add", "remove", "contains", "read"),
    "lock": ("acquire", "release"),
    "counter": ("add", "read", "add-and-get"),
    "ids": ("generate",),
    "log": ("append", "read"),
    "transactions": ("txn", "read", "write"),
    "bank": ("read", "transfer", "balances", "txn"),
}
NOTED = ("decided", "executed", "started", "crashed", "kill", "partition", "odd")


@st.composite
def garbage(draw: st.DrawFn) -> History:
    """Ops of one sort of object, with values and answers of any shape, and the like of notes."""
    names = st.sampled_from(NAMES[draw(st.sampled_from(sorted(NAMES)))])
    rows: list[Row] = []
    opened: dict[int, Row] = {}
    for process in draw(st.lists(st.integers(-3, 3), max_size=10)):
        at = len(rows)
        if process < 0:
            value = draw(NOTES)
            rows.append(Row(at, process, INFO, draw(st.sampled_from(NOTED)), draw(JSON), value))
        elif process in opened:
            asked = opened.pop(process)
            fate = draw(st.sampled_from([OK, OK, OK, FAIL, INFO]))
            value = draw(st.just(asked.value) | VALUES)
            rows.append(asked._replace(time_ns=at, type=fate, value=value))
        else:
            key = draw(st.just("x") | JSON)
            opened[process] = Row(at, process, INVOKE, draw(names), key, draw(VALUES))
            rows.append(opened[process])
    return History.of(rows)


@settings(max_examples=200)
@given(garbage())
def test_any_json_gets_a_verdict_and_a_sentence_of_every_check(history: History) -> None:
    for name, at in CHECKS.items():
        verdict = resolve_name(at)(history)
        assert verdict.outcome in Outcome, name
        assert verdict.summary, name
        assert all(0 <= row < len(history) for row in verdict.evidence), name
        assert verdict.to_json()["outcome"] == verdict.outcome.value


@pytest.mark.parametrize("check", JUDGES)
@settings(max_examples=10)
@given(data=st.data())
def test_a_good_history_with_one_odd_value_gets_one_too(check: str, data: st.DataObject) -> None:
    """What looks right up to one value goes deepest."""
    name = data.draw(st.sampled_from(pairs(check)))
    side = data.draw(st.sampled_from(["ok", "bad"]))
    rows = list(golden(check, name, side).rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    odd = {"value": data.draw(NOTES if rows[at].process <= NEMESIS else VALUES)}
    rows[at] = rows[at]._replace(**(odd if data.draw(st.booleans()) else {"key": data.draw(JSON)}))
    if data.draw(st.booleans()):
        del rows[at + 1 :]
    verdict = resolve_name(CHECKS[check])(History.of(rows))
    assert verdict.outcome in Outcome
    assert verdict.summary
