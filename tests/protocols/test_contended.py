"""More is asked for than can be served, and the network is slower than the replicas were told.

Found by ten thousand trials of the swarm (docs/search.md), with a batch of one: in ``paxos`` each slot was a
duel of all five, two hundred messages long; in ``m2paxos`` and ``wankeeper`` those were served first whose
clients had given up, and a token could not come back to a full line of those who waited for it, or came back last. After the heal next to nobody was answered in time.
"""

from dataclasses import replace

import pytest

from checker.verdict import Outcome
from harness.simulated import play
from harness.trial import Trial

TRIALS = {
    "paxos": Trial(
        protocol="paxos", nemesis="kill-majority,kill-all,aimed-pause-writer,aimed-kill-healed",
        time_ms=1_000, threads=20, rate=50, rtt_ms=2, client_timeout_ms=50, interval_ms=40, calm_ms=500,
        options={"batch": "1", "keep": "1"},
    ),
    "m2paxos": Trial(
        protocol="m2paxos", workload="bank", nemesis="packet-delay,packet-jitter,packet-loss,packet-slow-link",
        time_ms=2_000, threads=20, rate=400, keys=2, rtt_ms=2, client_timeout_ms=50, interval_ms=240,
        calm_ms=500, options={"batch": "1", "keep": "0"},
    ),
    "wankeeper-return": Trial(
        protocol="wankeeper",
        nemesis="partition-halves,kill-majority,kill-all,kill-leader,pause-one,pause-minority,pause-majority,"
        "pause-all,pause-leader,packet-loss,packet-duplicate,packet-slow-node,aimed-kill-writer,"
        "aimed-pause-writer,aimed-kill-healed",
        time_ms=2_000, nodes=3, threads=12, keys=1, rtt_ms=3, client_timeout_ms=50, interval_ms=360,
        calm_ms=500, network="perfect", options={"batch": "1", "pipeline": "1", "zones": "5"},
    ),
    "wankeeper-threshold": Trial(
        protocol="wankeeper",
        nemesis="pause-one,pause-leader,packet-delay,packet-jitter,packet-loss,packet-duplicate,"
        "packet-slow-node,packet-slow-link",
        time_ms=2_000, threads=10, rate=200, keys=1, rtt_ms=5, client_timeout_ms=200, interval_ms=100,
        calm_ms=500,
        options={
            "batch": "1", "pipeline": "1", "snapshot_every": "100", "keep": "1", "threshold": "1", "zones": "3",
        },
    ),
    "wankeeper-last": Trial(
        protocol="wankeeper",
        nemesis="packet-jitter,packet-duplicate,packet-slow-node,packet-slow-link,aimed-kill-healed,"
        "aimed-cut-healed",
        time_ms=1_000, nodes=3, threads=6, rate=400, keys=1, rtt_ms=2, client_timeout_ms=50, interval_ms=80,
        calm_ms=500, network="perfect",
        options={
            "batch": "2", "pipeline": "1", "snapshot_every": "10", "keep": "0", "threshold": "2", "zones": "2",
        },
    ),
    "wankeeper": Trial(
        protocol="wankeeper", nemesis="packet-delay,packet-slow-node,packet-slow-link",
        time_ms=1_000, threads=10, rate=200, keys=1, rtt_ms=3, client_timeout_ms=120, interval_ms=60,
        calm_ms=500,
        options={"batch": "1", "pipeline": "1", "keep": "100", "threshold": "2", "zones": "2"},
    ),
}  # fmt: skip
SEEDS = {
    "paxos": "x4 x18 x22 x23 x31", "m2paxos": "2475", "wankeeper": "15 19 30", "wankeeper-return": "254",
    "wankeeper-threshold": "2611", "wankeeper-last": "8364",
}  # fmt: skip
"""Each was invalid or vacuous."""


@pytest.mark.parametrize(
    ("trial", "seed"),
    [(trial, seed) for trial, seeds in SEEDS.items() for seed in seeds.split()],
)
def test_those_are_served_who_still_wait(trial, seed):
    played = play(replace(TRIALS[trial], seed=seed))
    assert played.results.outcome is Outcome.VALID
