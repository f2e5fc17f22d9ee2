"""Golden conversations: read them as documentation, and a change of them as a change of protocol."""

from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from tests.transcript import Stage, assert_golden


def append(value, serial):
    return Command("append", "x", value, "c", serial)


def test_an_election_and_two_ops():
    """Goal: the whole of a fault-free life: elect, forward, vote, commit, answer; then a read."""
    stage = Stage(MultiPaxos)
    stage.start()
    stage.elect(0)
    stage.request(1, append("a", 1))
    stage.settle()
    stage.request(0, Command("read", "x", None, "c", 2))
    stage.settle()
    assert_golden("multipaxos", stage)


def test_a_leader_dies_and_its_successor_lacks_a_chosen_slot():
    """Goal: the schedule of Paxi's P-1. Slot 1 is chosen by nodes 0 and 1; node 2 takes over."""
    stage = Stage(MultiPaxos)
    stage.start()
    stage.elect(0)
    stage.request(0, append("chosen", 1))
    stage.drop(0, 2)
    stage.settle(0, 1)
    stage.request(0, append("voted for by one", 2))
    stage.drop(0, 1)
    stage.drop(0, 2)
    stage.kill(0)
    for _ in range(2):
        stage.fire(1, "watch")
        stage.fire(2, "watch")
        if stage.wires[1, 2]:
            stage.drop(1, 2)
    stage.settle(1, 2)
    stage.request(2, append("next", 3))
    stage.settle(1, 2)
    stage.drop(1, 0)
    stage.drop(2, 0)
    stage.start(0)
    stage.fire(2, "tick")
    stage.settle()
    for _ in range(2):
        stage.fire(0, "tick")
        stage.settle()
    assert stage.replicas[0].store == stage.replicas[2].store
    assert_golden("multipaxos-p1", stage)
