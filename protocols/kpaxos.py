"""KPaxos: statically partitioned Paxos; ranges of keys, each led from where it is said to be used.

The baseline of Ailijiang, Charapko, Demirbas, Kosar, "WPaxos: Wide Area Network Flexible
Consensus", TPDS 31(1), 2020, section 5 (*key-partitioned Paxos*): every range of keys has a
multi-Paxos of its own over all nodes (Lamport, "The Part-Time Parliament", TOCS 16(2), 1998), whose
leader is a node near the range's clients, for ever: nothing adapts when they move.

Ranges are of the number that a key ends in (:mod:`protocols.keymap`), ``width`` keys to each, dealt
to the groups in turn. Where nodes are of several zones there is a group for each zone, led by the
zone's first node; else one for each node. Options: ``groups``, ``width`` (default 1), and those of
multi-Paxos for each group.

**Departures.** Those of :mod:`protocols.groups`, whose replica this is, with another map and other
leaders. And a range whose leader is down is led by another node, as Paxos is; the paper's baseline
has no need of it.

**Assumes** what multi-Paxos does: loss, duplication and reordering are tolerated, disks are kept,
clocks are not used.
"""

from __future__ import annotations

from protocols.groups import PaxosGroups
from protocols.kernel import NodeId
from protocols.keymap import KeyMap


class KPaxos(PaxosGroups):
    """See the module. Options: ``groups``, ``width``, and multi-Paxos' own."""

    def key_map(self) -> KeyMap:
        return KeyMap(
            self.cluster.number("groups", len(self.homes())), self.cluster.number("width", 1)
        )

    def homes(self) -> tuple[NodeId, ...]:
        """The nodes that ranges are led from, in turn: the first of each zone, or all."""
        zones = self.cluster.zones
        first = {zone: node for node, zone in reversed([*zip(self.nodes, zones, strict=False)])}
        return tuple(sorted(first.values())) if len(first) > 1 else self.nodes

    def preferred(self, number: int) -> NodeId:
        homes = self.homes()
        return homes[number % len(homes)]
