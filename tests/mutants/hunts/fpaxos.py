"""Where the mutants of fpaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from tests.mutants.fpaxos import MUTANTS
from tests.mutants.trials import STORM, kin

ZOO = kin(
    "fpaxos",
    MUTANTS,
    "agreement",
    {
        "do-not-meet": (STORM, 20),
        "wrong-axis": (STORM, 50),
        "one-zone-short": (STORM, 50),
    },
)


__all__ = ["MUTANTS", "ZOO"]
