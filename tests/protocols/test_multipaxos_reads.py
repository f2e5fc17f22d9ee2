"""Reads that take no slot: by a quorum (Charapko 2019), and "any", which is not linearizable."""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from tests.mutants.trials import CALM
from tests.schedules import Chance
from tests.transcript import Stage

READ = Command("read", "x", None, "r", 1)


def staged(mode):
    stage = Stage(MultiPaxos, 3, {"read": mode})
    stage.start()
    stage.elect(0)
    return stage


def write(value):
    return Command("write", "x", value, f"c{value}", 1)


def test_a_quorum_read_takes_no_slot_and_no_leader():
    stage = staged("quorum")
    stage.request(0, write(1))
    stage.settle()
    stage.kill(0)
    request = stage.request(1, READ)
    stage.settle(1, 2)
    assert stage.replies[request].value == 1
    assert stage.replicas[1].log.chosen == 1


def test_a_quorum_read_waits_for_what_some_acceptor_has_voted_for():
    """The rinse: n3 has voted for a write that n2 does not know; it may have been answered."""
    stage = staged("quorum")
    wrote = stage.request(0, write(1))
    stage.drop(0, 1)
    stage.settle(0, 2)
    assert stage.replies[wrote].ok
    stage.drop(0, 1)
    request = stage.request(1, READ)
    stage.settle(1, 2)
    assert request not in stage.replies
    for _ in range(3):
        stage.fire(0, "tick")
        stage.fire(1, "tick")
        stage.settle()
    assert stage.replies[request].value == 1


def test_a_read_that_nobody_answers_takes_a_slot():
    stage = staged("quorum")
    request = stage.request(1, READ)
    stage.drop(1, 0)
    stage.drop(1, 2)
    for _ in range(2):
        stage.fire(1, "tick")
    stage.settle()
    assert stage.replies[request].ok
    assert stage.replicas[1].log.chosen == 1


def test_quorum_reads_are_linearizable_whatever_chance_does():
    options = {"read": "quorum", "batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3}
    for seed in range(40):
        Chance(MultiPaxos, seed, options=options).play(1500)


def test_any_is_not_linearizable_and_is_shown_so():
    trial = replace(CALM, protocol="multipaxos", options={"read": "any"}, seed="1")
    assert any("linearizable" in str(objection) for objection in judged(trial).objections)


def test_an_unknown_mode_is_refused():
    with pytest.raises(UsageError, match="log, leader, quorum, any"):
        Trial(protocol="multipaxos", options={"read": "follower"}).replica()
