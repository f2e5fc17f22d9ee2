"""Anomalies as graphs and as pictures: every golden history that is bad is drawn, and nothing overlaps."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest

from checker import linearizable
from checker.agreement import check as agreement
from checker.history import INFO, INVOKE, NEMESIS, OK, History, Row, node_process
from harness.claims import claims
from harness.errors import UsageError
from harness.formats.load import load
from harness.judge import TRIAL_CHECKS, guarded
from harness.report.anomaly import MOST_OPS, Anomaly, anomalies, numbered, shown
from harness.report.picture import _Picture, draw
from harness.report.timescale import LEAST, Timescale

GOLDEN = Path(__file__).parents[1] / "golden" / "histories"
NOT_BY_NAME = {*TRIAL_CHECKS, "cas-register"}
"""Bad for checks of a trial, or where a failed cas is an observation."""
MS = 1_000_000


def golden() -> list[Path]:
    """One bad history of each folder and kind that the command line can name."""
    return sorted(GOLDEN.glob("*/*.bad.jsonl"))


def of(path: Path) -> list[Anomaly]:
    history = load(str(path)).history
    verdicts = {name: guarded(name, c, history) for name, c in claims(path.parent.name).items()}
    return anomalies(history, verdicts)


def history(*rows: tuple) -> History:
    return History.of([Row(at * MS, *rest) for at, *rest in rows])


STALE = history(
    (1, 0, INVOKE, "write", "x", 1),
    (2, 0, OK, "write", "x", 1),
    (2, NEMESIS, INFO, "kill-one", None, {"phase": "begin", "window": 0, "actions": [{"do": "kill", "node": 1}]}),
    (3, 0, INVOKE, "write", "x", 2),
    (4, 0, OK, "write", "x", 2),
    (5, 1, INVOKE, "read", "x"),
    (6, 1, OK, "read", "x", 1),
    (7, NEMESIS, INFO, "kill-one", None, {"phase": "end", "window": 0}),
    (90, NEMESIS, INFO, "pause-one", None, {"phase": "begin", "window": 1}),
)  # fmt: skip


def test_a_stale_read_is_a_cycle_with_a_sentence_for_each_edge_and_its_faults() -> None:
    (found,) = anomalies(STALE, {"linearizable": linearizable.check(STALE)})

    assert found.title == "key x: the write of 2 was lost: 1 was read after it"
    assert [op["text"] for op in shown(found.graph).values()] == ["write 1", "write 2", "read → 1"]
    (cycle,) = nx.simple_cycles(found.graph)
    assert set(cycle) == {3, 5}
    against = {(a, b): data["label"] for a, b, data in numbered(found.graph) if data["against"]}
    assert against == {(3, 5): "ended before", (0, 3): "ended before", (5, 3): "still 1, not 2"}
    assert found.sentences()[0] == (
        "write of 2 by process 0 finished at 0.004 s (row 4), before the read of 1 by process 1 "
        "began at 0.005 s (row 5)"
    )
    assert [data["number"] for _, _, data in numbered(found.graph)] == [1, 2, 3, 4]
    assert [fault.fault for fault in found.faults] == ["kill-one"]


def test_a_valid_history_has_no_anomaly() -> None:
    fine = history((1, 0, INVOKE, "read", "x"), (2, 0, OK, "read", "x"))
    assert anomalies(fine, {"linearizable": linearizable.check(fine)}) == []


def test_a_slot_decided_differently_is_two_notes_and_one_edge() -> None:
    notes = history(
        (1, node_process(0), INFO, "decided", None, [7, "a"]),
        (2, node_process(2), INFO, "decided", None, [7, "b"]),
    )
    (found,) = anomalies(notes, {"agreement": agreement(notes)})
    assert [op["lane"] for op in shown(found.graph).values()] == ["n1", "n3"]
    assert [data["label"] for _, _, data in numbered(found.graph)] == ["not the same"]
    assert "n1" in draw(found)


@pytest.mark.parametrize("kind", sorted({path.parent.name for path in golden()}))
def test_every_bad_golden_history_is_drawn_and_no_words_overlap(kind: str) -> None:
    drawn = 0
    for path in golden():
        if path.parent.name != kind:
            continue
        try:
            found = of(path)
        except UsageError:  # checks of a trial, in a notation of their own
            continue
        for anomaly in found:
            assert 1 <= len(anomaly.graph) <= MOST_OPS
            assert anomaly.title
            assert all(said.strip() for said in anomaly.sentences())
            picture = _Picture(anomaly, alone=True)
            root = ET.fromstring(picture.draw())
            words = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
            assert all(str(data["number"]) in words for _, _, data in numbered(anomaly.graph))
            boxes = picture.taken
            assert not [
                (path.name, a, b)
                for i, a in enumerate(boxes)
                for b in boxes[:i]
                if a.overlap(b) > 1
            ]
            drawn += 1
    assert drawn or kind in NOT_BY_NAME


def test_an_open_op_is_open_and_a_quoted_value_is_escaped() -> None:
    rows = history(
        (1, 0, INVOKE, "write", "x", "<&>"),
        (2, 1, INVOKE, "read", "x"),
        (3, 1, OK, "read", "x", "<&>"),
        (4, 2, INVOKE, "read", "x"),
        (5, 2, OK, "read", "x", None),
    )
    (found,) = anomalies(rows, {"linearizable": linearizable.check(rows)})
    text = draw(found)
    ET.fromstring(text)
    assert "&lt;&amp;&gt;" in text
    assert 'class="bar against open"' in text
    assert "nobody knows" in text


def test_more_ops_than_people_can_hold_are_left_out() -> None:
    rows = [Row(i * MS, i, INVOKE, "read", "x") for i in range(9)]
    told = {
        "linearizable": linearizable.check(STALE).__class__(
            outcome=linearizable.check(STALE).outcome,
            summary="something",
            evidence=tuple(range(9)),
            explanation=("nine ops",),
        )
    }
    (found,) = anomalies(History.of(rows), told)
    assert (len(found.graph), found.left_out) == (MOST_OPS, 3)
    assert "3 more ops of it are not shown" in draw(found)


def test_a_timescale_is_linear_where_there_is_room_else_every_moment_has_its_room() -> None:
    even = Timescale([0, 10, 20], 0, 1000)
    assert (even.linear, even.x(5)) == (True, 250)
    uneven = Timescale([0, 10, 20, 30_000_000_000], 0, 1000)
    assert not uneven.linear
    places = [uneven.x(t) for t in uneven.times]
    assert all(b - a >= LEAST - 1e-6 for a, b in pairwise(places))
    assert uneven.x(-5) < places[0]
    assert uneven.x(10**12) > places[-1]
    assert Timescale([], 0, 100).x(0) == 50
