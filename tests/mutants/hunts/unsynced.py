"""Where replicas that leave out the sync are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.trials import STORM, kin
from tests.mutants.unsynced import MUTANTS

KILLS = replace(STORM, nemesis="kill-all", interval_ms=500)
"""Where they are not found: the page cache outlives a process."""

POWER_CUTS = replace(KILLS, nemesis="disk-power")
"""Where they are."""

ZOO = tuple(
    mutant
    for name, check in (("abd", "linearizable"), ("multipaxos", "agreement"), ("raft", "agreement"))
    for mutant in kin(name, MUTANTS, check, {name: (POWER_CUTS, 20)}, family="unsynced")
)

__all__ = ["MUTANTS", "ZOO"]
