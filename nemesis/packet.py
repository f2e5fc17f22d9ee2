"""Packet faults: links that are slow, unsteady, lossy, or say things twice.

Sizes are drawn between a fifth of Jepsen's (delay 50 ms, loss 20 %; ``net/proto.clj``) and a few
times that, so that some are shorter and some are longer than a protocol's time-outs.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nemesis.actions import CLEAR, Fault, Link, Shape, Weather
from nemesis.targets import pick


def shape(name: str, links: Sequence[Link], weather: Weather) -> Fault:
    """The fault that gives these links this weather. Raises ValueError if there are none."""
    if not links:
        raise ValueError(f"{name} needs at least two nodes")
    ordered = tuple(sorted(set(links)))
    return Fault(name, begin=(Shape(ordered, weather),), end=(Shape(ordered, CLEAR),))


def all_links(nodes: Sequence[int]) -> list[Link]:
    return [(a, b) for a in nodes for b in nodes if a != b]


def delay(random: Random, nodes: Sequence[int], _leaders: Sequence[int]) -> Fault:
    """Every link is slower by the same time."""
    weather = Weather(delay_ms=random.choice((20, 50, 100, 200)))
    return shape("packet-delay", all_links(nodes), weather)


def jitter(random: Random, nodes: Sequence[int], _leaders: Sequence[int]) -> Fault:
    """Every link delays each packet by another time, so that packets overtake each other."""
    ms = random.choice((20, 50, 100))
    return shape("packet-jitter", all_links(nodes), Weather(delay_ms=ms, jitter_ms=ms * 4 // 5))


def loss(random: Random, nodes: Sequence[int], _leaders: Sequence[int]) -> Fault:
    """Every link loses some of its packets."""
    weather = Weather(loss_permille=random.choice((50, 100, 200, 300)))
    return shape("packet-loss", all_links(nodes), weather)


def duplicate(random: Random, nodes: Sequence[int], _leaders: Sequence[int]) -> Fault:
    """Every link brings some of its packets twice."""
    weather = Weather(duplicate_permille=random.choice((100, 300, 500)))
    return shape("packet-duplicate", all_links(nodes), weather)


def slow_node(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """All links to and from one node (as often as not a leader) are slow and unsteady."""
    (slow,) = pick(random.choice(("one", "leader")), random, nodes, leaders)
    ms = random.choice((50, 100, 200))
    links = [link for link in all_links(nodes) if slow in link]
    return shape("packet-slow-node", links, Weather(delay_ms=ms, jitter_ms=ms // 5))


def slow_link(random: Random, nodes: Sequence[int], _leaders: Sequence[int]) -> Fault:
    """One link, one way, is slow and lossy."""
    links = all_links(nodes)
    chosen = [random.choice(links)] if links else []
    ms = random.choice((50, 100, 200))
    weather = Weather(delay_ms=ms, jitter_ms=ms // 5, loss_permille=100)
    return shape("packet-slow-link", chosen, weather)


ALL_KINDS = (delay, jitter, loss, duplicate, slow_node, slow_link)


def any_kind(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Any of the kinds of packet fault below, each in its turn."""
    return random.choice(ALL_KINDS)(random, nodes, leaders)
