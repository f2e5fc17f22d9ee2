"""Where the mutants of paxos are hunted, by which check, and for how long."""

from __future__ import annotations

from tests.mutants.paxos import MUTANTS
from tests.mutants.trials import CALM, STORM, kin

ZOO = (
    *kin(
        "paxos",
        MUTANTS,
        "agreement",
        {
            "reuses-ballot": (STORM, 100),
            "ignores-votes": (CALM, 20),
            "adopts-lowest": (STORM, 100),
            "forgets-promise": (STORM, 150),
            "forgets-vote": (STORM, 50),
        },
    ),
    *kin("paxos", MUTANTS, "linearizable", {"ignores-outcome": (CALM, 20)}),
)


__all__ = ["MUTANTS", "ZOO"]
