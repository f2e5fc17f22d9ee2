"""Agreement of the nodes' notes."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.agreement import check
from checker.history import INFO, NEMESIS, History, Row, node_process
from checker.verdict import Outcome
from tests.checker.golden import golden, pairs


@pytest.mark.parametrize("name", pairs("agreement"))
def test_golden_histories(name: str) -> None:
    assert check(golden("agreement", name, "ok")).outcome is Outcome.VALID
    bad = check(golden("agreement", name, "bad"))
    assert bad.outcome is Outcome.INVALID
    assert bad.evidence
    assert bad.explanation


def test_a_conflict_names_slot_nodes_and_rows() -> None:
    verdict = check(golden("agreement", "slot", "bad"))
    assert verdict.summary == "slot 2 was decided differently by n3 and n1"
    assert verdict.explanation == (
        'n3 decided "b/1" in slot 2 (row 2)',
        'n1 decided "c/1" in slot 2 (row 3)',
    )
    assert verdict.evidence == (2, 3)


def test_a_node_that_contradicts_itself_after_a_restart_is_named() -> None:
    verdict = check(golden("agreement", "slot-after-restart", "bad"))
    assert verdict.summary == "slot 2 was decided differently by n3 itself"


def test_a_cycle_of_three_nodes_is_told_edge_by_edge() -> None:
    verdict = check(golden("agreement", "three-nodes", "bad"))
    assert verdict.summary == "key x: updates ran in different orders at n1 and n2 and n3"
    assert verdict.explanation == (
        'n1 executed "a" (row 0) before "b" (row 1)',
        'n2 executed "b" (row 2) before "c" (row 3)',
        'n3 executed "c" (row 4) before "a" (row 5)',
    )


def test_no_notes_is_no_contradiction() -> None:
    assert check(History.of([])).outcome is Outcome.VALID


def executed(at_ms: int, node: int, what: object) -> Row:
    return Row(at_ms * 1_000_000, node_process(node), INFO, "executed", None, ["x", what])


def restart(at_ms: int, node: int) -> Row:
    value = {
        "phase": "end",
        "started_ns": at_ms * 1_000_000,
        "actions": [{"do": "start", "node": node}],
    }
    return Row(at_ms * 1_000_000, NEMESIS, INFO, "kill", None, value)


def test_a_restart_by_the_nemesis_ends_a_run() -> None:
    """From an older snapshot: b, then after the restart a, b. Nothing orders b before a."""
    other = [executed(10, 1, "a"), executed(11, 1, "b")]
    assert check(
        History.of([executed(0, 0, "b"), restart(1, 0), executed(2, 0, "a"), *other])
    ).valid
    assert not check(History.of([executed(0, 0, "b"), executed(2, 0, "a"), *other])).valid


def test_a_restart_that_nobody_noted_is_seen_by_what_comes_again() -> None:
    other = [executed(10, 1, "a"), executed(11, 1, "b")]
    assert check(History.of([*(executed(i, 0, w) for i, w in enumerate("bab")), *other])).valid


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.booleans())
def test_replays_of_one_log_agree_and_a_swap_is_seen(seed: int, swap: bool) -> None:
    """Nodes run parts of one log, from anywhere, again and again; swapping neighbours in one run
    that two others hold too is a contradiction."""
    random = Random(seed)
    rows: list[Row] = []
    for node in range(3):
        for start in [0] * random.randrange(3) + [random.randrange(4)]:
            log = list(range(start, 12))
            for what in log:
                rows.append(executed(len(rows), node, what))
            rows.append(restart(len(rows), node))
    if swap:
        at = 4 + random.randrange(7)
        log = [*range(at), at + 1, at]
        rows += [executed(len(rows) + i, 3, what) for i, what in enumerate(log)]
    assert check(History.of(rows)).valid is not swap
