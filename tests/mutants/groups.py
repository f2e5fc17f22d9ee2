"""Paxos groups broken on purpose, each in a few lines; H-n as in PROTOCOLS.md section 5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from protocols.groups import PaxosGroups
from protocols.kernel import Json, NodeId
from protocols.multipaxos import MultiPaxos
from protocols.nested import Part, Wrapped


class MapByNode(PaxosGroups):
    """H1: nodes put the same key into different groups, as by a hash that is salted anew in each
    process (Python's own, of a text)."""

    def group_of(self, key: str) -> Part:
        return self.groups[(self.map.group_of(key) + self.id) % len(self.groups)]


class NoGroupId(PaxosGroups):
    """H2: messages do not say which group they are of, and every group takes them for its own.

    Paxi's paxos_groups registers no handlers at all, and exits upon the first.
    """

    def to_part(self, src: NodeId, msg: Wrapped) -> None:
        for group in self.groups:
            super().to_part(src, replace(msg, part=group.name))


class OneStore(PaxosGroups):
    """H3: all groups run on one store, and recover it from the log of one of them."""

    def on_start(self, durable: Mapping[str, Json]) -> None:
        super().on_start(durable)
        replicas = [cast("MultiPaxos", group.replica) for group in self.groups]
        for replica in replicas:
            replica.store = replicas[0].store


MUTANTS: dict[str, type[PaxosGroups]] = {
    "map-by-node": MapByNode,
    "no-group-id": NoGroupId,
    "one-store": OneStore,
}
