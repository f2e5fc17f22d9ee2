"""Where the mutants of abd are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.abd import MUTANTS
from tests.mutants.trials import CALM, STORM, TWICE, UNEVEN, kin

POWER = replace(STORM, nemesis="disk-lose", interval_ms=150)
"""A coordinator's own store is under way to its disk, and has arrived at others, when the power fails there."""

ZOO = (
    *kin(
        "abd",
        MUTANTS,
        "linearizable",
        {
            "no-write-back": (UNEVEN, 150),
            "no-tie-break": (CALM, 20),
            "shared-tag": (CALM, 100),
            "tag-regress": (CALM, 10),
            "acks-before-persist": (STORM, 20),
            "read-one": (CALM, 10),
            "own-counter": (CALM, 10),
            "counts-twice": (TWICE, 50),
            "forgets-counter": (POWER, 1_000),
        },
    ),
)

__all__ = ["MUTANTS", "ZOO"]
