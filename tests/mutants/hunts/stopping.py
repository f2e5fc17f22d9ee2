"""Where the mutants of stopping are hunted, by which check, and for how long."""

from __future__ import annotations

from functools import partial

from tests.mutants.stopping import MUTANTS
from tests.mutants.trials import STORM, kin

find = partial(kin, family="stopping")

ZOO = (
    *find("multipaxos", MUTANTS, "liveness", {"never-reelects": (STORM, 20)}),
    *find("abd", MUTANTS, "liveness", {"never-retransmits": (STORM, 40)}),
)


__all__ = ["MUTANTS", "ZOO"]
