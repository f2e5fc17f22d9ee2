"""Replicas that vote again though their disk is gone: a node whose disk was replaced starts as a new one.

P-5 of PROTOCOLS.md: Paxi's followers restart empty, and 4 of 10 keys came out wrong. What the node has
voted for was perhaps decisive, and now there is a majority that has never heard of it.
"""

from __future__ import annotations

from protocols.abd import ABD
from protocols.kernel import Cluster
from protocols.multipaxos import MultiPaxos
from protocols.paxos import Paxos


class AmnesiacABD(ABD):
    """A replica that has lost its disk answers with nothing, where it had acknowledged a value."""

    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:
        return True

    def on_lost(self) -> None:
        self.on_start({})


class AmnesiacMultiPaxos(MultiPaxos):
    """An acceptor that has lost its disk promises anew, and says that it has accepted nothing."""

    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:
        return True

    def on_lost(self) -> None:
        self.on_start({})


class AmnesiacPaxos(Paxos):
    """An acceptor that has lost its disk promises anew, in slots where it had voted."""

    @classmethod
    def rejoins(cls, cluster: Cluster) -> bool:
        return True

    def on_lost(self) -> None:
        self.on_start({})


MUTANTS: dict[str, type[ABD | MultiPaxos | Paxos]] = {
    "abd": AmnesiacABD,
    "multipaxos": AmnesiacMultiPaxos,
    "paxos": AmnesiacPaxos,
}
