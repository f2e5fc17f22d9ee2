"""Whose votes count in which slot: *eras*, each of a configuration and the slots that it is in force for.

A configuration that is decided in slot i is in force from slot i + alpha on (Lamport 1998, section 3.3.4,
with alpha = 3; "R-alpha" of Lamport, Malkhi, Zhou 2010). So whoever has executed slot c knows the era of
every slot up to c + alpha, and that is how far a leader may propose.
"""

from __future__ import annotations

from typing import cast

from protocols.kernel import Json, NodeId, record
from protocols.membership import Configuration, from_json, mask, to_json
from protocols.quorum_systems import QuorumSystem, by_majority, members

FOREVER = 1 << 62
"""Beyond any slot."""


@record
class Era:
    """From slot ``first`` on, until the next one begins."""

    first: int
    config: Configuration
    quorums: QuorumSystem


class Electorate:
    """The eras of all slots that are not known to be chosen, and of what was decided for later ones.

    As a quorum system it asks for a quorum of each: who promises for all open slots, or grants a lease
    for them, does so for every configuration that may yet decide one.
    """

    def __init__(self, first: Configuration, quorums: QuorumSystem, alpha: int) -> None:
        self.alpha = alpha
        self._eras = [Era(1, first, quorums)]

    @property
    def newest(self) -> Configuration:
        return self._eras[-1].config

    @property
    def changing(self) -> bool:
        """Whether some era is yet to begin."""
        return len(self._eras) > 1

    @property
    def begins(self) -> int:
        """The first slot of the last era."""
        return self._eras[-1].first

    def of(self, slot: int) -> QuorumSystem:
        """The quorums that decide this slot, which is open, and not beyond alpha."""
        eras = self._eras
        if len(eras) == 1:  # mostly, and this is asked for each vote
            return eras[0].quorums
        return next(era.quorums for era in reversed(eras) if era.first <= slot)

    def phase1(self, nodes: int) -> bool:
        return all(era.quorums.phase1(nodes) for era in self._eras)

    def phase2(self, nodes: int) -> bool:
        return all(era.quorums.phase2(nodes) for era in self._eras)

    def members(self) -> tuple[NodeId, ...]:
        """All who are in some era."""
        everybody = 0
        for era in self._eras:
            everybody |= mask(era.config.members)
        return members(everybody)

    def decide(self, config: Configuration) -> None:
        """In the slot that is its version this configuration was decided."""
        quorums = by_majority(config.members)
        self._eras.append(Era(config.version + self.alpha, config, quorums))

    def knows(self, node: NodeId, nonce: int) -> bool:
        """Whether every era means the life of this node that began with this nonce."""
        return all(era.config.renewed_as(node, nonce) for era in self._eras)

    def passed(self, chosen: int) -> bool:
        """The slots up to ``chosen`` are chosen; whether an era is over by that."""
        before = len(self._eras)
        while len(self._eras) > 1 and self._eras[1].first <= chosen + 1:
            del self._eras[0]
        return len(self._eras) < before

    def snapshot(self) -> Json:
        return [[era.first, to_json(era.config)] for era in self._eras]

    def restore(self, saved: Json) -> None:
        """Take over what another one, or an earlier incarnation, knew."""
        self._eras = []
        for first, config in cast("list[tuple[int, Json]]", saved):
            told = from_json(config)
            self._eras.append(Era(first, told, by_majority(told.members)))
