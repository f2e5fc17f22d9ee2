"""Where mutants that change members wrongly are hunted, by which check, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from nemesis.actions import Fault, Join, Leave, Weather, Window
from tests.mutants.members import MULTIPAXOS, MUTANTS, RAFT
from tests.mutants.trials import LEADERS, STORM, kin, planned
from tests.mutants.windows import apart, slow

COMING = replace(
    STORM,
    nodes=5,
    threads=10,
    nemesis="membership,partition,kill",
    options={"members": "3", "alpha": "4"},
)
"""Three members and two spares, under faults."""
OF_RAFT = replace(COMING, options={"members": "3"})

SLOW_LESSONS = replace(
    OF_RAFT,
    time_ms=4_000,  # in 2 s none may join, and the twin's trial is vacuous
    rate=400,
    nemesis="membership-grow,partition-halves,partition-leader",
    options={"members": "3", "batch": "1", "pipeline": "8"},
)
"""Spares learn an entry at a time, of leaders that have just lost their majority."""


SHRINKING = replace(
    OF_RAFT,
    time_ms=4_300,
    nemesis="partition-halves,membership-shrink",
    interval_ms=700,
    options={},
)
"""Halves are cut apart, and several of five are to leave: while a leader in the smaller half does not know
yet that it has lost its majority."""


def leaves(at_ms: int, for_ms: int, node: int) -> Window:
    return Window(at_ms, for_ms, Fault("leave", (Leave(node),), (Join(node),)))


UNHEARD = replace(
    STORM,
    nodes=4,
    threads=8,
    rate=80,
    time_ms=1_700,
    calm_ms=400,
    rtt_ms=2,
    client_timeout_ms=50,
    nemesis="gap-members",
    interval_ms=350,
    options={
        "members": "3",
        "alpha": "1",
        "leader": "n1",
        "batch": "1",
        "pipeline": "8",
        "heartbeat": "12",
        "patience": "20",
    },
)
"""Two changes are through before a tick is over, at which one would ask what it lacks: who has missed a slot is elected with
votes for both, and without knowing that they are decided.
"""


def voted_and_gone() -> Iterator[Window]:
    """The example of raft-dev with two that leave. n1 is alone, and n2 is to leave. Of the others one is elected; what
    they send n3 takes long, and n3 is cut off from them at about the time when it has voted, and has
    no more than that. From then on it hears n1, and n1 is to leave.
    """
    yield leaves(40, 60, 3)  # a change in peace: no trial is without one
    at_ms, elected_ms, end_ms = 250, 400, 600
    yield slow("weather", at_ms - 20, elected_ms, Weather(delay_ms=25), (1, 2), (3, 2))
    yield apart(at_ms, end_ms, (0, 1), (0, 3))
    yield apart(at_ms, elected_ms, (0, 2))
    yield leaves(at_ms + 1, 60, 1)
    yield leaves(at_ms + 65, end_ms - at_ms - 65, 0)
    yield apart(elected_ms, end_ms, (1, 2), (3, 2))


VOTED_AND_GONE = planned(
    replace(UNHEARD, rate=100, time_ms=800, rtt_ms=3, calm_ms=0, options={"leader": "n1"}),
    *voted_and_gone(),
)

SNAPSHOTS = replace(LEADERS, nodes=5, threads=10, nemesis=COMING.nemesis, interval_ms=300)


def short(options: Mapping[str, str]) -> dict[str, str]:
    return {**SNAPSHOTS.options, **options}


FORGETFUL = replace(SNAPSHOTS, options=short({"members": "3"}))
OF_ERAS = replace(SNAPSHOTS, options=short({"members": "3", "alpha": "4"}))

find = partial(kin, family="members")

ZOO = (
    *find(
        "raft",
        RAFT,
        "agreement",
        {
            "counts-learner": (SLOW_LESSONS, 60),
            "counts-the-gone": (OF_RAFT, 60),
            "changes-twice-at-once": (SHRINKING, 60),
            "needs-no-barrier": (VOTED_AND_GONE, 500),
        },
    ),
    *find(
        "raft",
        RAFT,
        "membership",
        {"forgets-members": (FORGETFUL, 20)},
    ),
    *find(
        "multipaxos",
        MULTIPAXOS,
        "agreement",
        {
            "anybody-votes": (COMING, 60),
            "needs-no-window": (UNHEARD, 4_000),
            "keeps-its-mandate": (UNHEARD, 4_000),
        },
    ),
    *find("multipaxos", MULTIPAXOS, "membership", {"forgets-eras": (OF_ERAS, 20)}),
)

ELUSIVE = {
    "members/applies-on-commit": "while no change is begun before the leader knows the last to be committed,"
    " majorities by the one and by the other still meet (etcd's raft applies changes so, on purpose): it only"
    " decides who can be elected meanwhile; tests/protocols/test_raft_members.py shows whose votes count",
}

__all__ = ["ELUSIVE", "MUTANTS", "ZOO"]
