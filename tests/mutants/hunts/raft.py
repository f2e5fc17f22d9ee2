"""Where the mutants of raft are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from nemesis.actions import CLEAR, Cut, Fault, Mend, Shape, Weather, Window
from tests.mutants.raft import MUTANTS
from tests.mutants.trials import (
    CHURN,
    LEADERS,
    LIMP,
    STORM,
    UNEVEN,
    kin,
    planned,
)

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


def alone(at_ms: int, for_ms: int, node: int, *, slow: bool) -> Window:
    """Of three nodes one is cut off, and the other two are slow to hear from each other, if told so."""
    others = tuple(other for other in range(3) if other != node)
    links = tuple(link for other in others for link in ((node, other), (other, node)))
    rest = (others, others[::-1])
    begin, end = (Cut(links),), (Mend(links),)
    if not slow:
        return Window(at_ms, for_ms, Fault("cut", begin, end))
    weather = Weather(delay_ms=8, jitter_ms=6)
    fault = Fault("cut+slow", (*begin, Shape(rest, weather)), (*end, Shape(rest, CLEAR)))
    return Window(at_ms, for_ms, fault)


FIGURE_8 = planned(
    replace(
        STORM, time_ms=800, rate=120, client_timeout_ms=100,
        options={"batch": "1", "pipeline": "1", "leader": "n1"},
    ),
    alone(200, 170, 0, slow=True),
    alone(370, 280, 1, slow=True),
    alone(650, 150, 0, slow=False),
)  # fmt: skip
"""Raft's figure 8: n1 has an entry alone; n2 leads, and is cut off before anybody has heard so; n1 leads
again, has its old entry committed, and is cut off before anybody has one of its new term; n2 has another.
Messages are slow, so that leaders are cut off with what they have just said under way. With half of the ops
one trial in thousands had no write answered, and was vacuous.
"""

ZOO = (
    *kin(
        "raft",
        MUTANTS,
        "agreement",
        {
            "forgets-vote": (LIMP, 50),
            "commits-old-terms": (FIGURE_8, 1_000),
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
