"""A node that failed by its own fault is never valid, and the failure is told."""

from __future__ import annotations

from checker import crashes
from checker.history import INFO, History, Row, node_process
from checker.verdict import Outcome


def test_a_noted_crash_is_invalid_and_its_text_is_told():
    history = History.of(
        [Row(5, node_process(2), INFO, "crashed", None, "AssertionError('a hole')")]
    )
    verdict = crashes.check(history)

    assert verdict.outcome is Outcome.INVALID
    assert verdict.evidence == (0,)
    assert "n3 failed: AssertionError('a hole')" in verdict.explanation


def test_without_a_crash_it_is_valid():
    assert crashes.check(History.of([])).valid
