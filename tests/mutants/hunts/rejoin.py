"""Where nodes that come back too early without their disk are hunted, by which check, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from json import dumps

from nemesis.actions import Cut, Fault, Mend, Window
from nemesis.disk import wipe_node
from nemesis.plan import plan_to_json
from tests.mutants.rejoin import MUTANTS
from tests.mutants.trials import STORM, kin


def alone(node: int, at_ms: int, for_ms: int, nodes: int = 3) -> Window:
    """A node is cut off from all others."""
    links = tuple((a, b) for a in range(nodes) for b in range(nodes) if a != b and node in (a, b))
    return Window(at_ms, for_ms, Fault("cut", (Cut(links),), (Mend(links),)))


def forgotten(back_ms: int, both_ms: int, every_ms: int) -> Iterator[Window]:
    """Of three nodes two decide what the third does not hear. One of them loses its disk, and is back
    for ``back_ms`` when the third hears again; ``both_ms`` later the other of the two is cut off.
    """
    for turn, (deaf, lost, knows) in enumerate(permutations(range(3))):
        at_ms = 500 + every_ms * turn
        yield alone(deaf, at_ms, 300)
        yield Window(at_ms + 270 - back_ms, 30, wipe_node("wipe", lost))
        yield alone(knows, at_ms + 300 + both_ms, 350)


def plan(back_ms: int, both_ms: int, *, every_ms: int = 1_200) -> str:
    windows = sorted(forgotten(back_ms, both_ms, every_ms), key=lambda window: window.at_ms)
    return dumps(plan_to_json(tuple(windows)))


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
    time_ms=15_000,
    rate=60,
    options={"rejoin": "passive", "batch": "2", "pipeline": "1"},
    plan=plan(150, 0, every_ms=2_400),
)
"""It has heard of the beginning of a long log."""

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

LOGGED = replace(SOON, options={**SOON.options, "members": "3"})
"""Lives are decided in the log, with the members."""

ZOO = (
    tuple(
        replace(mutant, name=mutant.name.replace("multipaxos/", "rejoin/"))
        for mutant in kin(
            "multipaxos",
            MUTANTS,
            "agreement",
            {
                "active-at-once": (SOON, 20),
                "leaves-on-any-commit": (LATER, 40),
                "skips-the-slots": (MET, 40),
                "asks-and-goes-on": (LOGGED, 20),
            },
        )
    )
    + tuple(
        replace(mutant, name=mutant.name.replace("raft/", "rejoin/"))
        for mutant in kin(
            "raft",
            MUTANTS,
            "agreement",
            {
                "raft-active-at-once": (SOON, 20),
                "raft-votes-at-once": (SOON, 40),
                "raft-skips-the-entries": (MET, 40),
                "raft-asks-and-goes-on": (LOGGED, 20),
            },
        )
    )
    + tuple(
        replace(mutant, name=mutant.name.replace("sdpaxos/", "rejoin/"))
        for mutant in kin(
            "sdpaxos",
            MUTANTS,
            "agreement",
            {
                "sdpaxos-active-at-once": (SOON, 20),
                "sdpaxos-skips-the-rows": (SOON, 80),
                "sdpaxos-forgets-its-row": (SOON, 40),
            },
        )
    )
    + tuple(
        replace(mutant, name=mutant.name.replace("paxos/", "rejoin/"))
        for mutant in kin(
            "paxos",
            MUTANTS,
            "agreement",
            {
                "paxos-active-at-once": (ALONE, 20),
                "paxos-skips-the-slots": (TOGETHER, 20),
            },
        )
    )
    + tuple(
        replace(mutant, name=mutant.name.replace("wpaxos/", "rejoin/"))
        for mutant in kin(
            "wpaxos",
            MUTANTS,
            "agreement",
            {"wpaxos-active-at-once": (SOON, 20), "wpaxos-skips-the-slots": (SOON, 40)},
        )
    )
    + tuple(
        replace(mutant, name=mutant.name.replace("mencius/", "rejoin/"))
        for mutant in kin(
            "mencius",
            MUTANTS,
            "agreement",
            {"mencius-active-at-once": (SOON, 20), "mencius-skips-the-slots": (MET, 20)},
        )
    )
)

ELUSIVE = {
    "rejoin/counts-old-promises": "a promise of a former life must come late, after its node has voted"
    " again; tests/protocols/test_multipaxos_rejoining.py plays it step by step",
    "rejoin/active-before-its-era": "a promise of the former life must be under way, and the next leader have heard of"
    " the new one, and not that it was decided; tests/protocols/test_multipaxos_rejoining.py plays it step by step",
    "rejoin/counts-former-members": "a promise of a former life must come late, after its node has voted"
    " again; tests/protocols/test_multipaxos_rejoining.py plays it step by step",
    "rejoin/raft-believes-its-log": "a vote of a former life must come after its server has acknowledged its"
    " next one; tests/protocols/test_raft_rejoining.py plays it step by step",
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
    "rejoin/wpaxos-forgets-its-promises": "a former owner must be deaf to who robbed it while their helper comes back, and"
    " propose again; tests/protocols/test_wpaxos_rejoining.py plays it step by step",
    "rejoin/wpaxos-counts-old-votes": "a vote of a former life must come late, and complete a majority;"
    " tests/protocols/test_wpaxos_rejoining.py plays it step by step",
    "rejoin/raft-counts-copies": "a vote of a former life must win after its server has copied entries;"
    " tests/protocols/test_raft_rejoining.py plays it step by step",
}

__all__ = ["ELUSIVE", "MUTANTS", "ZOO"]
