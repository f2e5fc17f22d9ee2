"""Where replicas that vote again without their disk are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.amnesia import MUTANTS
from tests.mutants.trials import STORM, kin

WIPES = replace(STORM, nemesis="partition-one,wipe", interval_ms=150, time_ms=4_000)
"""What one node has not heard another has, together with a third, which then forgets it."""

ZOO = tuple(
    mutant
    for name, check in (
        ("abd", "linearizable"),
        ("multipaxos", "agreement"),
        ("paxos", "agreement"),
    )
    for mutant in kin(name, MUTANTS, check, {name: (WIPES, 100)}, family="amnesia")
)

__all__ = ["MUTANTS", "ZOO"]
