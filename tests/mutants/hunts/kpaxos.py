"""Where the mutants of kpaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.kpaxos import MUTANTS
from tests.mutants.trials import CALM, STORM, kin

ZOO = (
    *kin(
        "kpaxos",
        MUTANTS,
        "linearizable",
        {
            "ranges-from-here": (replace(CALM, keys=3), 10),
            "one-store": (replace(STORM, keys=3), 20),
        },
    ),
    *kin("kpaxos", MUTANTS, "agreement", {"no-group-id": (replace(CALM, keys=3), 20)}),
)


__all__ = ["MUTANTS", "ZOO"]
