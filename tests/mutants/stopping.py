"""Replicas that stay safe because they stop: what only a demand for progress can see.

Not in every run: each works until a fault comes, and for ever after looks, to every safety check,
as if nobody had asked it anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.abd import ABD
from protocols.kernel import Cluster, Json, NodeId
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.leadership import Campaign


class NeverReelects(MultiPaxos):
    """Elections are for the founding of a cluster; who has once seen a leader never runs again.

    The mark that a cluster is founded is durable, as etcd's data directory is, and so a restart does
    not help either.
    """

    founded = False

    def on_start(self, durable: Mapping[str, Json]) -> None:
        super().on_start(durable)
        self.founded = bool(durable.get("founded"))

    def follow(self, node: NodeId) -> None:
        self.found()
        super().follow(node)

    def take_office(self, campaign: Campaign) -> None:
        self.found()
        super().take_office(campaign)

    def found(self) -> None:
        if not self.founded:
            self.founded = True
            self.persist("founded", True)

    def watch(self) -> None:
        if self.leadership is not None or not self.founded:
            super().watch()


class NeverRetransmits(ABD):
    """Nothing is sent again, and what was lost keeps its place among the requests under way.

    A partition fills the places, and from then on every request is refused: a leak, as of
    connections in a pool whose time-out nobody set.
    """

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.places = 4

    def retransmit_later(self) -> None:
        self.pending_max = self.places


MUTANTS: dict[str, type[MultiPaxos | ABD]] = {
    "never-reelects": NeverReelects,
    "never-retransmits": NeverRetransmits,
}
