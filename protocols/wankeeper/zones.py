"""Which zones there are, whose nodes run each, and where each is led from."""

from __future__ import annotations

from protocols.kernel import Cluster, NodeId, record


@record
class Zone:
    """A zone, and the nodes that its group is of; ``home`` leads it at first."""

    name: str
    home: NodeId
    nodes: tuple[NodeId, ...]


def zones_of(cluster: Cluster) -> tuple[Zone, ...]:
    """The cluster's zones, in the order of their first nodes.

    Where none are given, all nodes are in one place, and a zone is but a home: the first
    ``zones`` (3) nodes are one each, and each group is of all nodes.

    >>> [z.nodes for z in zones_of(Cluster((0, 1, 2, 3), zones=("us", "eu", "us", "eu")))]
    [(0, 2), (1, 3)]
    >>> [(z.home, z.nodes) for z in zones_of(Cluster((0, 1), options={"zones": 2}))]
    [(0, (0, 1)), (1, (0, 1))]
    """
    members: dict[str, list[NodeId]] = {}
    for node, name in zip(cluster.nodes, cluster.zones, strict=False):
        members.setdefault(name, []).append(node)
    if len(members) > 1:
        return tuple(Zone(name, nodes[0], tuple(nodes)) for name, nodes in members.items())
    homes = cluster.nodes[: cluster.number("zones", 3)]
    return tuple(Zone(f"n{node + 1}", node, cluster.nodes) for node in homes)


def zone_of(node: NodeId, zones: tuple[Zone, ...]) -> int:
    """The place in ``zones`` of the one whose clients this node serves.

    >>> two = zones_of(Cluster((0, 1, 2), options={"zones": 2}))
    >>> [zone_of(node, two) for node in (0, 1, 2)]
    [0, 1, 0]
    """
    within = [i for i, zone in enumerate(zones) if node in zone.nodes]
    return within[zones[0].nodes.index(node) % len(within)] if len(within) > 1 else within[0]
