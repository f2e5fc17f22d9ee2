"""Who was a member: what must be said of it, and what nobody who is none owes."""

from checker import liveness, membership
from checker.history import FAIL, INFO, INVOKE, NEMESIS, OK, History, Row, node_process
from checker.verdict import Outcome

S = 1_000_000_000


def change(at_s, phase, actions, **more):
    value = {"phase": phase, "window": 0, "actions": actions, **more}
    return Row(at_s * S, NEMESIS, INFO, "membership-leave", None, value)


def note(at_s, node, version, *members):
    value = [version, list(members)]
    return Row(at_s * S, node_process(node), INFO, "members", None, value, None, node, None)


def leaves(*rows, wanted=(0, 1, 2)):
    """Node 2 leaves and joins again; with these rows between, in order of time."""
    begin = change(1, "begin", [{"do": "leave", "node": 2}])
    end = change(5, "end", [{"do": "join", "node": 2}])
    heal = Row(9 * S, NEMESIS, INFO, "heal", None, {"phase": "heal", "members": list(wanted)})
    ordered = sorted([begin, end, heal, *rows], key=lambda row: row.time_ns)
    return History.of(ordered)


def test_changes_that_were_decided_and_undone_are_valid():
    verdict = membership.check(
        leaves(note(2, 0, 7, 0, 1), note(3, 1, 7, 0, 1), note(6, 0, 9, 0, 1, 2))
    )
    assert verdict.outcome is Outcome.VALID
    assert verdict.summary == "2 changes of membership decided; the members are n1, n2, n3 again"


def test_two_that_differ_on_a_version_are_invalid():
    verdict = membership.check(leaves(note(2, 0, 7, 0, 1), note(3, 1, 7, 0, 2)))
    assert verdict.outcome is Outcome.INVALID
    assert "n2 and n1 differ" in verdict.summary
    assert len(verdict.evidence) == 2


def test_members_that_are_not_brought_back_are_invalid():
    verdict = membership.check(leaves(note(2, 0, 7, 0, 1)))
    assert verdict.outcome is Outcome.INVALID
    assert "n1, n2 at the end, and not n1, n2, n3" in verdict.summary


def test_a_trial_in_which_nothing_was_decided_is_vacuous():
    assert membership.check(leaves(note(0, 3, 0, 0, 1, 2))).outcome is Outcome.VACUOUS


def test_a_note_that_is_none_is_unknown_by_its_row():
    row = Row(2 * S, node_process(0), INFO, "members", None, "what", None, 0, None)
    verdict = membership.check(leaves(row))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.evidence == (1,)


def test_it_is_asked_for_where_the_nemesis_changed_members():
    assert membership.asked(leaves())
    assert not membership.asked(History.of([Row(0, NEMESIS, INFO, "kill", None, {"actions": []})]))


def op(at_s, process, node, end):
    return [
        Row(at_s * S, process, INVOKE, "read", "x", None, None, node, None),
        Row(at_s * S + S // 10, process, end, "read", "x", None, None, node, None),
    ]


def asked_after(*notes):
    """Nodes 0 and 2 are asked for ten seconds after the fault; only node 0 answers."""
    ops = [row for at_s in range(10, 20) for row in (*op(at_s, 0, 0, OK), *op(at_s, 2, 2, FAIL))]
    return leaves(*notes, *ops)


def test_who_is_no_member_owes_no_answer():
    """The same silence is a failure of a member's, and none of who has left."""
    assert liveness.check(asked_after(note(2, 0, 7, 0, 1))).outcome is Outcome.VALID
    assert liveness.check(asked_after(note(6, 0, 9, 0, 1, 2))).outcome is Outcome.INVALID
