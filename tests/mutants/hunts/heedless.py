"""Where replicas that do not look whether it was written are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.heedless import MUTANTS
from tests.mutants.trials import STORM, kin

FULL = replace(STORM, nemesis="disk-full-majority", interval_ms=500)
"""A majority goes on with what it did not write down, and every other time is killed before there is space."""

ZOO = tuple(
    mutant
    for name, check in (("abd", "linearizable"), ("multipaxos", "agreement"), ("raft", "agreement"))
    for mutant in kin(name, MUTANTS, check, {name: (FULL, 40)}, family="heedless")
)

__all__ = ["MUTANTS", "ZOO"]
