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
