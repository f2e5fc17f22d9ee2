"""Partitions: which links are cut, so that the nodes see different parts of the cluster.

The shapes are Jepsen's (halves, a node alone, a bridge, a ring of majorities), and one-way cuts,
which Jepsen's grudges can say but its packages do not draw. The ring and the bridge are what a
protocol that trusts "I see a majority, so we all see the same one" does not survive.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nemesis.actions import Cut, Fault, Link, Mend
from nemesis.targets import pick, pick_zone


def cut(name: str, links: Sequence[Link]) -> Fault:
    """The fault that cuts these links and mends them. Raises ValueError if there are none."""
    if not links:
        raise ValueError(f"{name} needs at least two nodes")
    ordered = tuple(sorted(set(links)))
    return Fault(name, begin=(Cut(ordered),), end=(Mend(ordered),))


def between(groups: Sequence[Sequence[int]]) -> list[Link]:
    """All links, both ways, between nodes of different groups.

    >>> between([[0], [1, 2]])
    [(0, 1), (0, 2), (1, 0), (2, 0)]
    """
    return [(a, b) for i, ga in enumerate(groups) for a in ga
            for j, gb in enumerate(groups) if i != j for b in gb]  # fmt: skip


def rest(nodes: Sequence[int], some: Sequence[int]) -> list[int]:
    return [node for node in nodes if node not in some]


def halves(random: Random, nodes: Sequence[int], _leaders: Sequence[int]) -> Fault:
    """A random half (the smaller, if n is odd) and the others do not see each other."""
    some = random.sample(nodes, len(nodes) // 2)
    return cut("partition-halves", between([some, rest(nodes, some)]))


def one(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """One node is alone."""
    alone = pick("one", random, nodes, leaders)
    return cut("partition-one", between([alone, rest(nodes, alone)]))


def minority(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Each node of a minority is alone, the others are together."""
    some = pick("minority", random, nodes, leaders)
    return cut("partition-minority", between([*([node] for node in some), rest(nodes, some)]))


def leader(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """A leader is on the smaller side, alone or with followers who still believe in it."""
    (chosen,) = pick("leader", random, nodes, leaders)
    others = rest(nodes, [chosen])
    company = random.sample(others, random.randint(0, max(0, (len(nodes) - 1) // 2 - 1)))
    small = [chosen, *company]
    return cut("partition-leader", between([small, rest(nodes, small)]))


def majorities_ring(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Each node hears a majority, no two nodes the same one: n nodes on a shuffled ring.

    A node hears the ``n // 2 + 1`` nodes around its own place. With an odd majority (n = 4, 5, 8, 9)
    that is mutual; else the ring turns one way. Two nodes have only one majority: there it is halves.
    """
    n = len(nodes)
    if n < 3:
        return halves(random, nodes, leaders)
    ring = random.sample(nodes, n)
    majority = n // 2 + 1
    links: list[Link] = []
    for place, dst in enumerate(ring):
        first = place - majority // 2
        heard = [ring[(first + i) % n] for i in range(majority)]
        links += [(src, dst) for src in rest(nodes, heard)]
    return cut("partition-majorities-ring", links)


def bridge(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Two sides that do not see each other, and one node that sees both. Two nodes: halves."""
    n = len(nodes)
    if n < 3:
        return halves(random, nodes, leaders)
    _, *others = random.sample(nodes, n)
    middle = len(others) // 2
    return cut("partition-bridge", between([others[:middle], others[middle:]]))


def one_way(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Some nodes are mute (nothing of theirs arrives at the others) or deaf (the reverse).

    They are a leader, any one node, or half of all.
    """
    which = random.choice(("leader", "one", "half"))
    if which == "half":
        some: Sequence[int] = random.sample(nodes, len(nodes) // 2)
    else:
        some = pick(which, random, nodes, leaders)
    others = rest(nodes, some)
    mute = random.choice((True, False))
    links = [(a, b) if mute else (b, a) for a in some for b in others]
    return cut("partition-one-way", links)


def zone(
    random: Random, nodes: Sequence[int], _leaders: Sequence[int], zones: Sequence[str]
) -> Fault:
    """A zone (a data centre, a region) and all others do not see each other."""
    return cut("partition-zone", between(pick_zone(random, nodes, zones)))


ALL_KINDS = (halves, one, minority, leader, majorities_ring, bridge, one_way)


def any_kind(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Any of the kinds of partition below, each in its turn."""
    return random.choice(ALL_KINDS)(random, nodes, leaders)
