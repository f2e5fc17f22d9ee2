"""Where the mutants of epaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.epaxos import MUTANTS
from tests.mutants.trials import BRIDGE, CALM, RACES, kin

TRANSFERS = replace(CALM, workload="bank", keys=4)
"""Transfers between a few accounts, from every node at once."""

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
            "first-key": (TRANSFERS, 10),
        },
    ),
)


__all__ = ["MUTANTS", "ZOO"]
