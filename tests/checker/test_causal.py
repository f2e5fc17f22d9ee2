"""Causal consistency and causal reversal, against their definitions."""

import pytest
from hypothesis import given, settings

from checker.causal import reverse
from checker.causal.judge import LEVELS, check
from checker.history import History
from checker.verdict import Outcome
from tests.checker import accounts, definitions
from tests.checker.causality import Twin, causal_history, events
from tests.checker.golden import golden
from tests.checker.histories import DRAWS


@pytest.mark.parametrize(
    ("check_name", "name", "pattern", "broken"),
    [
        ("causal", "never-written", "ThinAirRead", {"CC", "CCv", "CM"}),
        ("causal", "depends-on-itself", "CyclicCO", {"CC", "CCv", "CM"}),
        ("causal", "initial-after-write", "WriteCOInitRead", {"CC", "CCv", "CM"}),
        ("causal", "overwritten", "WriteCORead", {"CC", "CCv", "CM"}),
        ("causal-convergence", "two-orders", "CyclicCF", {"CCv"}),
        ("causal-memory", "back-again", "CyclicHB", {"CCv", "CM"}),
        ("causal-memory", "initial-in-any-order", "WriteHBInitRead", {"CM"}),
    ],
)
def test_each_bad_pattern_breaks_what_the_paper_says(check_name, name, pattern, broken) -> None:
    history = golden(check_name, name, "bad")
    for level in LEVELS:
        verdict = check(history, level=level)
        assert {m for m, word in verdict.details["levels"].items() if word == "broken"} == broken
        assert (verdict.outcome is Outcome.INVALID) is (level in broken)
    level = {"causal": "CC", "causal-convergence": "CCv", "causal-memory": "CM"}[check_name]
    assert check(history, level=level).details["pattern"] == pattern


def test_a_missing_cause_is_told_step_by_step() -> None:
    verdict = check(golden("causal", "initial-after-write", "bad"))
    assert verdict.summary == (
        "not causally consistent: key x, read of nothing by process 2 (row 8), "
        "found nothing although it depends on a write"
    )
    assert verdict.explanation == (
        "read of 1 by process 1 on key x (row 2) saw write of 1 by process 0 on key x (row 0)",
        "process 1: read of 1 by process 1 on key x (row 2), later write of 2 by process 1 on key y (row 4)",
        "read of 2 by process 2 on key y (row 6) saw write of 2 by process 1 on key y (row 4)",
        "process 2: read of 2 by process 2 on key y (row 6), later read of nothing by process 2 on key x (row 8)",
        "so read of nothing by process 2 on key x (row 8) came after write of 1 by process 0 on key x (row 0)",
    )


@settings(max_examples=300)
@given(DRAWS)
def test_each_model_agrees_with_its_definition(draws) -> None:
    history = causal_history(draws, cas=True)
    verdict = check(history)
    if verdict.outcome is not Outcome.VACUOUS:
        found = events(history)
        told = verdict.details["levels"]
        twin = None if found is None else Twin(found)
        for level in LEVELS:
            assert (told[level] == "kept") is (twin is not None and twin.holds(level)), level


def test_a_budget_that_is_spent_leaves_causal_memory_open() -> None:
    history = golden("causal-memory", "back-again", "ok")
    verdict = check(history, level="CM", steps=3)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.details["levels"] == {"CC": "kept", "CCv": "kept", "CM": "unknown"}
    assert check(history, steps=3).outcome is Outcome.VALID
    with pytest.raises(ValueError, match="no such level of causality: happy"):
        check(history, level="happy")


def test_what_cannot_be_judged_is_unknown_and_nothing_read_is_vacuous() -> None:
    twice = golden("register", "repeated", "ok")
    assert check(twice).outcome is Outcome.UNKNOWN
    assert check(History.of([])).outcome is Outcome.VACUOUS


@settings(max_examples=300)
@given(DRAWS)
def test_reversals_agree_with_their_definition(draws) -> None:
    history = accounts.insert_history(draws)
    found = reverse.check(history).outcome is Outcome.INVALID
    assert found is definitions.reversals(history)
