"""Multi-Paxos' part in the way back of a node without its disk (``protocols.rejoining``)."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.ballots import ZERO, Ballot
from protocols.kernel import Json, NodeId
from protocols.multipaxos.members import Reconfiguring
from protocols.multipaxos.messages import Message, Promise, Sworn
from protocols.rejoining import Rejoining


class Returner(Rejoining, Reconfiguring):
    """A candidate that knows of lives."""

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        self.load_lives(durable)

    def is_any_quorum(self, nodes: int) -> bool:
        return self.quorums.phase1(nodes) or self.quorums.phase2(nodes)

    def standing(self) -> tuple[Ballot, Ballot, int]:
        lead = self.leadership
        if lead is None:
            return self.promised, ZERO, 0
        return self.promised, lead.ballot, max(lead.next - 1, lead.adopted)

    def chosen(self) -> int:
        return self.log.chosen

    def learn_up_to(self, slot: int, leader: NodeId) -> None:
        self.known = max(self.known, slot)
        self.ask(leader)

    def promise_again(self, ballot: Ballot, leader: NodeId) -> None:  # noqa: ARG002
        self.promise(ballot)

    def void(self, nodes: list[NodeId]) -> None:
        if self.campaign is not None and not self.campaign.won:
            for node in nodes:
                self.campaign.drop(node)

    def swear(self, promise: Promise) -> Message:
        """What is sent to a candidate. Lives are told where there may be more than one."""
        if self.rejoining != "passive":
            return promise
        return Sworn(promise, tuple(self.lives))

    def on_sworn(self, src: NodeId, msg: Sworn) -> None:
        if self.is_sworn(src, msg.lives):
            self.on_promise(src, msg.promise)
