"""The faults that people ask for by name of node rather than by chance: of the shell, and of ``harness.client``."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import UsageError
from nemesis import disk, packet, partition, process
from nemesis.actions import Fault, Weather

SLOW_MS, FLAKY_PERCENT = 100, 20


def crash(nodes: Sequence[int]) -> Fault:
    return process.kill_nodes("kill", nodes)


def pause(nodes: Sequence[int]) -> Fault:
    return process.pause_nodes("pause", nodes)


def wipe(nodes: Sequence[int]) -> Fault:
    if len(nodes) != 1:
        raise UsageError("it takes one node")
    return disk.wipe_node("wipe", nodes[0])


def drop(nodes: Sequence[int]) -> Fault:
    if len(nodes) != 2 or nodes[0] == nodes[1]:
        raise UsageError("it takes the node that sends and the one that is not to hear it")
    return partition.cut("drop", [(nodes[0], nodes[1])])


def apart(sides: Sequence[Sequence[int]], count: int) -> Fault:
    """These sides do not hear each other, nor whoever of ``count`` nodes is on none of them."""
    named = [node for side in sides for node in side]
    others = [node for node in range(count) if node not in named]
    groups = [list(side) for side in (*sides, others) if side]
    if len(groups) < 2 or len(set(named)) < len(named):
        raise UsageError("each node is on one side, and there is another side")
    return partition.cut("partition", partition.between(groups))


def slow(nodes: Sequence[int], ms: int, count: int) -> Fault:
    return _weather("slow", nodes, Weather(delay_ms=ms), count)


def flaky(nodes: Sequence[int], percent: int, count: int) -> Fault:
    return _weather("flaky", nodes, Weather(loss_permille=10 * percent), count)


def _weather(name: str, nodes: Sequence[int], weather: Weather, count: int) -> Fault:
    """All links from and to these nodes."""
    links = [link for link in packet.all_links(range(count)) if set(link) & {*nodes}]
    return packet.shape(name, links, weather)
