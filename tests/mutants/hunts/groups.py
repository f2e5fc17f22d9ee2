"""Where the mutants of groups are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.groups import MUTANTS
from tests.mutants.trials import CALM, STORM, kin

ZOO = (
    *kin(
        "paxos-groups",
        MUTANTS,
        "linearizable",
        {"map-by-node": (replace(CALM, keys=3), 10), "one-store": (replace(STORM, keys=3), 20)},
    ),
    *kin("paxos-groups", MUTANTS, "agreement", {"no-group-id": (replace(CALM, keys=3), 20)}),
)


__all__ = ["MUTANTS", "ZOO"]
