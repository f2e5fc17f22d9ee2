"""The order that explains what came before an answer that none explains: it is one, in words and edges too."""

from __future__ import annotations

from pkgutil import resolve_name

import pytest
from hypothesis import given, settings

from checker.history import INVOKE, OK, History, Row
from checker.linearizable.decision import Budget
from checker.linearizable.frontier import decide_track
from checker.linearizable.leadup import lead_up
from checker.linearizable.search import search
from checker.linearizable.track import of_history
from checker.models import CAS_REGISTER, ILLEGAL, MODELS, REGISTER, Model
from checker.verdict import Outcome
from harness.report.anomaly import anomalies, numbered
from harness.report.picture import draw
from tests.checker.histories import DRAWS, OBJECTS, object_history, register_history


def leads_there(history: History, model: Model) -> int:
    """Whether the whole order is one: legal, in real time, of all that was answered; its length."""
    placed = 0
    for _, track in of_history(history, model):
        decision = decide_track(track, model, Budget())
        assert decision.outcome is not Outcome.UNKNOWN
        order = lead_up(track, model, decision.explained, 10**6)
        state, ops = model.init, [op for op, _ in order]
        for op, after in order:
            state = model.step(state, op)
            assert state is not ILLEGAL
            assert state == after
        assert len({op.invoked for op in ops}) == len(ops)
        ended = sorted(row for row in track.ended.tolist() if row >= 0)[: decision.explained]
        answered = {op.completed for op in ops if op.type != 3}
        assert set(ended) <= answered
        for place, op in enumerate(ops):
            for later in ops[place + 1 :]:
                assert later.type == 3 or later.completed > op.invoked
        placed += len(order)
    return placed


@pytest.mark.parametrize("name", sorted(OBJECTS))
@settings(max_examples=60)
@given(DRAWS)
def test_it_is_an_order_of_all_that_was_answered(name: str, draws) -> None:
    leads_there(object_history(draws, name, unique=False), resolve_name(MODELS[name]))


@settings(max_examples=100)
@given(DRAWS)
def test_of_a_cas_register_too(draws) -> None:
    leads_there(register_history(draws, cas=True, unique=False), CAS_REGISTER)


def row(time: int, process: int, type_: int, f: str, value: object = None) -> Row:
    return Row(time * 1_000_000, process, type_, f, "x", value)


STUCK = History.of(
    [
        row(0, 0, INVOKE, "write", 1),
        row(1, 0, OK, "write", 1),
        row(2, 1, INVOKE, "read"),
        row(3, 1, OK, "read", 1),
        row(4, 0, INVOKE, "write", 2),
        row(5, 0, OK, "write", 2),
        row(6, 1, INVOKE, "read"),
        row(7, 1, OK, "read", 1),
    ]
)


def test_it_is_told_and_drawn() -> None:
    verdict = search(STUCK, REGISTER)
    assert verdict.explanation == (
        "read of 1 by process 1 finished at 0.007 s (row 7), and no order of the ops explains it",
        "after the 3 answers before it there is only 2",
        "an order that explains them ends: write of 1 by process 0 (row 0), after which there is 1",
        "... then read of 1 by process 1 (row 2), after which there is 1",
        "... then write of 2 by process 0 (row 4), after which there is 2",
    )
    (anomaly,) = anomalies(STUCK, {"linearizable": verdict})
    edges = [
        (tail, head, data["label"], data["against"]) for tail, head, data in numbered(anomaly.graph)
    ]
    assert edges == [
        (0, 2, "then", False),
        (2, 4, "then", False),
        (4, 6, "leaves 2: does not fit", True),
    ]
    assert [op for op, data in anomaly.graph.nodes(data=True) if data["against"]] == [6]
    assert "leaves 2: does not fit" in draw(anomaly)


def test_where_nothing_came_before_nothing_led_there() -> None:
    history = History.of([row(0, 0, INVOKE, "read"), row(1, 0, OK, "read", 9)])
    verdict = search(history, REGISTER)
    assert "led" not in verdict.details["witness"]
    assert verdict.outcome is Outcome.INVALID
    assert anomalies(history, {"linearizable": verdict})[0].graph.number_of_edges() == 0
