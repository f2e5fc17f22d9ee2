"""Replicas compare their states, and one that differs from most drops its own (paxakos' verify, eject)."""

from dataclasses import replace

import pytest

from harness.sim.simulator import states_at
from harness.simulated import play, setup_of
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.verifying import Digest, digest
from protocols.wire import dumps
from tests.mutants.trials import CALM, STORM
from tests.transcript import Stage


def write(stage, value, node=0):
    stage.request(node, Command("write", "x", value, f"c{value}", 1))
    stage.settle()


def staged(**options):
    stage = Stage(MultiPaxos, 3, {"verify": "4", **options})
    stage.start()
    stage.elect(0)
    return stage


def notes(stage, kind):
    return [(node, note.value) for node, note in stage.notes if note.kind == kind]


def states(stage):
    return {dumps(replica.store.snapshot()) for replica in stage.replicas.values()}


def test_replicas_that_agree_eject_nothing():
    stage = staged()
    for value in range(12):
        write(stage, value)
    assert sorted(stage.replicas[1].digests) == [4, 8, 12]
    assert not notes(stage, "ejected")
    assert len(states(stage)) == 1


@pytest.mark.parametrize("snapshot_every", ["3", "100"])
@pytest.mark.parametrize("flipped", [0, 2])
def test_one_that_differs_gets_the_state_of_the_others(flipped, snapshot_every):
    """A leader, too: it leads no more, and another does."""
    stage = staged(snapshot_every=snapshot_every, keep="0")
    write(stage, 1)
    stage.replicas[flipped].store.values["x"] = 1 ^ 2
    for value in (2, 3):
        stage.request(0, Command("write", "y", value, f"c{value}", 1))
        stage.settle()
    assert not notes(stage, "ejected"), "nobody has compared"
    write(stage, 5)  # writes over what was wrong, but for the leader's own answer
    stage.replicas[flipped].store.values["y"] = 0
    for value in (6, 7, 8, 9):
        write(stage, value)
    assert notes(stage, "ejected") == [(flipped, 8)]
    assert notes(stage, "reinstated")
    assert len(states(stage)) == 1
    assert not stage.replicas[flipped].ejected
    assert "ejected" not in stage.disks[flipped]


def test_until_it_has_another_state_it_answers_nobody_and_executes_nothing():
    stage = staged()
    write(stage, 1)
    stage.replicas[2].store.values["x"] = 7
    for value in (2, 3):
        stage.request(0, Command("write", "y", value, f"c{value}", 1))
        stage.settle()
    stage.request(0, Command("write", "y", 4, "c4", 1))
    while not notes(stage, "ejected"):
        stage.deliver(*next(link for link, wire in stage.wires.items() if wire))
    stage.drop(2, 0)
    stage.drop(2, 1)
    request = stage.request(2, Command("read", "x", None, "r", 1))
    assert request not in stage.replies
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].ejected, "a restart does not make it right"
    before = stage.replicas[2].log.chosen
    later = stage.request(2, Command("read", "x", None, "r", 2))
    write(stage, 5)
    assert later not in stage.replies
    assert stage.replicas[2].log.chosen == before
    for _ in range(3):
        stage.fire(2, "tick")
        stage.settle()
    assert not stage.replicas[2].ejected
    assert stage.replies[later].value == 5
    assert len(states(stage)) == 1


def test_where_no_two_agree_nobody_is_ejected():
    stage = staged()
    write(stage, 1)
    for node in (1, 2):
        stage.replicas[node].store.values["x"] = node + 10
    for value in (2, 3, 4):
        stage.request(0, Command("write", "y", value, f"c{value}", 1))
        stage.settle()
    assert not notes(stage, "ejected")


def test_digests_of_slots_long_past_are_dropped():
    stage = staged()
    for slot in range(4, 200, 4):
        stage.replicas[0].compare(1, slot, digest(slot))
    assert len(stage.replicas[0].digests) == 8


def test_without_the_option_nobody_compares():
    stage = Stage(MultiPaxos, 3)
    stage.start()
    stage.elect(0)
    for value in range(8):
        write(stage, value)
    assert not any("Digest" in line for line in stage.lines)
    assert Digest in MultiPaxos.messages


@pytest.mark.parametrize(
    "name",
    [
        "FlipsABit",
        "FlippedAndVerified",
        "RaftFlipsABit",
        "RaftFlippedAndVerified",
        "SDPaxosFlipsABit",
        "SDPaxosFlippedAndVerified",
    ],
)
def test_a_bit_that_flips_is_gone_only_where_states_are_compared(name):
    mutant = f"tests.mutants.verifying:{name}"
    trial = replace(CALM, protocol=mutant, workload="counter", rate=150, seed="flip")
    ends = play(trial).history.rows[-1].time_ns
    nodes = states_at(setup_of(trial), ends)
    same = len({digest(node.replica.store.snapshot()) for node in nodes}) == 1
    assert same is name.endswith("FlippedAndVerified")


@pytest.mark.parametrize("protocol", ["multipaxos", "raft", "sdpaxos", "wankeeper", "kpaxos"])
def test_it_finds_nothing_where_nothing_is_wrong(protocol):
    trial = replace(STORM, protocol=protocol, options={"verify": "5", "snapshot_every": "20"})
    for seed in range(3):
        run = replace(trial, seed=str(seed))
        assert judged(run).objections == ()
        assert [row.f for row in play(run).history.rows if row.f == "ejected"] == []


def test_it_is_an_option_of_a_trial():
    assert Trial(protocol="fpaxos", options={"verify": "100"}).replica()
