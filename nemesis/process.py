"""Process faults: kill -9 and restart, SIGSTOP and SIGCONT, of the nodes that a target names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random

from nemesis.actions import Fault, Kill, Pause, Resume, Start
from nemesis.targets import pick


def kill_nodes(name: str, nodes: Sequence[int]) -> Fault:
    return Fault(name, begin=tuple(Kill(n) for n in nodes), end=tuple(Start(n) for n in nodes))


def pause_nodes(name: str, nodes: Sequence[int]) -> Fault:
    return Fault(name, begin=tuple(Pause(n) for n in nodes), end=tuple(Resume(n) for n in nodes))


def _kill(target: str, random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    return kill_nodes(f"kill-{target}", pick(target, random, nodes, leaders))


def _pause(target: str, random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    return pause_nodes(f"pause-{target}", pick(target, random, nodes, leaders))


kill_one = partial(_kill, "one")
kill_minority = partial(_kill, "minority")
kill_majority = partial(_kill, "majority")
kill_all = partial(_kill, "all")
kill_leader = partial(_kill, "leader")

pause_one = partial(_pause, "one")
pause_minority = partial(_pause, "minority")
pause_majority = partial(_pause, "majority")
pause_all = partial(_pause, "all")
pause_leader = partial(_pause, "leader")

_DRAWN = ("one", "minority", "majority", "all", "leader")


def kill(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Kill the nodes of some target."""
    return _kill(random.choice(_DRAWN), random, nodes, leaders)


def pause(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Pause the nodes of some target."""
    return _pause(random.choice(_DRAWN), random, nodes, leaders)
