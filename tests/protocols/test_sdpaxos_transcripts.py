"""Golden conversations: read them as documentation, and a change of them as a change of protocol."""

from protocols.kernel import Command
from protocols.sdpaxos import SDPaxos
from tests.transcript import Stage, assert_golden


def append(value, session):
    return Command("append", "x", value, session, 1)


def test_two_command_leaders_and_one_sequencer():
    """Goal: both halves at work: n1 and n2 lead a command each, and n0 says that n1's is first."""
    stage = Stage(SDPaxos)
    stage.start()
    stage.elect(0)
    stage.request(1, append("a", "c"))
    stage.request(2, append("b", "d"))
    stage.settle()
    assert_golden("sdpaxos", stage)


def test_a_command_leader_dies_after_it_was_given_a_turn():
    """Goal: the contested case. The sequencer finishes the C-instance of n1 with a ballot of its own
    while n1 comes back and goes on with its own."""
    stage = Stage(SDPaxos)
    stage.start()
    stage.elect(0)
    stage.request(1, append("of the dead", "c"))
    stage.deliver(1, 0)
    stage.drop(1, 2)
    stage.kill(1)
    stage.drop(0, 1)
    stage.settle(0, 2)
    for _ in range(2):
        stage.fire(0, "tick")
        stage.drop(0, 1)
    stage.start(1)
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    assert stage.replicas[2].store.values["x"] == ["of the dead"]
    assert_golden("sdpaxos-finished", stage)
