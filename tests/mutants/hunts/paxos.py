"""Where the mutants of paxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.hunts.rejoin import alone
from tests.mutants.paxos import MUTANTS
from tests.mutants.trials import CALM, HURRIED, STORM, kin, planned

WRITERS = replace(
    STORM, nemesis="aimed-kill-writer,partition-one", interval_ms=150, client_timeout_ms=100
)
"""Who has just voted is killed, while another is cut off from those who could tell it the outcome."""

OVERTAKEN = planned(
    replace(HURRIED, time_ms=350, rate=300, rtt_ms=3, client_timeout_ms=100, options={}),
    alone(0, 150, 8),
    alone(1, 158, 100),
)
"""Who is about to have its command chosen is cut off; so is, as soon as it has another chosen in that slot,
who did so instead. The third has heard of either.
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

ELUSIVE = {
    "paxos/forgets-promise": "an acceptor must be killed and be back within the few milliseconds in "
    "which an older Accept is on its way to it: not found in 450 trials, 43 CPU s; the schedule is played "
    "by hand in tests/protocols/test_paxos_paper.py",
}

__all__ = ["MUTANTS", "ZOO"]
