"""Where the mutants of hpaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from tests.mutants.hpaxos import MUTANTS
from tests.mutants.trials import STORM, kin

ZOO = (
    *kin(
        "hpaxos",
        MUTANTS,
        "agreement",
        {"reuses-slot": (STORM, 20), "spares-one": (STORM, 20)},
    ),
    *kin("hpaxos", MUTANTS, "linearizable", {"retries-twice": (STORM, 50)}),
)


__all__ = ["MUTANTS", "ZOO"]
