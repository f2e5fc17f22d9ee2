"""Where the mutants of multipaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.multipaxos import MUTANTS
from tests.mutants.trials import CALM, CHURN, LEADERS, LIMP, STORM, kin

ZOO = (
    *kin(
        "multipaxos",
        MUTANTS,
        "agreement",
        {
            "omits-chosen": (STORM, 50),
            "forgets-promise": (LIMP, 150),
            "forgets-vote": (STORM, 20),
            "ignores-votes": (STORM, 20),
            "adopts-lowest": (CHURN, 200),
            "reuses-ballot": (STORM, 100),
            "accepts-lower": (LEADERS, 50),
            "half-is-majority": (STORM, 10),
            "trusts-old-vote": (STORM, 50),
            "loses-sessions": (LEADERS, 100),
            "snapshot-drops-votes": (LEADERS, 50),
        },
    ),
    *kin(
        "multipaxos",
        MUTANTS,
        "linearizable",
        {
            "runs-twice": (STORM, 20),
            "reads-locally": (CALM, 10),
            "reads-unrinsed": (replace(CALM, options={"read": "quorum"}), 10),
        },
    ),
)


__all__ = ["MUTANTS", "ZOO"]
