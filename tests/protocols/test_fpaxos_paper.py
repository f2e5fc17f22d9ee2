"""What Flexible Paxos claims (Howard 2016), and HPaxos, its far end, message by message."""

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from protocols.fpaxos import FPaxos
from protocols.hpaxos import HPaxos
from protocols.kernel import Cluster, Command
from protocols.multipaxos.messages import Accept, Prepare
from tests.transcript import Stage, assert_golden


def append(value, serial=1, session="c"):
    return Command("append", "x", value, session, serial)


def sent(stage, kind):
    return sum(f"-> n{dst} {kind.__name__}(" in line for line in stage.lines for dst in range(9))


def staged(protocol, n, **options):
    stage = Stage(protocol, n, options)
    stage.start()
    return stage


def test_a_leader_decides_with_a_small_quorum_when_more_than_half_are_down():
    """Section 5: with |Q2| = 2 of 5 three crashes do not stop the leader."""
    stage = staged(FPaxos, 5, quorum="count:4,2")
    stage.elect(0)
    stage.kill(2, 3, 4)
    request = stage.request(0, append("a"))
    stage.settle(0, 1)
    assert stage.replies[request].ok


def test_the_price_is_that_a_successor_needs_the_large_quorum():
    stage = staged(FPaxos, 5, quorum="count:4,2")
    stage.elect(0)
    stage.kill(0, 4)
    for node in (2, 3):
        stage.replicas[node].following = None
    while stage.replicas[1].campaign is None:
        stage.fire(1, "watch")
    stage.settle(1, 2, 3)
    assert stage.replicas[1].campaign.voters == 0b01110, "three promises of the four"
    assert stage.replicas[1].leadership is None
    stage.drop(1, 4)
    stage.start(4)
    stage.fire(1, "tick")
    stage.settle(1, 2, 3, 4)
    assert stage.replicas[1].leadership is not None


def test_a_successor_finds_what_two_nodes_chose():
    """Section 3: the quorums meet, so one of the four promises has the vote."""
    stage = staged(FPaxos, 5, quorum="count:4,2")
    stage.elect(0)
    request = stage.request(0, append("chosen"))
    for node in (2, 3, 4):
        stage.drop(0, node)
    stage.settle(0, 1)
    assert stage.replies[request].ok
    for node in (2, 3, 4):
        stage.drop(0, node)
    stage.kill(0)
    while stage.replicas[4].campaign is None:
        for node in (1, 2, 3):
            stage.replicas[node].following = None
        stage.fire(4, "watch")
    stage.settle(1, 2, 3, 4)
    assert stage.replicas[4].store.values == {"x": ["chosen"]}


@pytest.mark.parametrize("protocol", [FPaxos, HPaxos])
def test_defaults_intersect(protocol):
    for n in range(1, 10):
        assert protocol.quorums_of(Cluster(tuple(range(n)))).intersects() is None


def test_quorums_that_do_not_meet_are_refused_by_example_and_can_be_forced():
    trial = Trial(protocol="fpaxos", options={"quorum": "count:2,3"})
    with pytest.raises(UsageError, match=r"n1, n2 is a quorum of phase 1, n3, n4, n5 one of phase"):
        trial.replica()
    forced = Trial(protocol="fpaxos", options={"quorum": "count:2,3", "force": "true"})
    assert forced.replica() is FPaxos
    with pytest.raises(UsageError, match="true or false"):
        Trial(protocol="fpaxos", options={"force": "maybe"}).replica()


def test_a_replica_does_not_start_with_quorums_that_do_not_meet():
    with pytest.raises(ValueError, match="no node is in both"):
        FPaxos(0, Cluster((0, 1, 2), options={"quorum": "count:1,2"}))


def test_grids_go_by_the_clusters_zones():
    """WPaxos, section 2: a column decides, and a leader asks a row."""
    cluster = Cluster((0, 1, 2, 3), ("eu", "us", "eu", "us"), options={"quorum": "grid"})
    system = FPaxos(0, cluster).quorums
    assert system.phase2(0b0101)
    assert not system.phase2(0b0011)
    assert system.phase1(0b0011)
    assert not system.phase1(0b0101)


# --- HPaxos ---------------------------------------------------------------------------------------


def test_a_leader_of_hpaxos_asks_nobody_and_needs_everybody():
    """Goal: phase 1 for no message; no command before the last vote; the whole conversation."""
    stage = staged(HPaxos, 3)
    stage.elect(1)
    assert sent(stage, Prepare) == 0
    request = stage.request(1, append("a"))
    stage.settle(0, 1)
    assert request not in stage.replies, "one vote is missing"
    stage.settle()
    assert stage.replies[request].ok
    assert_golden("hpaxos", stage)


def test_a_crash_stops_it_and_the_nodes_own_disk_is_the_way_back():
    stage = staged(HPaxos, 3)
    stage.elect(0)
    stage.kill(2)
    request = stage.request(1, append("a"))
    stage.settle()
    stage.drop(0, 2)
    for _ in range(3):
        stage.fire(0, "tick")
        stage.settle(0, 1)
    assert request not in stage.replies
    stage.drop(0, 2)
    stage.start(2)
    stage.fire(0, "tick")
    stage.settle()
    assert stage.replies[request].ok
    assert stage.replicas[2].log[1].command.value == "a"


def test_the_loser_of_two_leaders_gets_its_command_into_a_later_slot_once():
    """Paxi's case: both propose in slot 1; one ballot is refused, and its command comes second."""
    stage = staged(HPaxos, 3)
    for node in (0, 2):
        while stage.replicas[node].leadership is None:
            stage.fire(node, "watch")
    for node in (0, 2):
        stage.request(node, append(f"of n{node}", session=f"c{node}"))
    assert sent(stage, Accept) >= 4
    stage.settle()
    for _ in range(3):
        for node in range(3):
            stage.fire(node, "tick")
        stage.settle()
    stores = [replica.store.values["x"] for replica in stage.replicas.values()]
    assert stores == [["of n2", "of n0"]] * 3
    stage.decided()
