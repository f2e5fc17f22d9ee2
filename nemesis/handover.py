"""Faults of leadership: it moves to another node, since an administrator asks for it.

By itself that breaks nothing. But who led does not know how long its word counts now, and who is asked to lead may
lack what was decided: reads by leases, reads that confirm nothing, and commands that were taken and not proposed
are what this is for, above all where links are slow or cut meanwhile. It is asked for until the heir is seen to
lead, or the window ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nemesis.actions import Cut, Fault, Lead, Mend
from nemesis.targets import pick


def handover(
    random: Random,
    nodes: Sequence[int],
    leaders: Sequence[int],
    members: Sequence[int],
    down: Sequence[int],
) -> Fault:
    """The leader is asked to hand over to another node, one that lives if there is any."""
    return Fault("handover", (_heir(random, nodes, leaders, members, down),), ())


def deaf(
    random: Random,
    nodes: Sequence[int],
    leaders: Sequence[int],
    members: Sequence[int],
    down: Sequence[int],
) -> Fault:
    """The leader hears no other node any more, and is asked to hand over: of the next one it does not learn."""
    (old,) = pick("leader", random, nodes, leaders)
    links = tuple((node, old) for node in nodes if node != old)
    if not links:
        raise ValueError("handover-deaf needs at least two nodes")
    heir = _heir(random, nodes, {*leaders, old}, members, down)
    return Fault("handover-deaf", (Cut(links), heir), (Mend(links),))


def _heir(
    random: Random,
    nodes: Sequence[int],
    leaders: Sequence[int] | set[int],
    members: Sequence[int],
    down: Sequence[int],
) -> Lead:
    others = [node for node in members if node not in leaders] or list(members or nodes)
    return Lead(random.choice([node for node in others if node not in down] or others))
