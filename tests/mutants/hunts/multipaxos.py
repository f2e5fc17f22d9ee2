"""Where the mutants of multipaxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.multipaxos import MUTANTS
from tests.mutants.trials import (
    CALM,
    CHURN,
    HURRIED,
    LEADERS,
    LIMP,
    STORM,
    kin,
    one_after_another,
)

OUSTED = replace(
    STORM,
    threads=12,
    time_ms=3_000,
    rate=600,
    rtt_ms=10,
    client_timeout_ms=40,
    nemesis="partition-leader",
    interval_ms=800,
    options={"read": "leader"},
)
"""A leader that is cut off lives on, and clients with little patience read from it."""

TURNED_BACK = replace(OUSTED, nemesis="partition-leader,clock-bump")
"""The same, and its clock says that it is earlier than before."""

SLOW_AND_FAST = replace(
    OUSTED, time_ms=5_000, nemesis="partition-leader,clock-drift", interval_ms=500
)
"""The same, and clocks run too fast or too slow."""

HASTY = one_after_another(
    replace(OUSTED, time_ms=300, rate=300, rtt_ms=2, options={"read": "leader", "batch": "1"}),
    150,
    100,
)
"""A leader is cut off when it has just answered, and the next is asked to read as soon as it leads."""


DEPOSED = replace(
    OUSTED, time_ms=5_000, nemesis="partition-leader,partition-bridge", interval_ms=800
)
"""Who led once is heard again by one other, and does not hear who leads now."""

BRIDGED = replace(OUSTED, time_ms=4_000, nemesis="bridge-kill", interval_ms=900)
"""Of two who do not hear each other one leads, heard by the third; which is asked by the other to promise it something,
and is restarted: for less than a lease lasts.
"""

TWO_DEPOSED = one_after_another(HURRIED, 150, 50, 100)
"""What one leader proposed and few heard, and what the next had chosen in the same slot, the third hears of both."""

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
            "adopts-lowest": (TWO_DEPOSED, 200),
            "closes-the-gap": (CHURN, 100),
            "reuses-ballot": (STORM, 100),
            "accepts-lower": (LEADERS, 50),
            "leads-by-appointment": (replace(STORM, options={"leader": "n1"}), 20),
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
            "snapshot-lacks-its-last": (LEADERS, 20),
            "dedups-at-the-leader": (STORM, 600),
            "forgets-by-its-clock": (STORM, 40),
            "no-margin": (SLOW_AND_FAST, 150),
            "exempts-the-first": (DEPOSED, 200),
            "reads-locally": (CALM, 10),
            "reads-unrinsed": (replace(CALM, options={"read": "quorum"}), 10),
            "holds-too-long": (OUSTED, 20),
            "restarts-at-once": (BRIDGED, 100),
            "trusts-the-wall-clock": (TURNED_BACK, 100),
            "needs-no-lease": (OUSTED, 20),
            "answers-too-soon": (HASTY, 1_000),
        },
    ),
)


__all__ = ["MUTANTS", "ZOO"]
