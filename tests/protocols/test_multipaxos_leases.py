"""Leases of the leader: who keeps still for how long, and what the holder may answer (Chandra 2007,
section 5.2; Gray and Cheriton 1989).
"""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.leases import GRANTED, Lease
from protocols.multipaxos.messages import Answered, Granted, Inquire, Promise
from protocols.quorum_systems import by_majority
from tests.mutants.hunts.multipaxos import HASTY, OUSTED, TURNED_BACK
from tests.transcript import Stage

READ = Command("read", "x", None, "r", 1)


def staged(**options):
    """n0 leads, and holds a lease of all."""
    stage = Stage(MultiPaxos, 3, {"read": "leader", **options})
    stage.start()
    for node in range(3):
        stage.fire(node, "grant")
    stage.elect(0)
    return stage


def sent(stage, kind, src, dst):
    return [m for m in map(stage.codec.decode, stage.wires[src, dst]) if isinstance(m, kind)]


def write(value):
    return Command("write", "x", value, f"c{value}", 1)


def test_the_holder_answers_a_read_at_once_and_without_a_slot():
    stage = staged()
    stage.request(0, write(7))
    stage.settle()
    request = stage.request(0, READ)
    assert stage.replies[request].value == 7
    assert stage.replicas[0].log.chosen == 1
    assert not any(stage.wires.values())


def test_a_follower_has_its_reads_answered_by_the_holder():
    stage = staged()
    stage.request(0, write(7))
    stage.settle()
    request = stage.request(2, READ)
    assert sent(stage, Inquire, 2, 0)
    stage.settle(0, 2)
    assert stage.replies[request].value == 7
    assert stage.replicas[0].log.chosen == 1


def test_an_answer_to_an_earlier_request_is_not_one_to_the_next():
    """A client that asks again may have seen more by then than the old answer shows."""
    stage = staged()
    stage.request(2, READ)
    stage.deliver(2, 0)
    stage.request(0, write(7))
    stage.settle(0, 1)
    again = stage.request(2, READ)
    late = stage.deliver(0, 2)
    assert isinstance(late, Answered)
    assert late.value is None
    assert again not in stage.replies
    stage.settle()
    assert stage.replies[again].value == 7


def test_without_a_quorum_of_grants_a_read_takes_a_slot():
    stage = staged()
    for number in range(4):
        if f"lease{number}" in stage.timers[0]:
            stage.fire(0, f"lease{number}")
    request = stage.request(0, READ)
    assert request not in stage.replies
    stage.settle()
    assert stage.replies[request].ok
    assert stage.replicas[0].log.chosen == 1


def test_a_grant_that_comes_when_its_time_is_over_counts_for_nothing():
    stage = Stage(MultiPaxos, 3, {"read": "leader"})
    stage.start()
    for node in range(3):
        stage.fire(node, "grant")
    stage.fire(0, "watch")
    stage.fire(0, "watch")
    while not sent(stage, Granted, 1, 0):
        stage.deliver(*next(link for link, wire in stage.wires.items() if wire and 2 not in link))
    stage.fire(0, "lease1")
    stage.settle(0, 1)
    assert not stage.replicas[0].lease.good(stage.replicas[0].promised)


def test_a_grantor_answers_no_other_candidate_and_is_none_until_its_time_has_passed():
    stage = staged()
    for _ in range(4):
        stage.fire(1, "watch")
        stage.fire(2, "watch")
    assert not any(stage.wires.values()), "nobody campaigns"
    stage.fire(2, "grant")
    stage.fire(2, "watch")
    stage.settle(1, 2)
    assert stage.replicas[2].campaign is not None
    assert not sent(stage, Promise, 1, 2)
    stage.fire(1, "grant")
    stage.fire(2, "tick")
    stage.settle(1, 2)
    assert stage.replicas[2].leadership is not None


def test_who_restarts_keeps_still_for_a_whole_lease():
    stage = staged()
    stage.kill(1)
    stage.start(1)
    stage.drop(0, 1)
    stage.fire(2, "grant")
    for _ in range(3):
        stage.fire(2, "watch")
    stage.settle(1, 2)
    assert stage.replicas[2].leadership is None
    stage.fire(1, "grant")
    stage.fire(2, "tick")
    stage.settle(1, 2)
    assert stage.replicas[2].leadership is not None


def test_who_has_promised_a_higher_ballot_grants_nothing():
    stage = staged()
    for node in (1, 2):
        stage.fire(node, "grant")
    for _ in range(3):
        stage.fire(2, "watch")
        stage.fire(1, "watch")
    stage.settle(1, 2)
    stage.drop(0, 1)
    stage.drop(0, 2)
    stage.fire(0, "tick")
    stage.deliver(0, 1)
    assert not sent(stage, Granted, 1, 0)


def test_the_margin_is_an_option_and_leaves_the_holder_less_than_the_grantors_keep():
    assert Lease(by_majority((0, 1, 2)), 0).held == 12
    assert staged(dilation="50").replicas[0].lease.held == 10
    for percent in range(71):
        lease = Lease(by_majority((0, 1, 2)), 0, percent)
        assert lease.held <= GRANTED
        assert lease.open > lease.held // 5, "no two requests that may be good share a timer"
    with pytest.raises(UsageError, match="dilation=71: it is at most 70"):
        Trial(protocol="multipaxos", options={"dilation": "71", "read": "leader"}).replica()
    with pytest.raises(UsageError, match="dilation is of the lease of read=leader"):
        Trial(protocol="multipaxos", options={"dilation": "50"}).replica()


@pytest.mark.parametrize("trial", [OUSTED, HASTY, TURNED_BACK], ids=["ousted", "hasty", "clock"])
def test_trials_that_break_bad_leases_are_passed(trial):
    for seed in range(2):
        assert judged(replace(trial, protocol="multipaxos", seed=str(seed))).objections == ()


@pytest.mark.parametrize(
    ("mutant", "trial"),
    [("HoldsTooLong", OUSTED), ("NeedsNoLease", OUSTED), ("TrustsTheWallClock", TURNED_BACK)],
)
def test_a_bad_lease_is_found(mutant, trial):
    bad = replace(trial, protocol=f"tests.mutants.multipaxos:{mutant}")
    assert any(judged(replace(bad, seed=str(seed))).by("linearizable") for seed in range(30))


def test_clocks_may_differ_by_a_fifth_each():
    trial = Trial(
        protocol="multipaxos",
        nodes=3,
        threads=12,
        time_ms=3_000,
        rate=600,
        keys=1,
        rtt_ms=10,
        client_timeout_ms=40,
        interval_ms=600,
        nemesis="partition-leader,clock-drift",
        options={"read": "leader"},
    )
    for seed in range(2):
        assert judged(replace(trial, seed=str(seed))).objections == ()
