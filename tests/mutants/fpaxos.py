"""Flexible Paxos broken on purpose. N-n are those of PROTOCOLS.md, section 5."""

from __future__ import annotations

from protocols.fpaxos import FPaxos
from protocols.kernel import Cluster
from protocols.quorum_systems import QuorumSystem, by_zones, count, fgrid, mask_of


class DoNotMeet(FPaxos):
    """N1: of n nodes a quorum of phase 1 and one of phase 2 are n together, and need not meet."""

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        n = len(cluster.nodes)
        return count(cluster.nodes, n // 2 + 1, n - n // 2 - 1)


class WrongAxis(FPaxos):
    """N2: a grid whose both phases ask for all nodes of any one zone, columns and no rows."""

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        half = len(cluster.nodes) // 2
        zones = [mask_of(cluster.nodes[:half]), mask_of(cluster.nodes[half:])]
        sizes = [zone.bit_count() for zone in zones]
        return by_zones(zones, sizes, 1, sizes, 1)


class OneZoneShort(FPaxos):
    """A flexible grid whose phase 1 leaves out a zone more than phase 2 allows for."""

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        zones = [
            mask_of(cluster.nodes[:1]),
            mask_of(cluster.nodes[1:2]),
            mask_of(cluster.nodes[2:]),
        ]
        honest = fgrid(zones, 0)
        return QuorumSystem("short", honest.nodes, fgrid(zones, 1).first, honest.second)


MUTANTS: dict[str, type[FPaxos]] = {
    "do-not-meet": DoNotMeet,
    "wrong-axis": WrongAxis,
    "one-zone-short": OneZoneShort,
}
