"""Multi-Paxos' changes of membership by the log, a claim a test, by hand."""

import pytest

from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Commit
from tests.mutants.members import AnybodyVotes, ForgetsEras, KeepsItsMandate, NeedsNoWindow
from tests.transcript import Stage, assert_golden


def append(value):
    return Command("append", "x", value, f"c{value}", 1)


def started(protocol=MultiPaxos, n=4, members=3, leader=0, **options):
    stage = Stage(protocol, n, {"members": str(members), "alpha": "3", **options})
    stage.start()
    stage.elect(leader)
    return stage


def change(stage, f, node, version=None, at=0):
    if version is None:
        version = stage.replicas[at].membership()[0]
    return stage.request(at, Command(f, "", [node, version]))


def test_a_change_is_in_force_alpha_slots_later():
    """Lamport 1998, section 3.3.4. Goal: the conversation, as a golden file: no-ops hasten the new era, and
    the new member, which was a spare, catches up.
    """
    stage = started()
    change(stage, "join", 3)
    stage.settle()
    for _ in range(3):
        stage.fire(0, "tick")
        stage.fire(3, "tick")
        stage.settle()
    electorate = stage.replicas[0].electorate
    assert (electorate.newest.version, electorate.begins) == (1, 4)
    assert not electorate.changing
    assert {r.membership() for r in stage.replicas.values()} == {(1, (0, 1, 2, 3))}
    served = stage.request(3, append("a"))
    stage.settle()
    assert stage.replies[served].value == "a"
    assert_golden("multipaxos-members", stage)


def test_a_slot_is_decided_by_the_members_of_its_era():
    """Before the era begins two of three decide; after that, three of four. A3: votes without members."""
    for protocol, decides in ((MultiPaxos, False), (AnybodyVotes, True)):
        stage = started(protocol, members=4, n=5)
        change(stage, "leave", 3)
        stage.settle()
        stage.fire(0, "tick")
        stage.settle()
        before = stage.replicas[0].log.chosen
        stage.request(0, append("a"))
        stage.quiet(1, 2)
        for _ in range(3):
            stage.settle(0, 3, 4)
            stage.fire(0, "tick")
            stage.quiet(1, 2)
        assert (stage.replicas[0].log.chosen > before) is decides


def test_a_leader_proposes_no_further_than_alpha():
    """A1: it knows who decides slot i + alpha only when slot i is executed."""
    for protocol, last in ((MultiPaxos, 3), (NeedsNoWindow, 6)):
        stage = started(protocol, batch=1, pipeline=8)
        for value in "abcdef":
            stage.request(0, append(value))
        assert stage.replicas[0].leadership.next - 1 == last


def test_a_leader_that_leaves_leads_until_its_last_slot_is_chosen():
    stage = started()
    change(stage, "leave", 0)
    stage.settle()
    assert stage.replicas[0].leadership is None
    assert stage.replicas[0].log.chosen == 3
    refused = stage.request(0, append("no"))
    assert stage.replies[refused].ok is False
    for _ in range(4):
        stage.fire(0, "watch")
    assert not stage.wires[0, 1]


def test_a_snapshot_has_the_configurations():
    """L5: one who comes by a snapshot, and one that restarts on it."""
    for protocol, members in ((MultiPaxos, (0, 1, 2, 3)), (ForgetsEras, (0, 1, 2))):
        stage = started(protocol, snapshot_every=5, keep=0)
        change(stage, "join", 3)
        stage.settle(0, 1, 3)
        stage.quiet(2)
        for value in range(12):
            stage.request(0, append(value))
            stage.settle(0, 1, 3)
            stage.quiet(2)
        for _ in range(8):
            stage.fire(0, "tick")
            stage.fire(2, "tick")
            stage.settle()
        stage.kill(1)
        stage.start(1)
        for node in (1, 2):
            assert stage.replicas[node].membership()[1] == members


def two_leaders(protocol, told):
    """Node 2 leads {0, 1, 2}, has 3 join (slot 1) and 0 leave (slot 2), and decides slot 4 with node 3, as two
    of {1, 2, 3}. Node 1 has voted for the first three slots, and been told that no more than ``told`` of them
    are chosen; it comes to lead by the promise of node 0, and a client asks it for something.
    """
    stage = started(protocol, leader=2, alpha="2", batch=1, pipeline=8)
    change(stage, "join", 3, 0, at=2)
    change(stage, "leave", 0, 1, at=2)
    stage.request(2, append("a"))
    stage.request(2, append("v"))

    def not_for_1(text):
        msg = stage.codec.decode(text)
        return isinstance(msg, Commit) or '"v"' in text or getattr(msg, "chosen", 0) > told

    for round_ in range(24):
        stage.quiet(0)
        for link in ((2, 1), (1, 2), (2, 3), (3, 2)):
            wire = stage.wires[link]
            if link == (2, 1) and wire and not_for_1(wire[0]):
                wire.popleft()
            elif wire:
                stage.deliver(*link)
        if round_ % 8 == 7:
            stage.fire(2, "tick")
    stage.quiet(2)
    stage.kill(2)
    for node in (0, 1, 3):
        stage.replicas[node].following = None
    while stage.replicas[1].campaign is None:
        stage.fire(1, "watch")
    stage.settle(0, 1)
    stage.request(1, append("w"))
    for _ in range(20):
        for node in (0, 1, 3):
            stage.fire(node, "tick")
        stage.fire(1, "watch")
        stage.settle(0, 1, 3)
    return stage


def test_promises_are_asked_of_every_configuration_that_may_decide_a_slot():
    """Lamport, Malkhi, Zhou 2010; K-3. Goal: no slot is decided twice, and what was decided by members that
    the new leader did not know is found. The mutants decide slot 4 once more.
    """
    stage = two_leaders(MultiPaxos, told=2)
    assert stage.decided()[4] == "cv/1"
    assert stage.replicas[1].store.values["x"] == ["a", "v", "w"]
    for protocol, told in ((NeedsNoWindow, 0), (KeepsItsMandate, 1)):
        with pytest.raises(AssertionError, match="slot 4"):
            two_leaders(protocol, told).decided()


def test_a_leader_that_is_told_of_votes_in_a_later_era_steps_down():
    """A promise that comes in office, of one who was no member when it was elected."""
    stage = two_leaders(MultiPaxos, told=0)
    leads = [i for i, line in enumerate(stage.lines) if "note leader" in line and ",1]" in line]
    (told,) = [
        i
        for i, line in enumerate(stage.lines)
        if "n1 <- n3 Promise" in line and "slot=4" in line and leads[0] < i < leads[1]
    ][:1]
    assert "Vote(slot=3" in stage.lines[told]
    stage.decided()
    assert stage.replicas[1].leadership is not None, "and leads again"
    assert stage.replicas[1].store.values["x"] == ["a", "v", "w"]
