"""Where the mutants of sdpaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.sdpaxos import MUTANTS
from tests.mutants.trials import LEADERS, STORM, kin

FIVE = replace(LEADERS, nodes=5, threads=10)
"""Sequencers come and go, and with them the command leader that they had just served."""

SPLIT = replace(STORM, nodes=5, threads=10, nemesis="partition-leader,partition", interval_ms=400)
"""Sequencer and command leader among themselves, cut off from the rest."""

SEVEN = replace(LEADERS, nodes=7, threads=14)

ZOO = (
    *kin(
        "sdpaxos",
        MUTANTS,
        "agreement",
        {
            "reuses-positions": (STORM, 20),
            "applies-when-ordered": (STORM, 20),
            "counts-before-stored": (SPLIT, 100),
            "sequencer-alone": (STORM, 100),
            "never-guesses": (FIVE, 50),
            "short-for-seven": (SEVEN, 50),
        },
    ),
)

__all__ = ["MUTANTS", "ZOO"]
