"""Leadership is handed over: ``protocols.handover``, in Raft and in multi-Paxos."""

from dataclasses import replace

import pytest

from harness.zoo.hunt import judged
from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Yield
from protocols.raft import Raft
from protocols.raft.messages import TimeoutNow
from tests.mutants.handover import LeadsOn, Restless, RestlessPaxos
from tests.mutants.trials import CHURN, UNEVEN
from tests.protocols.disks import Disks

BOTH = pytest.mark.parametrize("protocol", [Raft, MultiPaxos])
TOLD = {Raft: TimeoutNow, MultiPaxos: Yield}


def staged(protocol, n=3, **options):
    stage = Disks(protocol, n, options)
    stage.start()
    stage.elect(0)
    return stage


def lead(stage, heir, at=0):
    """An administrator asks for it."""
    request = stage.request(at, Command("lead", "", heir))
    assert stage.replies[request].ok
    return request


@BOTH
@pytest.mark.parametrize("asked", [0, 1, 2])
def test_whoever_is_asked_for_leads_without_a_silence(protocol, asked):
    stage = staged(protocol)
    stage.write(0, 1)
    stage.settle()
    lead(stage, 1, at=asked)
    stage.settle()
    assert stage.replicas[0].leadership is None
    assert stage.replicas[1].leadership is not None
    assert [stage.replicas[node].leader() for node in range(3)] == [1, 1, 1]
    stage.write(2, 2)
    stage.settle()
    assert len(stage.decided()) >= 2


@BOTH
def test_what_was_taken_is_brought_to_its_end_first_and_no_more_is_taken(protocol):
    stage = staged(protocol)
    stage.request(0, Command("write", "x", 1, "before", 1))
    lead(stage, 1)
    stage.request(0, Command("write", "x", 2, "after", 1))
    assert not stage.said_by(0, TOLD[protocol]), "the write is under way"
    assert stage.replicas[0].leadership is not None
    stage.settle()
    for _ in range(2):
        stage.fire(0, "tick")
        stage.settle()
    assert stage.replicas[1].leadership is not None
    assert [reply.value for reply in stage.replies.values()][-1] == 2, "sent to the next leader"


@BOTH
def test_an_heir_that_does_not_answer_is_given_up(protocol):
    stage = staged(protocol, 3)
    stage.kill(1)
    stage.write(0, 1)
    lead(stage, 1)
    stage.settle(0, 2)
    if protocol is MultiPaxos:  # it needs no more than a majority to end what is under way
        assert stage.replicas[0].leadership is None
        return
    for _ in range(3):
        stage.fire(0, "tick")
        stage.settle(0, 2)
    request = stage.request(0, Command("write", "x", 2, "later", 1))
    stage.settle(0, 2)
    assert stage.replies[request].ok


@BOTH
@pytest.mark.parametrize("heir", [0, 7, -1, "n2", None, True])
def test_who_leads_already_or_is_nobody_changes_nothing(protocol, heir):
    stage = staged(protocol)
    lead(stage, heir)
    stage.settle()
    assert stage.replicas[0].leadership is not None


@BOTH
def test_a_word_that_comes_late_is_of_no_account(protocol):
    stage = staged(protocol)
    lead(stage, 1)
    late = [t for t in stage.wires[0, 1] if isinstance(stage.codec.decode(t), TOLD[protocol])]
    assert late
    stage.settle()
    lead(stage, 2, at=1)
    stage.settle()
    assert stage.replicas[2].leadership is not None
    stage.wires[0, 1].extend(late)
    stage.settle()
    assert stage.replicas[2].leadership is not None
    assert stage.replicas[1].campaign is None


def test_a_multipaxos_leader_with_leases_does_not_hand_over():
    stage = Disks(MultiPaxos, 3, {"read": "leader"})
    stage.start()
    request = stage.request(0, Command("lead", "", 1))
    assert stage.replies[request].value == "refused: leadership is not handed over"


def read_after_it_was_handed_over(protocol):
    """n0 has a lease, and is to hand over to n1, by which n2 is led too; then n0, cut off, is asked to read."""
    stage = staged(protocol, 3, read="lease")
    stage.write(0, 1)
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    lead(stage, 1)
    stage.deliver(0, 1)
    stage.settle(1, 2)
    stage.write(1, 2)
    stage.settle(1, 2)
    assert stage.replicas[1].leadership is not None
    return stage, stage.request(0, Command("read", "x", None, "reader", 1))


def test_who_has_handed_over_reads_by_no_lease():
    stage, request = read_after_it_was_handed_over(Raft)
    assert request not in stage.replies


def test_who_leads_on_reads_what_is_outdated():
    stage, request = read_after_it_was_handed_over(LeadsOn)
    assert stage.replies[request].value == 1


@pytest.mark.parametrize("restless", [Restless, RestlessPaxos])
@pytest.mark.parametrize("trial", [UNEVEN, CHURN], ids=["uneven", "churn"])
def test_leaders_that_hand_over_again_and_again_harm_nobody(restless, trial):
    name = f"{restless.__module__}:{restless.__name__}"
    options = {**trial.options, "read": "lease" if restless is Restless else "quorum"}
    for seed in range(2):
        run = replace(trial, protocol=name, nodes=5, options=options, seed=str(seed))
        assert judged(run).objections == ()
