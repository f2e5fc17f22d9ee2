"""Process faults: kill -9 and restart, SIGSTOP and SIGCONT, of the nodes that a target names."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nemesis.actions import Fault, Kill, Pause, Resume, Start
from nemesis.targets import pick, pick_zone

_DRAWN = ("one", "minority", "majority", "all", "leader")


def kill_nodes(name: str, nodes: Sequence[int]) -> Fault:
    return Fault(name, begin=tuple(Kill(n) for n in nodes), end=tuple(Start(n) for n in nodes))


def pause_nodes(name: str, nodes: Sequence[int]) -> Fault:
    return Fault(name, begin=tuple(Pause(n) for n in nodes), end=tuple(Resume(n) for n in nodes))


def _kill(target: str, random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    return kill_nodes(f"kill-{target}", pick(target, random, nodes, leaders))


def _pause(target: str, random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    return pause_nodes(f"pause-{target}", pick(target, random, nodes, leaders))


def kill(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Any of the kinds of kill below, each in its turn."""
    return _kill(random.choice(_DRAWN), random, nodes, leaders)


def pause(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Any of the kinds of pause below, each in its turn."""
    return _pause(random.choice(_DRAWN), random, nodes, leaders)


def kill_one(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """One node dies (kill -9), and starts again from what it persisted."""
    return _kill("one", random, nodes, leaders)


def kill_minority(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Some nodes, fewer than half, die at once: the others go on."""
    return _kill("minority", random, nodes, leaders)


def kill_majority(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """More than half of the nodes die at once: nothing can be decided until they are back."""
    return _kill("majority", random, nodes, leaders)


def kill_all(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """All nodes die at once, as in a power cut: only what is on disk is left."""
    return _kill("all", random, nodes, leaders)


def kill_leader(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """A node that believes to lead dies (any node, where nobody does)."""
    return _kill("leader", random, nodes, leaders)


def pause_one(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """SIGSTOP of one node: it does not see the time that passes."""
    return _pause("one", random, nodes, leaders)


def pause_minority(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Some nodes, fewer than half, stand still."""
    return _pause("minority", random, nodes, leaders)


def pause_majority(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """More than half of the nodes stand still, and wake with old messages before them."""
    return _pause("majority", random, nodes, leaders)


def pause_all(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """All nodes stand still: when they wake, every time-out is over at once."""
    return _pause("all", random, nodes, leaders)


def pause_leader(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """A leader stands still, and wakes believing that it still leads."""
    return _pause("leader", random, nodes, leaders)


def kill_zone(
    random: Random, nodes: Sequence[int], _leaders: Sequence[int], zones: Sequence[str]
) -> Fault:
    """All nodes of a zone (a data centre, a region) die at once, and start again."""
    return kill_nodes("kill-zone", pick_zone(random, nodes, zones)[0])
