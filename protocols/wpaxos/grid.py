"""The flexible grid of a cluster: which zone a node is in, and the quorums of both phases.

Ailijiang 2020, section 2: see the package for which grid is chosen when.
"""

from __future__ import annotations

from typing import cast

from protocols.kernel import Cluster, Json, NodeId, record
from protocols.policies import Place
from protocols.quorum_systems import QuorumSystem, fgrid, zones_of

ENOUGH = 3
"""Nodes in a zone from which on it outlives a crash."""


@record
class Grid:
    """``zones`` are masks; a node's place is its zone's number."""

    zones: tuple[int, ...]
    quorums: QuorumSystem

    def place(self, node: NodeId) -> Place:
        return next(k for k, zone in enumerate(self.zones) if zone >> node & 1)


def grid_of(cluster: Cluster) -> Grid:
    """Raises ValueError for ``fz`` or ``f`` that leave no quorum.

    >>> grid_of(Cluster((0, 1, 2, 3, 4))).quorums.name
    'fgrid:2'
    >>> grid_of(Cluster(tuple(range(6)), ("eu", "us") * 3)).quorums.name
    'fgrid:0'
    """
    fz, f = (_number(cluster.options.get(name)) for name in ("fz", "f"))
    zones = zones_of(cluster) if cluster.zones else []
    if fz is not None and zones:
        return _grid(zones, fz, f)
    if zones and min(zone.bit_count() for zone in zones) >= ENOUGH:
        return _grid(zones, 0, f)
    single = [1 << node for node in cluster.nodes]
    return _grid(single, (len(single) - 1) // 2 if fz is None else fz, f)


def _number(value: Json) -> int | None:
    return None if value is None else int(cast("int | str", value))


def _grid(zones: list[int], fz: int, f: int | None) -> Grid:
    return Grid(tuple(zones), fgrid(zones, fz, f))
