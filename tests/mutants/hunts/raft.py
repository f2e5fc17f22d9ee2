"""Where the mutants of raft are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.raft import MUTANTS
from tests.mutants.trials import CHURN, LEADERS, LIMP, STORM, UNEVEN, kin

ZOO = (
    *kin(
        "raft",
        MUTANTS,
        "agreement",
        {
            "forgets-vote": (LIMP, 150),
            "commits-old-terms": (CHURN, 200),
            "votes-for-any-log": (STORM, 50),
            "truncates-always": (UNEVEN, 100),
            "claims-its-log": (STORM, 50),
            "commits-unmatched": (STORM, 100),
            "snapshot-goes-back": (LEADERS, 100),
            "loses-sessions": (LEADERS, 100),
        },
    ),
    *kin(
        "raft",
        MUTANTS,
        "linearizable",
        {
            "reads-unconfirmed": (STORM, 50),
            "reads-early": (CHURN, 100),
            "lease-by-wall-clock": (
                replace(STORM, nemesis="partition-leader,clock-bump", options={"read": "lease"}),
                100,
            ),
            "runs-twice": (STORM, 20),
        },
    ),
)

__all__ = ["MUTANTS", "ZOO"]
