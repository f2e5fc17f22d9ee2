"""A trial on hosts that are not as far apart as they should be does not begin."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from checker.history import History
from checker.verdict import Outcome
from harness.judge import judge
from harness.real import RealTrial


@pytest.mark.parametrize(("bit", "outcome"), [(True, "vacuous"), (False, "invalid-harness")])
def test_what_does_not_stand_is_recorded_and_said(bit, outcome) -> None:
    links = {"0>1": {"matrix_ms": 72, "min_ms": 0.2, "median_ms": 0.3}}
    problems = {} if bit else {"problems": {"0>1": "the quickest round trip took 0.2 ms"}}
    proof = {"action": {"do": "stand-apart"}, "saw": {"links": links, **problems}, "bit": bit}
    said: list[str] = []
    rows: list = []
    trial = SimpleNamespace(
        deployed=SimpleNamespace(distances=[proof]), trial=SimpleNamespace(wan="wan5"),
        clock_ns=lambda: 5, progress=SimpleNamespace(say=said.append),
    )  # fmt: skip

    assert RealTrial.apart(trial, rows.append) is bit
    assert len(said) == 1
    assert judge(History.of(rows), {}, faults=False).outcome is Outcome(outcome)


def test_without_a_wan_there_is_nothing_to_prove() -> None:
    trial = SimpleNamespace(deployed=SimpleNamespace(distances=[]))
    assert RealTrial.apart(trial, pytest.fail)
