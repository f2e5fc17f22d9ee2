"""Where mutants that change members wrongly are hunted, by which check, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from json import dumps

from nemesis.actions import Window
from nemesis.plan import plan_to_json
from tests.mutants.members import MULTIPAXOS, MUTANTS, RAFT
from tests.mutants.trials import LEADERS, STORM, kin

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


def cuts() -> Iterator[Window]:
    """Halves are cut apart, and several of five are to leave at once: while a leader in the smaller half
    does not know yet that it has lost its majority."""
    for at_ms in range(400, 4_000, 700):
        yield Window(at_ms, 450, "partition-halves")
        yield Window(at_ms + 10, 440, "membership-shrink")


SHRINKING = replace(
    OF_RAFT,
    time_ms=4_300,
    nemesis="",
    interval_ms=None,
    options={},
    plan=dumps(plan_to_json(tuple(cuts()))),
)

SNAPSHOTS = replace(LEADERS, nodes=5, threads=10, nemesis=COMING.nemesis, interval_ms=300)


def short(options: Mapping[str, str]) -> dict[str, str]:
    return {**SNAPSHOTS.options, **options}


FORGETFUL = replace(SNAPSHOTS, options=short({"members": "3"}))
OF_ERAS = replace(SNAPSHOTS, options=short({"members": "3", "alpha": "4"}))

ZOO = tuple(
    replace(mutant, name=mutant.name.replace(mutant.twin, "members"))
    for mutant in (
        *kin(
            "raft",
            RAFT,
            "agreement",
            {
                "counts-learner": (SLOW_LESSONS, 60),
                "counts-the-gone": (OF_RAFT, 60),
                "changes-twice-at-once": (SHRINKING, 60),
            },
        ),
        *kin(
            "raft",
            RAFT,
            "membership",
            {"forgets-members": (FORGETFUL, 20)},
        ),
        *kin("multipaxos", MULTIPAXOS, "agreement", {"anybody-votes": (COMING, 60)}),
        *kin("multipaxos", MULTIPAXOS, "membership", {"forgets-eras": (OF_ERAS, 20)}),
    )
)

ELUSIVE = {
    "members/applies-on-commit": "while no change is begun before the leader knows the last to be committed,"
    " majorities by the one and by the other still meet (etcd's raft applies changes so, on purpose): it only"
    " decides who can be elected meanwhile; the paper tests show whose votes count",
    "members/needs-no-barrier": "two leaders must each have a change in their logs that few have, and"
    " the second have counted its own within the round trip in which its no-op is committed; the paper tests"
    " play it",
    "members/needs-no-window": "an election must fall between the votes for a change and the news of it,"
    " and the new members decide alpha slots before that; the paper tests play it",
    "members/keeps-its-mandate": "the same schedule",
}

__all__ = ["ELUSIVE", "MUTANTS", "ZOO"]
