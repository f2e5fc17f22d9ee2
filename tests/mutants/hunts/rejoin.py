"""Where nodes that come back too early without their disk are hunted, by which check, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from nemesis.actions import Weather, Window
from nemesis.disk import wipe_node
from tests.mutants.rejoin import MUTANTS
from tests.mutants.trials import STORM, kin, planned
from tests.mutants.windows import apart, one_way, slow

SOON = replace(
    STORM,
    rate=200,
    rtt_ms=3,
    time_ms=4_000,
    nemesis="relay-wipe",
    interval_ms=1_200,
    options={
        "rejoin": "passive",
        "batch": "2",
        "pipeline": "1",
        "snapshot_every": "40",
        "keep": "0",
    },
)
"""Two of three nodes decide what the third does not hear; one of them loses its disk, and is then with the third."""

LATER = replace(SOON, rate=15, options={"rejoin": "passive", "batch": "1", "pipeline": "1"})
"""Four slots a round trip are learnt: so that who comes back has heard of the beginning of the log."""

ALONE = replace(
    SOON, options={name: each for name, each in SOON.options.items() if name != "pipeline"}
)
"""The same, where each slot is proposed in by itself."""

BRIDGED = replace(ALONE, nemesis="bridge-wipe")
"""Who loses its disk has voted for what only one of two knows of, and promised what the other does."""

ROBBED_BY_ITS_HELP = replace(
    ALONE,
    keys=3,
    nemesis="relay-wipe,bridge-wipe",
    interval_ms=800,
    options={"rejoin": "passive"},
)
"""Several objects: who has helped to rob an owner of one, that did not hear of it, is back."""

ASKED = replace(SOON, options={"rejoin": "passive"})

OVERTAKEN = replace(ASKED, threads=12, nemesis="voice-wipe", interval_ms=1_000)
"""What it has said in its former life comes when it has begun to speak again."""

FORGOTTEN = replace(OVERTAKEN, threads=6, rate=120, time_ms=2_000, interval_ms=900)
"""It has said how much it had executed, before all others, in its former life."""

LOGGED = replace(SOON, options={**SOON.options, "members": "3"})
"""Lives are decided in the log, with the members."""

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
    time_ms=1_400,
    client_timeout_ms=60,
    nemesis="voice-wipe",
    interval_ms=720,
    options=OATHS,
)
"""A vote of a former life comes late, and is decisive."""

FORMER_WORDS = replace(FORMER_VOTES, time_ms=2_000, interval_ms=600, options={"rejoin": "passive"})
"""The same, where each replica leads commands of its own."""

FORMER_PROMISES = replace(FORMER_VOTES, options={**OATHS, "voter": "lax"})
"""A promise of a former life does."""

IN_THE_LOG = replace(
    FORMER_PROMISES, options={**FORMER_PROMISES.options, "members": "5", "alpha": "2"}
)
"""The same, where lives are decided in the log."""

HALF_KNOWN = replace(IN_THE_LOG, options={**IN_THE_LOG.options, "alpha": "8"})
"""Who helps votes for the new life, and does not hear that it is decided."""


def voted_before() -> Iterator[Window]:
    """n4 is cut off, and n5 with it, whose vote takes 200 ms to n4. n5 loses its disk, n3 helps it back, and is then with
    n4; which hears what n5 said before, and no more of it.
    """
    lost_ms, helped_ms, heard_ms, end_ms = 300, 420, 500, 700
    yield apart(200, end_ms, (0, 3), (1, 3))
    yield apart(200, lost_ms, (0, 4), (1, 4), (2, 4))
    yield apart(200, helped_ms, (2, 3))
    yield slow("late", 190, heard_ms, Weather(delay_ms=200), (4, 3))
    yield Window(lost_ms, 4, wipe_node("wipe", 4))
    yield one_way(lost_ms, end_ms, (3, 4))
    yield one_way(heard_ms, end_ms, (4, 3))
    yield apart(helped_ms, end_ms, (0, 2), (1, 2), (2, 4))


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


OWNERS = planned(
    replace(
        FORMER_VOTES,
        keys=6,
        rate=200,
        time_ms=850,
        rtt_ms=3,
        client_timeout_ms=100,
        options={"rejoin": "passive"},
    ),
    *voted_before(),
)
"""Several objects, of which some are n4's: a vote of a former life for it comes late."""

ROBBED = planned(replace(OWNERS, time_ms=870), *robbed())
"""Several objects: who has helped to rob an owner comes back, and is asked by that owner."""

find = partial(kin, family="rejoin")

ZOO = (
    *find(
        "multipaxos",
        MUTANTS,
        "agreement",
        {
            "active-at-once": (SOON, 20),
            "leaves-on-any-commit": (LATER, 100),
            "skips-the-slots": (SOON, 100),
            "asks-and-goes-on": (LOGGED, 20),
            "counts-old-promises": (FORMER_PROMISES, 1_000),
            "counts-former-members": (IN_THE_LOG, 1_000),
            "active-before-its-era": (HALF_KNOWN, 1_000),
        },
    ),
    *find(
        "raft",
        MUTANTS,
        "agreement",
        {
            "raft-active-at-once": (SOON, 20),
            "raft-votes-at-once": (SOON, 40),
            "raft-skips-the-entries": (SOON, 100),
            "raft-asks-and-goes-on": (LOGGED, 20),
            "raft-counts-copies": (FORMER_VOTES, 1_000),
            "raft-believes-its-log": (
                replace(FORMER_VOTES, options={**OATHS, "members": "5"}),
                1_000,
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
            "sdpaxos-counts-old-votes": (FORMER_WORDS, 1_000),
        },
    ),
    *find(
        "paxos",
        MUTANTS,
        "agreement",
        {
            "paxos-active-at-once": (ALONE, 20),
            "paxos-skips-the-slots": (ALONE, 100),
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
            "m2paxos-forgets-its-promises": (ROBBED_BY_ITS_HELP, 500),
            "m2paxos-counts-old-votes": (OWNERS, 1_000),
        },
        costly={"m2paxos-counts-old-votes": 15},
    ),
    *find(
        "mencius",
        MUTANTS,
        "agreement",
        {
            "mencius-active-at-once": (SOON, 20),
            "mencius-skips-the-slots": (SOON, 20),
            "mencius-forgets-its-window": (replace(FORMER_WORDS, rate=60), 1_000),
        },
    ),
    *find(
        "mencius",
        MUTANTS,
        "liveness",
        {"mencius-waits-for-the-forgotten": (FORGOTTEN, 1_000)},
    ),
    *find(
        "epaxos",
        MUTANTS,
        "agreement",
        {
            "epaxos-active-at-once": (ASKED, 20),
            "epaxos-skips-the-rows": (ASKED, 20),
            "epaxos-uses-its-row-again": (OVERTAKEN, 80),
            "epaxos-counts-old-words": (FORMER_WORDS, 1_000),
        },
    ),
)

ELUSIVE = {
    "rejoin/skips-the-adopted": "a new leader must have adopted more than a window, and be deposed before it has"
    " proposed it again; tests/protocols/test_multipaxos_rejoining.py plays it step by step",
    "rejoin/paxos-counts-old-promises": "a promise of a former life must come late, after its node has voted again;"
    " tests/protocols/test_paxos_rejoining.py plays it step by step",
    "rejoin/epaxos-forgets-the-floor": "a command must be given up as a no-op, unknown to one who has seen it, and its owner,"
    " who has forgotten it, be one of the fewest who pre-accepted another that is recovered without him;"
    " tests/protocols/test_epaxos_rejoining.py plays it step by step",
}

__all__ = ["ELUSIVE", "MUTANTS", "ZOO"]
