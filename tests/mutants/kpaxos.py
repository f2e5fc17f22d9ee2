"""KPaxos broken on purpose: as its groups are (``tests.mutants.groups``), and in its own map."""

from __future__ import annotations

from protocols.kernel import NodeId
from protocols.keymap import KeyMap
from protocols.kpaxos import KPaxos
from tests.mutants import groups


class RangesFromHere(KPaxos):
    """H1: ranges are dealt to the nodes from oneself on, so that each node has a map of its own."""

    def key_map(self) -> KeyMap:
        return _FromHere(len(self.nodes), 1, self.id)


class _FromHere(KeyMap):
    __slots__ = ("node",)

    def __init__(self, groups: int, width: int, node: NodeId) -> None:
        super().__init__(groups, width)
        self.node = node

    def group_of(self, key: str) -> int:
        return (super().group_of(key) + self.node) % self.groups


class NoGroupId(groups.NoGroupId, KPaxos):
    """H2: messages do not say which range they are of, and every range takes them for its own."""


class OneStore(groups.OneStore, KPaxos):
    """H3: all ranges run on one store, and recover it from the log of one of them."""


MUTANTS: dict[str, type[KPaxos]] = {
    "ranges-from-here": RangesFromHere,
    "no-group-id": NoGroupId,
    "one-store": OneStore,
}
