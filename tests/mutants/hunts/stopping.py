"""Where the mutants of stopping are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.stopping import MUTANTS
from tests.mutants.trials import STORM, kin

ZOO = tuple(
    replace(mutant, name=mutant.name.replace(mutant.twin, "stopping"))
    for mutant in (
        *kin("multipaxos", MUTANTS, "liveness", {"never-reelects": (STORM, 20)}),
        *kin("abd", MUTANTS, "liveness", {"never-retransmits": (STORM, 40)}),
    )
)


__all__ = ["MUTANTS", "ZOO"]
