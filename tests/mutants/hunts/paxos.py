"""Where the mutants of paxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from nemesis.actions import Cut, Fault, Mend, Window
from tests.mutants.paxos import MUTANTS
from tests.mutants.trials import CALM, HURRIED, STORM, kin, planned

WRITERS = replace(
    STORM, nemesis="aimed-kill-writer,partition-one", interval_ms=150, client_timeout_ms=100
)
"""Who has just voted is killed, while another is cut off from those who could tell it the outcome."""


def alone(node: int, at_ms: int, for_ms: int) -> Window:
    """One of three nodes is cut off from the others."""
    links = tuple((a, b) for a in range(3) for b in range(3) if a != b and node in (a, b))
    return Window(at_ms, for_ms, Fault("cut", (Cut(links),), (Mend(links),)))


OVERTAKEN = planned(
    replace(HURRIED, time_ms=350, rate=300, rtt_ms=3, client_timeout_ms=100, options={}),
    alone(0, 150, 8),
    alone(1, 158, 100),
)
"""Who is about to have its command chosen is cut off; so is, as soon as it has another chosen in that slot,
who did so instead. The third has heard of either.
"""

ECHO = replace(STORM, time_ms=2_500, nemesis="echo-kill", interval_ms=400)
"""Two proposers hear the same acceptor alone, which hears both late: what the one has asked of it is under way when it is
killed with the promise to the other, and is back.
"""

ZOO = (
    *kin(
        "paxos",
        MUTANTS,
        "agreement",
        {
            "ignores-votes": (CALM, 20),
            "adopts-lowest": (OVERTAKEN, 500),
            "forgets-vote": (WRITERS, 150),
            "forgets-promise": (ECHO, 2_000),
        },
    ),
    *kin(
        "paxos",
        MUTANTS,
        "linearizable",
        {
            "ignores-outcome": (CALM, 20),
            "runs-the-batch-for-each": (replace(CALM, workload="counter"), 20),
        },
    ),
)

__all__ = ["MUTANTS", "ZOO"]
