"""Where the mutants of vpaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.trials import STORM, kin
from tests.mutants.vpaxos import MUTANTS

WANDERING = replace(
    STORM,
    nodes=5,
    threads=10,
    options={"groups": "1", "threshold": "2", "snapshot_every": "20", "keep": "5"},
)
"""The log goes to whoever asks twice: configurations follow upon each other, complete or not."""

ZOO = (
    *kin(
        "vpaxos",
        MUTANTS,
        "agreement",
        {
            "no-transfer": (WANDERING, 50),
            "newest-only": (WANDERING, 200),
            "complete-early": (WANDERING, 200),
        },
    ),
)


__all__ = ["MUTANTS", "ZOO"]
