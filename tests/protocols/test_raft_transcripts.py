"""Golden conversations: read them as documentation, and a change of them as a change of protocol."""

from protocols.kernel import Command
from protocols.raft import Raft
from tests.transcript import Stage, assert_golden


def append(value, serial):
    return Command("append", "x", value, f"c{serial}", 1)


def test_an_election_a_write_and_a_read():
    """Goal: the whole of a fault-free life: pre-vote, vote, no-op, forward, commit, ReadIndex."""
    stage = Stage(Raft)
    stage.start()
    stage.elect(0)
    stage.request(1, append("a", 1))
    stage.settle()
    stage.request(1, Command("read", "x", None, "c", 2))
    stage.settle()
    assert_golden("raft", stage)


def test_a_leader_comes_back_with_entries_that_lost():
    """Goal: section 5.3. Node 0 leads term 1 and has two entries that nobody else has; node 2 leads
    term 2, and makes node 0's log its own when that is back.
    """
    stage = Stage(Raft)
    stage.start()
    stage.elect(0)
    for serial in (1, 2):
        stage.request(0, append("lost", serial))
    stage.drop(0, 1)
    stage.drop(0, 2)
    stage.kill(0)
    stage.replicas[1].following = None  # it has not heard of its leader for a while
    stage.elect(2, 1, 2)
    stage.drop(2, 0)
    stage.request(2, append("kept", 3))
    stage.settle(1, 2)
    stage.drop(2, 0)
    stage.start(0)
    for _ in range(2):
        stage.fire(2, "tick")
        stage.settle()
    assert stage.replicas[0].store == stage.replicas[2].store
    assert stage.replicas[0].store.values["x"] == ["kept"]
    assert_golden("raft-conflict", stage)
