"""M2Paxos in the simulator: commands of several keys, under faults that leave them unfinished."""

from __future__ import annotations

from checker.verdict import Outcome
from harness.simulated import play
from harness.trial import Trial
from protocols.m2paxos.sometimes import SOMETIMES

TRANSACTIONS = Trial(
    protocol="m2paxos",
    workload="list-append",
    nodes=3,
    threads=9,
    keys=3,
    rate=200,
    time_ms=2_000,
    rtt_ms=5,
    client_timeout_ms=200,
    nemesis="partition,kill",
    interval_ms=200,
    options={"snapshot_every": "10", "keep": "2"},
    seed="7",
)


def test_all_that_is_rare_happens_where_commands_have_several_keys():
    """Among it what no campaign of registers shows: acquired at once, voided."""
    played = play(TRANSACTIONS)
    assert played.results.outcome is Outcome.VALID, played.results.checks
    assert {row.value for row in played.run.rows if row.f == "sometimes"} == {*SOMETIMES}


FORGOTTEN = Trial(
    protocol="m2paxos", workload="bank", nodes=3, threads=3, rate=50, keys=1, time_ms=1_000, rtt_ms=2,
    nemesis="partition-halves,partition-minority,partition-majorities-ring,partition-bridge,partition-one-way,"
    "kill-minority,kill-majority,kill-leader,packet-delay,packet-jitter,packet-loss,packet-duplicate,"
    "packet-slow-node",
    client_timeout_ms=50, interval_ms=80, calm_ms=500, options={"batch": "2", "keep": "10"}, seed="2766",
)  # fmt: skip


def test_what_nobody_knows_any_more_to_be_chosen_is_proposed_again():
    """Found by ten thousand trials of the swarm: who alone knew it was killed, and all waited to be told."""
    played = play(FORGOTTEN)
    assert played.results.outcome is Outcome.VALID, played.results.checks["liveness"]
