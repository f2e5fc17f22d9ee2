"""Quorum systems: which sets of nodes may decide in each of the two phases, as values.

What Paxos needs is that each quorum of phase 1 meets each quorum of phase 2; two of the same phase
need not meet (Howard, Malkhi, Spiegelman, "Flexible Paxos: Quorum Intersection Revisited", OPODIS
2016, section 3). A set of nodes is a mask here: bit k stands for node k.

    majority           more than half, in both phases
    all                one node in phase 1, every node in phase 2
    count:Q1,Q2        any Q1 nodes, any Q2 nodes
    fast               a majority, and EPaxos' fast quorum (Moraru 2013, section 4.3)
    grid               one node in every zone; all nodes of any one zone
    fgrid:FZ           a majority in all zones but FZ; a majority in FZ+1 zones
    fgrid:FZ,F         F+1 nodes in all zones but FZ; all but F nodes in FZ+1 zones
    zone-majority      fgrid:0, so that phase 2 is a majority of any one zone

The grids are of Ailijiang, Charapko, Demirbas and Kosar, "WPaxos", arXiv 1703.08905, section 2.
A command that ``fgrid:FZ`` committed is in FZ+1 zones, so that FZ whole zones may be lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Protocol

from protocols.kernel import Cluster, NodeId, record
from protocols.quorums import fast, majority


def mask_of(nodes: Sequence[NodeId]) -> int:
    """
    >>> bin(mask_of([0, 3]))
    '0b1001'
    """
    mask = 0
    for node in nodes:
        mask |= 1 << node
    return mask


def members(mask: int) -> tuple[NodeId, ...]:
    """The nodes of a mask, ascending.

    >>> members(0b1001)
    (0, 3)
    """
    return tuple(node for node in range(mask.bit_length()) if mask >> node & 1)


@record
class Rule:
    """At least ``needed`` of these groups have at least as many nodes as is said beside each.

    ``groups`` are (mask, number) and do not overlap. A plain count is one group, of all.
    """

    groups: tuple[tuple[int, int], ...]
    needed: int

    def holds(self, nodes: int) -> bool:
        """Whether these nodes have a quorum among them."""
        needed = self.needed
        for mask, number in self.groups:
            if (nodes & mask).bit_count() >= number:
                needed -= 1
                if not needed:
                    return True
        return needed <= 0


class Quorums(Protocol):
    """What a proposer asks of sets of nodes."""

    def phase1(self, nodes: int) -> bool:
        """Whether promises of these nodes make a leader."""
        ...

    def phase2(self, nodes: int) -> bool:
        """Whether votes of these nodes choose a command."""
        ...


@record
class QuorumSystem:
    """A rule for each phase, of the nodes of one cluster. ``name`` is as in the module's table."""

    name: str
    nodes: int
    first: Rule
    second: Rule

    def phase1(self, nodes: int) -> bool:
        """Whether promises of these nodes make a leader."""
        return self.first.holds(nodes)

    def phase2(self, nodes: int) -> bool:
        """Whether votes of these nodes choose a command."""
        return self.second.holds(nodes)

    def disjoint(self) -> tuple[int, int] | None:
        """A quorum of phase 1 and one of phase 2 without a common node, if there are such.

        Both rules see of a set only how many nodes it has in each group. So one set for each such
        combination is enough, and the rest of the nodes is the other's best chance.
        """
        cells = [one & other for one, _ in self.first.groups for other, _ in self.second.groups]
        parts = [
            [mask_of(members(cell)[:size]) for size in range(cell.bit_count() + 1)]
            for cell in cells
        ]
        for chosen in product(*parts):
            nodes = sum(chosen)
            if self.first.holds(nodes) and self.second.holds(self.nodes & ~nodes):
                return shrunk(self.first, nodes), shrunk(self.second, self.nodes & ~nodes)
        return None

    def intersects(self) -> str | None:
        """None if every quorum of phase 1 meets every one of phase 2; else why not, by example.

        >>> count((0, 1, 2, 3), 2, 2).intersects()
        'n1, n2 is a quorum of phase 1, n3, n4 one of phase 2, and no node is in both'
        """
        found = self.disjoint()
        if found is None:
            return None
        one, other = (", ".join(f"n{node + 1}" for node in members(mask)) for mask in found)
        return f"{one} is a quorum of phase 1, {other} one of phase 2, and no node is in both"


def shrunk(rule: Rule, nodes: int) -> int:
    """A minimal quorum among these."""
    for node in reversed(members(nodes)):
        if rule.holds(nodes & ~(1 << node)):
            nodes &= ~(1 << node)
    return nodes


# --- the systems ----------------------------------------------------------------------------------


def count(nodes: Sequence[NodeId], one: int, two: int) -> QuorumSystem:
    """Any ``one`` nodes in phase 1, any ``two`` in phase 2. They meet if one + two > n."""
    everyone = mask_of(nodes)
    rules = (Rule(((everyone, size),), 1) for size in (one, two))
    return QuorumSystem(f"count:{one},{two}", everyone, *rules)


def by_majority(nodes: Sequence[NodeId]) -> QuorumSystem:
    return named("majority", count(nodes, majority(len(nodes)), majority(len(nodes))))


def by_zones(
    zones: Sequence[int], one: Sequence[int], needed1: int, two: Sequence[int], needed2: int
) -> QuorumSystem:
    """Zones are masks. Phase 1: ``one[k]`` nodes of zone k, in ``needed1`` zones; so for phase 2."""
    return QuorumSystem(
        "zones",
        sum(zones),
        Rule(tuple(zip(zones, one, strict=True)), needed1),
        Rule(tuple(zip(zones, two, strict=True)), needed2),
    )


def fgrid(zones: Sequence[int], fz: int, f: int | None = None) -> QuorumSystem:
    """WPaxos' flexible grid: see the module. They share a zone, and in it a node.

    Raises ValueError for ``fz`` or ``f`` that leave no quorum.
    """
    sizes = [zone.bit_count() for zone in zones]
    if not 0 <= fz < len(zones):
        raise ValueError(f"fgrid:{fz}: of {len(zones)} zones 0 to {len(zones) - 1} may be lost")
    if f is not None and not 0 <= f < min(sizes):
        raise ValueError(f"fgrid:{fz},{f}: the smallest zone has {min(sizes)} nodes")
    one = [majority(size) if f is None else f + 1 for size in sizes]
    two = [majority(size) if f is None else size - f for size in sizes]
    made = by_zones(zones, one, len(zones) - fz, two, fz + 1)
    return named(f"fgrid:{fz}" if f is None else f"fgrid:{fz},{f}", made)


def grid(zones: Sequence[int]) -> QuorumSystem:
    """Phase 1 a row (a node of every zone), phase 2 a column (all of one zone): fgrid:0,0."""
    return named("grid", fgrid(zones, 0, 0))


def named(name: str, system: QuorumSystem) -> QuorumSystem:
    return QuorumSystem(name, system.nodes, system.first, system.second)


def zones_of(cluster: Cluster) -> list[int]:
    """The masks of a cluster's zones, in the order in which they are first named.

    Raises ValueError where there are no zones.
    """
    if not cluster.zones:
        raise ValueError("this quorum system goes by zones, and the nodes have none (see --zones)")
    masks: dict[str, int] = {}
    for node, zone in zip(cluster.nodes, cluster.zones, strict=True):
        masks[zone] = masks.get(zone, 0) | 1 << node
    return list(masks.values())


def parse(text: str, cluster: Cluster) -> QuorumSystem:
    """The quorum system that ``text`` names, for these nodes and zones. Says nothing on whether its
    quorums meet. Raises ValueError for what is not in the module's table, or cannot be here.
    """
    nodes, (name, _, rest) = cluster.nodes, text.partition(":")
    try:
        sizes = [int(word) for word in rest.split(",")] if rest else []
    except ValueError:
        raise ValueError(f"quorum={text}: {rest!r} are not numbers") from None
    match name, sizes:
        case "majority", []:
            return by_majority(nodes)
        case "all", []:
            return named("all", count(nodes, 1, len(nodes)))
        case "fast", []:
            return named("fast", count(nodes, majority(len(nodes)), fast(len(nodes))))
        case "count", [one, two]:
            if not (1 <= one <= len(nodes) and 1 <= two <= len(nodes)):
                raise ValueError(f"quorum={text}: there are {len(nodes)} nodes")
            return count(nodes, one, two)
        case "grid", []:
            return grid(zones_of(cluster))
        case "zone-majority", []:
            return named("zone-majority", fgrid(zones_of(cluster), 0))
        case "fgrid", [fz]:
            return fgrid(zones_of(cluster), fz)
        case "fgrid", [fz, f]:
            return fgrid(zones_of(cluster), fz, f)
    raise ValueError(
        f"quorum={text}: it is one of majority, all, fast, count:Q1,Q2, grid, fgrid:FZ, "
        "fgrid:FZ,F, zone-majority"
    )
