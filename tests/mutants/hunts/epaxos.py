"""Where the mutants of epaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from tests.mutants.epaxos import MUTANTS
from tests.mutants.trials import BRIDGE, CALM, RACES, kin

ZOO = (
    *kin(
        "epaxos",
        MUTANTS,
        "agreement",
        {
            "one-ballot": (BRIDGE, 300),
            "noop-over-pre-accepted": (RACES, 100),
            "no-components": (CALM, 10),
            "unequal-fast-path": (CALM, 10),
            "leaders-deps": (CALM, 10),
            "no-tie-break": (CALM, 10),
        },
    ),
)


__all__ = ["MUTANTS", "ZOO"]
