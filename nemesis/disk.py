"""Disk faults: syncs that take their time, power cuts that forget what was not synced, damaged records, no space.

What a correct system survives: it tells nobody of what is not synced yet, drops a torn last record,
and refuses to serve from a disk that lost what was durable (Alagappan et al., "Protocol-Aware Recovery
for Consensus-Based Storage", FAST 2018; Ramos et al., LazyFS, VLDB 2024). It goes on from no write that
failed: it ends, and recovers from what is there (Rebello et al., "Can Applications Recover from fsync
Failures?", ATC 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nemesis.actions import (
    Corrupt,
    Cut,
    Fault,
    FillDisk,
    FreeDisk,
    Kill,
    LoseUnsynced,
    Mend,
    Restore,
    SlowDisk,
    Start,
    Wipe,
)
from nemesis.partition import between, rest
from nemesis.targets import pick

_DRAWN = ("one", "minority", "majority", "all", "leader")
_SYNC_MS = (5, 20, 100, 400)
"""From a busy disk to one that stalls for longer than most time-outs."""


def _drawn(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> tuple[int, ...]:
    return pick(random.choice(_DRAWN), random, nodes, leaders)


def slow(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Syncs take up to 400 ms longer, on any nodes: what follows from a step waits for its sync."""
    some, ms = _drawn(random, nodes, leaders), random.choice(_SYNC_MS)
    return Fault(
        "disk-slow",
        begin=tuple(SlowDisk(node, ms) for node in some),
        end=tuple(SlowDisk(node, 0) for node in some),
    )


def power(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The power fails at any nodes, as often as not at all: what was not synced is gone."""
    some = _drawn(random, nodes, leaders) if random.choice((True, False)) else tuple(nodes)
    begin = tuple(action for node in some for action in (Kill(node), LoseUnsynced(node)))
    return Fault("disk-power", begin, end=tuple(Start(node) for node in some))


def _slow_then_power(name: str, some: Sequence[int], ms: int, *, torn: bool) -> Fault:
    """Slow while the window is open, so that much is under way when the power fails at its end."""
    end = tuple(
        action
        for node in some
        for action in (Kill(node), LoseUnsynced(node, torn), SlowDisk(node, 0), Start(node))
    )
    return Fault(name, begin=tuple(SlowDisk(node, ms) for node in some), end=end)


def lose(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Syncs are slow, then the power fails for a moment while some are under way: all of that is lost."""
    some = _drawn(random, nodes, leaders)
    return _slow_then_power("disk-lose", some, random.choice(_SYNC_MS), torn=False)


def torn(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """As disk-lose, but some of what was under way is there, and of the next record a part."""
    some = _drawn(random, nodes, leaders)
    return _slow_then_power("disk-torn", some, random.choice(_SYNC_MS), torn=True)


def corrupt(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Nodes, fewer than half, restart upon a damaged record: they must not serve until it is restored."""
    some = pick(random.choice(("one", "minority", "leader")), random, nodes, leaders)
    begin = tuple(a for node in some for a in (Kill(node), Corrupt(node), Start(node)))
    end = tuple(a for node in some for a in (Kill(node), Restore(node), Start(node)))
    return Fault("disk-corrupt", begin, end)


ALL_KINDS = (slow, power, lose, torn, corrupt)


def any_kind(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Any of the kinds of disk fault below, each in its turn."""
    return random.choice(ALL_KINDS)(random, nodes, leaders)


# --- no space: asked for by name, so that plans of ``disk`` are what they were ----------------------

_LEFT_BYTES = (0, 0, 20, 40)
"""Less than a node's first record of an incarnation: who is started meanwhile ends again."""


def _full(
    name: str, target: str, random: Random, nodes: Sequence[int], leaders: Sequence[int]
) -> Fault:
    some, left_bytes = pick(target, random, nodes, leaders), random.choice(_LEFT_BYTES)
    killed = some if random.choice((True, False)) else ()
    return Fault(
        name,
        begin=tuple(FillDisk(node, left_bytes) for node in some),
        end=(*map(Kill, killed), *map(FreeDisk, some), *map(Start, some)),
    )


def full(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """One node's disk is full: no write succeeds until the window ends. Then it is started, if it ended.

    As often as not it is killed before: what it told of in between is on the disk, or it is lost.
    """
    return _full("disk-full", "one", random, nodes, leaders)


def full_minority(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The disks of some nodes, fewer than half, are full at once: the others go on."""
    return _full("disk-full-minority", "minority", random, nodes, leaders)


def full_majority(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The disks of more than half of the nodes are full at once: nothing can be decided."""
    return _full("disk-full-majority", "majority", random, nodes, leaders)


def full_all(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """All disks are full at once, as where one log fills them all: nothing can be persisted."""
    return _full("disk-full-all", "all", random, nodes, leaders)


def full_leader(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The disk of a node that believes to lead is full (of any node, where nobody does)."""
    return _full("disk-full-leader", "leader", random, nodes, leaders)


# --- a disk that is gone for good: asked for by name, since few protocols live without it ----------


def wipe_node(name: str, node: int) -> Fault:
    """The node dies, its disk is replaced by an empty one, and it starts again."""
    return Fault(name, begin=(Kill(node), Wipe(node)), end=(Start(node),))


def wipe(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:  # noqa: ARG001
    """The last node starts again upon an empty disk: always that one, so that the others can do without."""
    return wipe_node("wipe", nodes[-1])


def wipe_leader(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """A node that believes to lead starts again upon an empty disk (any node, where nobody does).

    Each window may hit another: without a way back a cluster of 5 is through with the third.
    """
    return wipe_node("wipe-leader", *pick("leader", random, nodes, leaders))


def wipe_majority(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The least majority is cut off from a leader, and the last node, in it, starts again upon an empty
    disk: what that node and the leader's side alone had decided, the others could not tell.
    """
    lost = nodes[-1]
    (led,) = pick("leader", random, nodes, leaders)
    if led == lost and len(nodes) > 1:
        led = random.choice(nodes[:-1])
    others = [node for node in nodes if node not in (lost, led)]
    some = [lost, *random.sample(others, min(len(others), len(nodes) // 2))]
    links = tuple(sorted(between([some, rest(nodes, some)])))
    begin = (Cut(links), Kill(lost), Wipe(lost), Start(lost))
    return Fault("wipe-majority", begin, end=(Mend(links),))
