"""Where the mutants of paxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from nemesis.partition import between
from tests.mutants.paxos import MUTANTS
from tests.mutants.trials import CALM, HURRIED, STORM, kin, planned
from tests.mutants.windows import one_way

WRITERS = replace(
    STORM, nemesis="aimed-kill-writer,partition-one", interval_ms=150, client_timeout_ms=100
)
"""Who has just voted is killed, while another is cut off from those who could tell it the outcome."""


OVERTAKEN = planned(
    replace(HURRIED, time_ms=350, rate=300, rtt_ms=3, client_timeout_ms=100, options={}),
    one_way(150, 158, *between([[0], [1, 2]])),
    one_way(158, 258, *sorted(between([[1], [0, 2]]))),
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
