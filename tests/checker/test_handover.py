"""A trial in which nobody handed over has not tested what it was asked to."""

from checker import handover
from checker.history import INFO, NEMESIS, History, Row
from checker.verdict import Outcome

ACTION = {"do": "lead", "node": 2}


def rows(*proofs, phase="end"):
    asked = {"phase": "begin", "window": 0, "actions": [ACTION]}
    seen = {"phase": phase, "window": 0, "actions": [], "proof": list(proofs)}
    return History.of(
        [Row(at, NEMESIS, INFO, "handover", None, value) for at, value in enumerate((asked, seen))]
    )


def test_one_that_was_seen_is_enough():
    verdict = handover.check(rows({"action": ACTION, "bit": None}, {"action": ACTION, "bit": True}))
    assert verdict.outcome is Outcome.VALID
    assert verdict.details == {"asked": 1, "seen": 1}


def test_none_that_was_seen_is_vacuous():
    cut = {"action": {"do": "cut", "links": []}, "bit": True}
    for proofs in ([], [{"action": ACTION, "bit": None}], [cut], [3, {"bit": True}]):
        verdict = handover.check(rows(*proofs))
        assert verdict.outcome is Outcome.VACUOUS, proofs
        assert "of 1 time that it was asked for" in verdict.summary


def test_it_is_judged_only_where_it_was_asked_for():
    assert handover.asked(rows())
    assert not handover.asked(History.of([Row(0, NEMESIS, INFO, "kill", None, {"phase": "begin"})]))
