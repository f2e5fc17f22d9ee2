"""A disk that was full, and that nobody wrote to, was no fault."""

from checker import crashes, full
from checker.history import INFO, NEMESIS, History, Row
from checker.verdict import Outcome

FILL = [{"do": "fill-disk", "node": node, "left_bytes": 0} for node in (0, 2)]


def history(*proofs, end=("end", [{"do": "free-disk", "node": 0}, {"do": "start", "node": 0}])):
    phase, actions = end
    values = (
        {"phase": "begin", "window": 0, "actions": FILL},
        {"phase": phase, "window": 0, "actions": actions, "proof": list(proofs)},
    )
    rows = [Row(at, NEMESIS, INFO, "disk-full", None, value) for at, value in enumerate(values)]
    return History.of(rows)


def freed(refused):
    return {"action": {"do": "free-disk", "node": 0}, "saw": {"refused": refused}, "bit": True}


def test_one_that_refused_a_write_is_enough():
    verdict = full.check(history(freed(0), freed(3)))
    assert verdict.outcome is Outcome.VALID
    assert verdict.details == {"filled": 2, "met": 1, "refused": 3}
    assert verdict.summary == "3 writes found no space; 1 of 2 full disks were written to"


def test_none_that_did_is_vacuous_and_says_whose_they_were():
    begun = {"action": FILL[0], "saw": {"refused": 7}, "bit": None}
    for proofs in ([], [freed(0)], [begun], [3, {"bit": True}, {"action": {"do": "free-disk"}}]):
        verdict = full.check(history(*proofs))
        assert verdict.outcome is Outcome.VACUOUS, proofs
        assert verdict.evidence == (0,)
        assert "the disk of n3 was full (row 0), and no write was refused" in verdict.explanation


def test_it_is_judged_only_where_a_disk_was_filled():
    assert full.asked(history())
    assert not full.asked(History.of([Row(0, NEMESIS, INFO, "kill", None, {"phase": "begin"})]))


def test_who_ended_for_lack_of_space_is_excused_until_it_was_started():
    """The heal of a trial whose window was never closed starts it; one that ends later is not excused."""
    started = [{"action": {"do": "start", "node": node}, "bit": True} for node in (0, 2)]
    assert crashes.check(history(*started, end=("heal", []))).valid
    healed = Row(9, NEMESIS, INFO, "heal", None, {"phase": "heal", "proof": started})
    over = [{"do": "start", "node": 0}, {"do": "start", "node": 2}]
    whole = History.of([*rows_of(history(end=("end", over))), healed])
    assert crashes.check(whole).details == {"nodes": [0, 2]}


def rows_of(seen):
    return [
        Row(at, NEMESIS, INFO, "disk-full", None, seen.value[at]) for at in range(len(seen.value))
    ]
