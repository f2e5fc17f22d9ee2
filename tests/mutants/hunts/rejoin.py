"""Where nodes that come back too early without their disk are hunted, by which check, and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import permutations
from json import dumps

from nemesis.actions import CLEAR, Cut, Fault, Mend, Shape, Weather, Window
from nemesis.disk import wipe_node
from nemesis.plan import plan_to_json
from tests.mutants.rejoin import MUTANTS
from tests.mutants.trials import STORM, kin


def alone(node: int, at_ms: int, for_ms: int, nodes: int = 3) -> Window:
    """A node is cut off from all others."""
    links = tuple((a, b) for a in range(nodes) for b in range(nodes) if a != b and node in (a, b))
    return Window(at_ms, for_ms, Fault("cut", (Cut(links),), (Mend(links),)))


def apart(at_ms: int, end_ms: int, *pairs: tuple[int, int]) -> Window:
    links = tuple(link for a, b in pairs for link in ((a, b), (b, a)))
    return one_way(at_ms, end_ms, *links)


def one_way(at_ms: int, end_ms: int, *links: tuple[int, int]) -> Window:
    return Window(at_ms, end_ms - at_ms, Fault("cut", (Cut(links),), (Mend(links),)))


def forgotten(back_ms: int, both_ms: int, every_ms: int) -> Iterator[Window]:
    """Of three nodes two decide what the third does not hear. One of them loses its disk, and is back
    for ``back_ms`` when the third hears again; ``both_ms`` later the other of the two is cut off.
    """
    for turn, (deaf, lost, knows) in enumerate(permutations(range(3))):
        at_ms = 500 + every_ms * turn
        yield alone(deaf, at_ms, 300)
        yield Window(at_ms + 270 - back_ms, 30, wipe_node("wipe", lost))
        yield alone(knows, at_ms + 300 + both_ms, 350)


def bridged(every_ms: int) -> Iterator[Window]:
    """Two of three nodes do not hear each other, and take from each other what they own with the help of the third.
    This one loses its disk meanwhile, and comes back, since it hears both.
    """
    for turn, (one, lost, other) in enumerate(permutations(range(3))):
        at_ms = 500 + every_ms * turn
        yield apart(at_ms, at_ms + 600, (one, other))
        yield Window(at_ms + 200, 30, wipe_node("wipe", lost))
        yield Window(at_ms + 400, 30, wipe_node("wipe", lost))


def plan(back_ms: int, both_ms: int, *, every_ms: int = 1_200) -> str:
    return in_order(forgotten(back_ms, both_ms, every_ms))


def in_order(windows: Iterable[Window]) -> str:
    return dumps(plan_to_json(tuple(sorted(windows, key=lambda window: window.at_ms))))


def late(every_ms: int, turns: int) -> Iterator[Window]:
    """What one of three nodes says takes its time; it loses its disk, and is back before all of that has arrived."""
    for turn in range(turns):
        lost, at_ms = turn % 3, 300 + every_ms * turn
        links = tuple((lost, other) for other in range(3) if other != lost)
        shape = Shape(links, Weather(delay_ms=60, jitter_ms=60))
        yield Window(at_ms, 20, Fault("packet-late", (shape,), (Shape(links, CLEAR),)))
        yield Window(at_ms + 14, 4, wipe_node("wipe", lost))


SOON = replace(
    STORM,
    rate=200,
    rtt_ms=3,
    time_ms=8_000,
    nemesis="",
    interval_ms=None,
    options={
        "rejoin": "passive",
        "batch": "2",
        "pipeline": "1",
        "snapshot_every": "40",
        "keep": "0",
    },
    plan=plan(10, 0),
)
"""It has hardly heard of anybody."""

LATER = replace(
    SOON,
    rate=15,
    options={"rejoin": "passive", "batch": "1", "pipeline": "1"},
    plan=plan(45, 0),
)
"""It has heard of the beginning of the log: four slots a round trip, so that a few more are enough."""

MET = replace(SOON, plan=plan(100, 40))
"""It has heard of both for a moment."""

ALONE, TOGETHER = (
    replace(
        trial,
        options={name: each for name, each in trial.options.items() if name != "pipeline"},
    )
    for trial in (SOON, MET)
)
"""``SOON`` and ``MET`` where each slot is proposed in by itself."""

BRIDGED = replace(ALONE, plan=in_order(bridged(1_200)))
"""It has voted for what only one of the two knows of, and promised what the other does."""

ASKED = replace(SOON, options={"rejoin": "passive"}, plan=plan(10, 20))
"""Both have just answered it."""

OVERTAKEN = replace(ASKED, threads=12, time_ms=5_500, plan=in_order(late(600, 8)))
"""What it has said in its former life comes when it has begun to speak again."""

LOGGED = replace(SOON, options={**SOON.options, "members": "3"})
"""Lives are decided in the log, with the members."""


def said_before(late_ms: int, heard_ms: int, wiped_ms: int, rest_ms: int = 120) -> Iterator[Window]:
    """n1 leads. n4 and n5 are cut off, and what n5 says takes ``late_ms`` to n4: that it would have n4 lead, for one. Then
    n5 loses its disk, and is with the others again; n4 hears what it said before, and no more of it
    after ``heard_ms``.
    """
    lost_ms = 200 + wiped_ms
    end_ms = lost_ms + heard_ms + rest_ms
    late = Weather(delay_ms=late_ms)
    yield apart(200, end_ms, (0, 3), (1, 3))
    yield apart(200, lost_ms, (0, 4), (1, 4))
    yield Window(
        190,
        wiped_ms + heard_ms + 10,
        Fault("late", (Shape(((4, 3),), late),), (Shape(((4, 3),), CLEAR),)),
    )
    yield Window(lost_ms, 4, wipe_node("wipe", 4))
    yield one_way(lost_ms, end_ms, (3, 4))
    yield one_way(lost_ms + heard_ms, end_ms, (4, 3))


def voted_before() -> Iterator[Window]:
    """n3 is with n4, from the beginning."""
    yield from said_before(late_ms=50, heard_ms=50, wiped_ms=200)
    yield apart(200, 570, (0, 2), (1, 2))
    yield apart(400, 570, (2, 4))


def promised_before(
    helped_ms: int, *, late_ms: int = 120, wiped_ms: int = 180, rest_ms: int = 120
) -> Iterator[Window]:
    """n3 helps n5 back, and is then, after ``helped_ms``, with n4."""
    lost_ms = 200 + wiped_ms
    end_ms = lost_ms + late_ms + rest_ms
    yield from said_before(late_ms, late_ms, wiped_ms, rest_ms)
    yield apart(200, lost_ms, (2, 4))
    yield apart(200, lost_ms + helped_ms, (2, 3))
    yield apart(lost_ms + helped_ms, end_ms, (0, 2), (1, 2), (2, 4))


def robbed() -> Iterator[Window]:
    """n1, n2 and n5 are cut off from n3 and n4, and rob n4 of what it owns. Then n5 loses its disk; n3 helps it back, and
    from then on it is with n3 and n4, and not with the thieves.
    """
    lost_ms, helped_ms, end_ms = 450, 570, 720
    yield apart(200, end_ms, (0, 2), (1, 2), (0, 3), (1, 3))
    yield apart(200, lost_ms, (2, 4))
    yield apart(200, helped_ms, (3, 4))
    yield Window(lost_ms, 4, wipe_node("wipe", 4))
    yield apart(helped_ms, end_ms, (0, 4), (1, 4))


OATHS = {
    "leader": "n1",
    "rejoin": "passive",
    "heartbeat": "1",
    "patience": "12",
    "batch": "4",
    "pipeline": "4",
}
"""Who comes back does so within a few ticks, which are short beside the time that elections take."""

FORMER_VOTES = replace(
    STORM,
    nodes=5,
    threads=10,
    rate=100,
    time_ms=720,
    client_timeout_ms=60,
    nemesis="",
    interval_ms=None,
    options=OATHS,
    plan=in_order(voted_before()),
)
"""A vote of a former life comes late, and is decisive."""

FORMER_PROMISES = replace(
    FORMER_VOTES,
    time_ms=770,
    options={**OATHS, "voter": "lax"},
    plan=in_order(promised_before(helped_ms=60)),
)
"""A promise of a former life does."""

IN_THE_LOG = replace(
    FORMER_PROMISES, options={**FORMER_PROMISES.options, "members": "5", "alpha": "2"}
)
"""The same, where lives are decided in the log."""

HALF_KNOWN = replace(
    IN_THE_LOG,
    options={**IN_THE_LOG.options, "alpha": "8"},
    plan=in_order(promised_before(helped_ms=21)),
)
"""Who helps votes for the new life, and does not hear that it is decided."""

OWNERS = replace(
    FORMER_VOTES,
    keys=6,
    rate=200,
    time_ms=850,
    rtt_ms=3,
    client_timeout_ms=100,
    options={"rejoin": "passive"},
    plan=in_order(promised_before(helped_ms=120, late_ms=200, wiped_ms=100, rest_ms=200)),
)
"""Several objects, of which some are n4's: a vote of a former life for it comes late."""

ROBBED = replace(OWNERS, time_ms=870, plan=in_order(robbed()))
"""Several objects: who has helped to rob an owner comes back, and is asked by that owner."""

find = partial(kin, family="rejoin")

ZOO = (
    *find(
        "multipaxos",
        MUTANTS,
        "agreement",
        {
            "active-at-once": (SOON, 20),
            "leaves-on-any-commit": (LATER, 40),
            "skips-the-slots": (MET, 40),
            "asks-and-goes-on": (LOGGED, 20),
            "counts-old-promises": (FORMER_PROMISES, 300),
            "counts-former-members": (IN_THE_LOG, 300),
            "active-before-its-era": (HALF_KNOWN, 600),
        },
    ),
    *find(
        "raft",
        MUTANTS,
        "agreement",
        {
            "raft-active-at-once": (SOON, 20),
            "raft-votes-at-once": (SOON, 40),
            "raft-skips-the-entries": (MET, 40),
            "raft-asks-and-goes-on": (LOGGED, 20),
            "raft-counts-copies": (FORMER_VOTES, 40),
            "raft-believes-its-log": (
                replace(FORMER_VOTES, options={**OATHS, "members": "5"}),
                40,
            ),
        },
    ),
    *find(
        "sdpaxos",
        MUTANTS,
        "agreement",
        {
            "sdpaxos-active-at-once": (SOON, 20),
            "sdpaxos-skips-the-rows": (SOON, 80),
            "sdpaxos-forgets-its-row": (SOON, 40),
        },
    ),
    *find(
        "paxos",
        MUTANTS,
        "agreement",
        {
            "paxos-active-at-once": (ALONE, 20),
            "paxos-skips-the-slots": (TOGETHER, 20),
        },
    ),
    *find(
        "wpaxos",
        MUTANTS,
        "agreement",
        {
            "wpaxos-active-at-once": (SOON, 20),
            "wpaxos-skips-the-slots": (SOON, 40),
            "wpaxos-forgets-its-promises": (ROBBED, 1_000),
            "wpaxos-counts-old-votes": (OWNERS, 1_000),
        },
        costly={"wpaxos-forgets-its-promises": 5, "wpaxos-counts-old-votes": 15},
    ),
    *find(
        "m2paxos",
        MUTANTS,
        "agreement",
        {
            "m2paxos-active-at-once": (ALONE, 20),
            "m2paxos-skips-the-positions": (BRIDGED, 60),
            "m2paxos-counts-old-votes": (OWNERS, 1_000),
        },
        costly={"m2paxos-counts-old-votes": 15},
    ),
    *find(
        "mencius",
        MUTANTS,
        "agreement",
        {"mencius-active-at-once": (SOON, 20), "mencius-skips-the-slots": (MET, 20)},
    ),
    *find(
        "epaxos",
        MUTANTS,
        "agreement",
        {
            "epaxos-active-at-once": (ASKED, 20),
            "epaxos-skips-the-rows": (ASKED, 20),
            "epaxos-uses-its-row-again": (OVERTAKEN, 80),
        },
    ),
)

ELUSIVE = {
    "rejoin/skips-the-adopted": "a new leader must have adopted more than a window, and be deposed before it has"
    " proposed it again; tests/protocols/test_multipaxos_rejoining.py plays it step by step",
    "rejoin/sdpaxos-counts-old-votes": "a vote of a former life must come late, and complete a majority;"
    " tests/protocols/test_sdpaxos_rejoining.py plays it step by step",
    "rejoin/paxos-counts-old-promises": "a promise of a former life must come late, after its node has voted again;"
    " tests/protocols/test_paxos_rejoining.py plays it step by step",
    "rejoin/mencius-forgets-its-window": "one other alone must have heard what the node has forgotten, and be heard by nobody"
    " who answers; tests/protocols/test_mencius_rejoining.py plays it step by step",
    "rejoin/mencius-waits-for-the-forgotten": "who loses its disk must have executed more than all others, who then"
    " wait; tests/protocols/test_mencius_rejoining.py plays it, and finds it by chance",
    "rejoin/m2paxos-forgets-its-promises": "a former owner must be deaf to who robbed it while their helper comes back, and"
    " propose again; tests/protocols/test_m2paxos_rejoining.py plays it step by step",
    "rejoin/epaxos-forgets-the-floor": "a command must be given up as a no-op, unknown to one who has seen it, and its owner,"
    " who has forgotten it, be one of the fewest who pre-accepted another that is recovered without him;"
    " tests/protocols/test_epaxos_rejoining.py plays it step by step",
    "rejoin/epaxos-counts-old-words": "a word of a former life must come late, and complete a quorum;"
    " tests/protocols/test_epaxos_rejoining.py plays it step by step",
}

__all__ = ["ELUSIVE", "MUTANTS", "ZOO"]
