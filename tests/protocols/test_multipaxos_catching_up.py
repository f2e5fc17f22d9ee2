"""Catching up: who is behind comes back, whatever the load and however small the batches are."""

import pytest

from checker.verdict import Outcome
from harness.simulated import play
from harness.trial import Trial
from protocols.appending import Forward
from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from tests.transcript import Stage


def behind(slots, options):
    """A stage where n2 lacks this many slots, and its link to the leader is mended."""
    stage = Stage(MultiPaxos, 3, options)
    stage.start()
    stage.elect(0)
    for serial in range(1, slots + 1):
        stage.request(0, Command("write", "x", serial, "c", serial))
        stage.settle(0, 1)
        stage.drop(0, 2)
    return stage


def test_who_is_behind_learns_more_in_a_round_trip_than_can_be_decided_in_it():
    """Of one batch a round trip, a follower of a leader that decides a pipeline of them in the same
    time never sees the end (found by a swarm: 21 s with ``batch=1``)."""
    stage = behind(30, {"batch": 1, "pipeline": 4})
    stage.fire(0, "tick")
    stage.settle()
    for _ in range(2):
        stage.fire(2, "tick")
        stage.settle()
    assert sum(line.startswith("n2 <- n0 Chosen") for line in stage.lines) == 2
    assert stage.replicas[2].log.chosen == 30


def test_who_is_behind_does_not_ask_again_for_what_it_may_lack():
    stage = behind(5, {"batch": 1, "pipeline": 4})
    stage.request(2, Command("read", "x", None, "r", 1))
    stage.settle()
    for _ in range(4):
        stage.drop(0, 2)
        stage.fire(2, "tick")
    sent = [stage.codec.decode(text) for text in stage.wires[2, 0]]
    assert stage.replicas[2].log.chosen < 6
    assert not any(isinstance(msg, Forward) for msg in sent)


@pytest.mark.parametrize("pipeline", ["1", "4"])
def test_a_batch_of_one_is_back_as_soon_as_any(pipeline):
    """The swarm's own trial (docs/search.md)."""
    trial = Trial(
        protocol="multipaxos",
        nemesis="kill-one,kill-minority,kill-majority,pause-one,pause-minority,pause-all,"
        "pause-leader,packet-jitter,packet-duplicate,packet-slow-link,aimed-pause-writer,"
        "aimed-kill-healed,aimed-cut-healed",
        threads=5,
        time_ms=3_000,
        rate=200,
        keys=1,
        rtt_ms=10,
        client_timeout_ms=100,
        interval_ms=1_200,
        options={"batch": "1", "pipeline": pipeline},
        seed="19",
    )
    liveness = play(trial).results.checks["liveness"]
    assert liveness.outcome is Outcome.VALID
    assert all(ms < 500 for ms in liveness.details["back_ms"].values())
