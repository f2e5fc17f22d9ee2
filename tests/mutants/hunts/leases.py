"""Where leases for clients, broken on purpose, are hunted: by workloads ``lock`` and ``lease``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from harness.zoo.mutant import Mutant
from tests.mutants.leases import MUTANTS
from tests.mutants.trials import CALM, kin

LOCK = replace(CALM, workload="lock", rate=300, time_ms=2_000)
"""No fault: holders that nap are late enough."""

LEASE = replace(LOCK, workload="lease", time_ms=4_000)

SLOW = replace(LEASE, rtt_ms=20)
"""A leader's ticks are far apart."""

JUMPS = replace(LEASE, nemesis="clock-bump", interval_ms=300)
"""Clocks jump."""

CHANGES = replace(
    LEASE, rate=400, time_ms=3_000, rtt_ms=3, nemesis="kill-leader,pause-leader", interval_ms=600
)
"""Leaders come and go, and some wake up late."""

find = partial(kin, family="leases")

ZOO: tuple[Mutant, ...] = (
    *find("multipaxos", MUTANTS, "fenced", {"unfenced": (LOCK, 20), "counts-again": (LOCK, 20)}),
    *find(
        "multipaxos",
        MUTANTS,
        "leases",
        {
            "releases-for-others": (LEASE, 20),
            "refreshes-for-others": (LEASE, 20),
            "stamps-the-wall-clock": (JUMPS, 50),
            "applies-by-its-clock": (JUMPS, 50),
            "rounds-down": (SLOW, 50),
            "guesses-the-gap": (CHANGES, 100),
        },
    ),
)


__all__ = ["MUTANTS", "ZOO"]
