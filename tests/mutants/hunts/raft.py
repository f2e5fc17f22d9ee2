"""Where the mutants of raft are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.raft import MUTANTS
from tests.mutants.trials import CHURN, LEADERS, LIMP, STORM, UNEVEN, kin

DEPOSED = replace(
    STORM,
    threads=30,
    rate=400,
    nemesis="partition-leader",
    interval_ms=400,
    client_timeout_ms=50,
)
"""Many read at a leader that is cut off, in the short time that it still believes to be one."""

JUMPS = replace(
    DEPOSED, nemesis="partition-leader,clock-bump", options={"read": "lease"}, time_ms=3_000
)
"""And its clock jumps meanwhile."""

ZOO = (
    *kin(
        "raft",
        MUTANTS,
        "agreement",
        {
            "forgets-vote": (LIMP, 50),
            "commits-old-terms": (CHURN, 200),
            "votes-for-any-log": (STORM, 50),
            "truncates-always": (UNEVEN, 100),
            "claims-its-log": (STORM, 50),
            "commits-unmatched": (STORM, 100),
            "loses-sessions": (LEADERS, 100),
        },
    ),
    *kin(
        "raft",
        MUTANTS,
        "linearizable",
        {
            "reads-unconfirmed": (DEPOSED, 50),
            "reads-early": (CHURN, 100),
            "lease-by-wall-clock": (JUMPS, 150),
            "runs-twice": (STORM, 80),
        },
    ),
    # Afterwards it has forgotten what it acknowledged, and stumbles over what is not there.
    *kin("raft", MUTANTS, "crashes", {"snapshot-goes-back": (LEADERS, 100)}),
)

__all__ = ["MUTANTS", "ZOO"]
