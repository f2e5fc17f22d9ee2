"""Where commands that are refused or kept waiting wrongly are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tests.mutants.appending import MUTANTS
from tests.mutants.trials import CALM, STORM, kin

NARROW = {"batch": "1", "pipeline": "1", "retry": "backoff"}
CROWDED = replace(
    CALM,
    threads=24,
    rate=2_000,
    nemesis="packet-duplicate,packet-jitter",
    interval_ms=300,
    options=NARROW,
)
"""More commands than a leader has room for, many of which come twice."""

LATE = replace(STORM, nemesis="packet-delay,pause-minority", options={"window": "adaptive"})
"""A leader goes on, and its proposals are answered late."""

IN_THE_LOG = replace(LATE, options={"window": "adaptive", "read": "log"})
"""The same, with reads that need a place, too: Raft's take none, and would go on."""

CHANGING = replace(
    STORM, nodes=4, nemesis="membership-churn", options={"reserve": "1", "pipeline": "4"}
)
"""Members come and go, one after the other."""

TAKEOVER = replace(
    STORM,
    nodes=4,
    threads=16,
    rate=1_500,
    time_ms=5_000,
    rtt_ms=10,
    interval_ms=230,
    nemesis="membership-churn,kill-leader,partition-leader",
    options={"window": "adaptive", "reserve": "1", "pipeline": "8", "batch": "1"},
)
"""A new leader adopts more than it may have under way, and is asked for other members meanwhile."""

LEASED = replace(
    CALM,
    workload="lease",
    time_ms=3_000,
    nemesis="pause-minority",
    options={"reserve": "1", "pipeline": "4"},
)
"""Leases end again and again, which is what a leader of Raft has places for."""

find = partial(kin, family="appending")

ZOO = (
    *find("multipaxos", MUTANTS, "linearizable", {"nay-is-no": (CROWDED, 40)}),
    *find("raft", MUTANTS, "linearizable", {"raft-nay-is-no": (CROWDED, 40)}),
    *find(
        "multipaxos",
        MUTANTS,
        "liveness",
        {"closes-the-window": (LATE, 20), "keeps-reservations": (CHANGING, 20)},
    ),
    *find(
        "raft",
        MUTANTS,
        "liveness",
        {"raft-closes-the-window": (IN_THE_LOG, 60), "raft-keeps-reservations": (LEASED, 20)},
    ),
    *find(
        "multipaxos",
        MUTANTS,
        "agreement",
        {"precedes-the-adopted": (TAKEOVER, 200)},
    ),
)

__all__ = ["MUTANTS", "ZOO"]
