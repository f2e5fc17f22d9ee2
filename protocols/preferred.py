"""Where a leader had better be: one node named by an option, for wide-area set-ups.

A preference costs nothing and promises nothing: the node that is preferred stands for election as soon
as it starts for the first time, while the others look for signs of life first. After that whoever
wins leads.
"""

from __future__ import annotations

from protocols.kernel import Cluster, NodeId


def preferred(cluster: Cluster, option: str = "leader") -> NodeId | None:
    """The node that ``option`` names, as n1, n2, ... or by its zone (its first node); None if not given.

    Raises ValueError for one that there is not.

    >>> five = Cluster((0, 1, 2), ("eu", "us", "us"), options={"leader": "us"})
    >>> preferred(five), preferred(Cluster((0, 1, 2), options={"leader": "n3"}))
    (1, 2)
    """
    given = str(cluster.options.get(option, ""))
    if not given:
        return None
    zones = dict(zip(cluster.nodes, cluster.zones, strict=False))
    for node in cluster.nodes:
        if given in (f"n{node + 1}", zones.get(node)):
            return node
    known = [f"n{node + 1}" for node in cluster.nodes] + list(dict.fromkeys(cluster.zones))
    raise ValueError(f"{option}={given}: it is one of {', '.join(known)}")
