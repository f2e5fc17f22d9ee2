"""Symbolic targets: which nodes are "one", "minority", "majority", "all", "leader" or "primaries" now.

Resolved when a window opens, with the trial's seeded stream, so that the same seed aims at the same
nodes as long as the same nodes lead. (The words are those of Jepsen's ``nemesis.combined``.)
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

TARGETS = ("one", "minority", "majority", "all", "leader", "primaries")


def pick(
    target: str, random: Random, nodes: Sequence[int], leaders: Sequence[int]
) -> tuple[int, ...]:
    """The nodes that ``target`` names, ascending and never none.

    - ``minority``: some, at most ``(n - 1) // 2``, but at least one;
    - ``majority``: ``n // 2 + 1`` or more, never all unless n < 3;
    - ``leader``: one of those that believe to lead; ``primaries``: all of them. Where nobody says
      that it leads, any one node: a leaderless protocol has no better target.

    Raises ValueError for another word, or if there are no nodes.

    >>> pick("all", Random(1), (0, 1, 2), ())
    (0, 1, 2)
    """
    if not nodes:
        raise ValueError("a fault needs at least one node")
    n = len(nodes)
    known = [node for node in leaders if node in nodes]
    match target:
        case "one":
            chosen = [random.choice(nodes)]
        case "minority":
            chosen = random.sample(nodes, random.randint(1, max(1, (n - 1) // 2)))
        case "majority":
            least = n // 2 + 1
            chosen = random.sample(nodes, random.randint(least, max(least, n - 1)))
        case "all":
            chosen = list(nodes)
        case "leader":
            chosen = [random.choice(known or nodes)]
        case "primaries":
            chosen = known or [random.choice(nodes)]
        case _:
            raise ValueError(f"no target is called {target!r}: there are {', '.join(TARGETS)}")
    return tuple(sorted(chosen))


def pick_zone(
    random: Random, nodes: Sequence[int], zones: Sequence[str]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The nodes of one zone, and all others. ``zones`` has each node's, by its number.

    Raises ValueError where not all zones are known, or all nodes are in one.

    >>> pick_zone(Random(1), (0, 1, 2, 3), ("eu", "us", "eu", "us"))
    ((0, 2), (1, 3))
    """
    if not nodes or max(nodes) >= len(zones) or not all(zones[node] for node in nodes):
        raise ValueError("a fault of a zone needs to know the zone of every node")
    named = sorted({zones[node] for node in nodes})
    if len(named) < 2:
        raise ValueError(f"a fault of a zone needs nodes in two zones; all are in {named[0]}")
    chosen = random.choice(named)
    inside = tuple(node for node in nodes if zones[node] == chosen)
    return inside, tuple(node for node in nodes if zones[node] != chosen)
