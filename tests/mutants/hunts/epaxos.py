"""Where the mutants of epaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from nemesis.actions import Window
from tests.mutants.epaxos import MUTANTS
from tests.mutants.trials import BRIDGE, CALM, RACES, STORM, kin, planned

TRANSFERS = replace(CALM, workload="bank", keys=4)
"""Transfers between a few accounts, from every node at once."""

TIMED = {"toq": "true"}
CLOCKS = replace(CALM, options=TIMED, nemesis="clock", time_ms=300, rate=100)
"""Clocks jump and drift, by which commands are opened: few, so that a person can tell in which order."""

ORPHANS = replace(
    STORM,
    options=TIMED,
    nemesis="kill-one,partition-one,packet-jitter",
    rate=400,
    threads=12,
    interval_ms=150,
    rtt_ms=2,
)
"""Owners die with what they alone knew to be committed, while commands are opened in any order."""

CHECKPOINTS = replace(STORM, options={"checkpoint_every": "4", "retain": "10"})
"""Nodes that come back have most of what they executed in a checkpoint."""

HALF_TOLD = planned(
    replace(BRIDGE, time_ms=700, rate=60),
    Window(150, 200, "packet-jitter"),
    Window(200, 500, "partition-bridge"),
)
"""Commands are under way, slowly, when two replicas come to hear of each other through the third alone."""

SOON = replace(RACES, nodes=5, options={"patient": "false"})

ZOO = (
    *kin(
        "epaxos",
        MUTANTS,
        "agreement",
        {
            "one-ballot": (HALF_TOLD, 2_000),
            "noop-over-pre-accepted": (RACES, 100),
            "no-components": (CALM, 10),
            "unequal-fast-path": (CALM, 10),
            "leaders-deps": (CALM, 10),
            "no-tie-break": (CALM, 10),
            "first-key": (TRANSFERS, 10),
            "stamps-are-order": (CLOCKS, 400),
            "blind-and-small": (ORPHANS, 150),
            "fewer-than-need-be": (replace(RACES, nodes=5), 100),
            "impatient-commits": (SOON, 100),
        },
    ),
    *kin("epaxos", MUTANTS, "linearizable", {"runs-again": (CHECKPOINTS, 20)}),
)


__all__ = ["MUTANTS", "ZOO"]
