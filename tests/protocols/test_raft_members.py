"""Raft's changes of membership, one claim of the dissertation's chapter 4 a test, by hand."""

import pytest

from protocols.kernel import Command
from protocols.raft import Raft
from tests.mutants.members import (
    AppliesOnCommit,
    ChangesTwiceAtOnce,
    CountsLearner,
    CountsTheGone,
    ForgetsMembers,
    NeedsNoBarrier,
)
from tests.transcript import Stage, assert_golden


def append(value, serial=1):
    return Command("append", "x", value, f"c{value}", serial)


def started(protocol=Raft, n=4, members=3, **options):
    """Node 0 leads, and its no-op is committed."""
    stage = Stage(protocol, n, {"members": str(members), **options})
    stage.start()
    stage.elect(0)
    return stage


def change(stage, f, node, at=0):
    """Ask ``at`` for a change of the newest configuration that it knows to be decided."""
    return stage.request(at, Command(f, "", [node, stage.replicas[at].membership()[0]]))


def forget_leader(stage, *nodes):
    for node in nodes:
        stage.replicas[node].following = None


def members_of(stage):
    return {node: replica.membership()[1] for node, replica in stage.replicas.items()}


def test_a_spare_serves_nobody_until_it_has_caught_up_and_joined():
    """4.2.1: a new server learns first. Goal: the conversation, as a golden file."""
    stage = started()
    refused = stage.request(3, append("no"))
    assert stage.replies[refused].ok is False
    change(stage, "join", 3, at=1)
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    assert set(members_of(stage).values()) == {(0, 1, 2, 3)}
    served = stage.request(3, append("yes"))
    stage.settle()
    assert stage.replies[served].value == "yes"
    assert_golden("raft-members", stage)


def test_a_spare_does_not_stand():
    stage = started()
    for _ in range(5):
        stage.fire(3, "watch")
    assert not stage.wires[3, 0]
    assert stage.replicas[3].term == 0


def test_a_learner_is_not_counted():
    """4.2.1, A2: two of three are cut off; what the third and a learner have is not committed."""
    for protocol, more in ((Raft, False), (CountsLearner, True)):
        stage = started(protocol, batch=1, pipeline=8)
        before = stage.replicas[0].log.commit
        for value in "abc":
            stage.request(0, append(value))
        change(stage, "join", 3)
        stage.quiet(1, 2)
        while stage.wires[0, 3] or stage.wires[3, 0]:
            stage.settle(0, 3)
            stage.quiet(1, 2)
        assert (stage.replicas[0].log.commit > before) is more


def test_who_has_left_is_not_counted():
    """A3: of {0, 1, 2, 3} node 3 leaves; then 1 and 2 are cut off. Two of the old four are not two of
    the new three.
    """
    for protocol, more in ((Raft, False), (CountsTheGone, True)):
        stage = started(protocol, members=4)
        change(stage, "leave", 3)
        stage.settle()
        before = stage.replicas[0].log.commit
        stage.request(0, append("a"))
        stage.quiet(1, 2)
        stage.settle(0, 3)
        assert (stage.replicas[0].log.commit > before) is more


def test_one_change_at_a_time():
    """4.1, A4: the second is not even begun before the first is committed."""
    for protocol, members in ((Raft, (0, 2, 3)), (ChangesTwiceAtOnce, (0, 3))):
        stage = started(protocol, members=4)
        change(stage, "leave", 1)
        change(stage, "leave", 2)
        assert stage.replicas[0].configs.newest.members == members


def test_a_configuration_is_in_force_from_when_it_is_in_the_log():
    """4.1: "a server always uses the latest configuration in its log, regardless of whether the entry is
    committed". U6: one that waits for the commitment elects by the old one.
    """
    for protocol, voters in ((Raft, 0b0111), (AppliesOnCommit, 0b1111)):
        stage = started(protocol, members=4)
        change(stage, "leave", 3)
        stage.deliver(0, 1)
        assert stage.replicas[1].voters == voters
        assert stage.replicas[1].membership()[1] == (0, 1, 2, 3), "it is not decided"


def test_one_that_is_overwritten_is_in_force_no_more():
    """4.1: "the server must be prepared to fall back to the previous configuration in its log"."""
    stage = started()
    change(stage, "leave", 2)
    stage.quiet(0)
    assert stage.replicas[0].voters == 0b011
    forget_leader(stage, 1, 2)
    stage.elect(1, 1, 2)
    stage.quiet(0)
    for _ in range(2):
        stage.fire(1, "tick")
        stage.settle()
    assert stage.replicas[0].voters == 0b111
    assert stage.replicas[0].configs.newest.version == 0


def test_a_leader_that_leaves_commits_that_and_steps_down():
    """4.2.2; and then stands no more, and tells its clients that it is no member."""
    stage = started()
    change(stage, "leave", 0)
    stage.settle()
    assert stage.replicas[0].leadership is None
    assert set(members_of(stage).values()) == {(1, 2), (0, 1, 2)}
    for _ in range(5):
        stage.fire(0, "watch")
    assert not stage.wires[0, 1]
    refused = stage.request(0, append("no"))
    assert stage.replies[refused].ok is False


def test_who_left_and_does_not_know_it_disturbs_nobody():
    """4.2.3: it has not heard of its leaving, and asks for votes."""
    stage = started()
    change(stage, "leave", 2)
    stage.quiet(2)
    stage.settle(0, 1)
    stage.fire(0, "tick")
    stage.quiet(2)
    for _ in range(4):
        stage.fire(2, "watch")
    stage.settle()
    assert stage.replicas[0].leadership is not None
    assert stage.replicas[0].term == 1


def raft_dev(protocol):
    """The example of July 2015: S1 to S5 are nodes 0 to 4, of which four are members at first. S1 begins to
    add S5, S2 is elected and removes S1, S1 is elected by its own five.
    """
    stage = started(protocol, n=5, members=4)
    change(stage, "join", 4)
    while stage.wires[0, 4] or stage.wires[4, 0]:
        stage.quiet(1, 2, 3)
        stage.settle(0, 4)
    stage.quiet(1, 2, 3)
    assert stage.replicas[4].configs.newest.members == (0, 1, 2, 3, 4)
    forget_leader(stage, 1, 2, 3)
    while stage.replicas[1].leadership is None:
        if not any(stage.wires[1, node] for node in (2, 3)):
            stage.fire(1, "watch")
        stage.quiet(0, 4)
        for node in (2, 3):
            while stage.replicas[1].leadership is None and stage.wires[1, node]:
                stage.deliver(1, node)
            while stage.replicas[1].leadership is None and stage.wires[node, 1]:
                stage.deliver(node, 1)
    change(stage, "leave", 0, at=1)
    stage.quiet(0, 3, 4)
    stage.settle(1, 2)
    stage.quiet(0, 3, 4)
    forget_leader(stage, 0, 3, 4)
    stage.replicas[0].step_down()
    for _ in range(6):
        stage.fire(0, "watch")
        stage.quiet(1, 2)
        stage.settle(0, 3, 4)
    return stage


def test_no_change_before_an_entry_of_the_own_term_is_committed():
    """Ongaro, raft-dev, 10 July 2015. U5: without that rule two configurations are decided in one place."""
    stage = raft_dev(Raft)
    assert stage.replicas[1].configs.newest.version == 0, "S2 has changed nothing"
    stage.decided()
    with pytest.raises(AssertionError, match="decided"):
        raft_dev(NeedsNoBarrier).decided()


def test_a_snapshot_has_the_configuration():
    """4.1 and 5.1, L5: a server that comes by a snapshot, and one that restarts on it."""
    for protocol, members in ((Raft, (0, 1, 2, 3)), (ForgetsMembers, (0, 1, 2))):
        stage = started(protocol, snapshot_every=5, keep=0)
        change(stage, "join", 3)
        stage.settle()
        stage.quiet(2)
        for value in range(20):
            stage.request(0, append(value))
            stage.settle(0, 1, 3)
            stage.quiet(2)
        for _ in range(6):
            stage.fire(0, "tick")
            stage.settle()
        stage.kill(1)
        stage.start(1)
        for node in (1, 2):
            assert stage.replicas[node].configs.newest.members == members


def test_a_change_of_another_version_does_nothing():
    """Late and repeated requests do no harm."""
    stage = started()
    old = Command("leave", "", [2, 0])
    stage.request(0, old)
    stage.settle()
    change(stage, "join", 2)
    stage.settle()
    stage.request(1, old)
    stage.settle()
    assert members_of(stage)[0] == (0, 1, 2)
