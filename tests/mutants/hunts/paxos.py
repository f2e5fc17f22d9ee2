"""Where the mutants of paxos are hunted, by which check, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nemesis.actions import Weather, Window
from nemesis.partition import between
from nemesis.process import kill_nodes
from tests.mutants.paxos import MUTANTS
from tests.mutants.trials import CALM, HURRIED, STORM, kin, planned
from tests.mutants.windows import apart, one_way, slow

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


def echoes() -> Iterator[Window]:
    """n2 and n3 hear n1 alone, which hears both late, and is killed again and again, for a moment."""
    begin_ms, end_ms = 50, 780
    yield apart(begin_ms, end_ms, (1, 2))
    yield slow("late", begin_ms, end_ms, Weather(delay_ms=20), (1, 0), (2, 0))
    for at_ms in range(begin_ms + 10, end_ms - 10, 60):
        yield Window(at_ms, 3, kill_nodes("kill", [0]))


ECHO = planned(replace(STORM, time_ms=800, rtt_ms=15), *echoes())
"""Two proposers meet in one acceptor: what the one has asked of it is under way when it is killed with the
promise to the other, and is back. (Drawn by ``echo-kill``, few of these meet the pace of the proposers: 2 of 8
hunts of 60 CPU s found it.)
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
            "forgets-promise": (ECHO, 1_000),
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
