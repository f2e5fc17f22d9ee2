"""Reads that take no slot: Paxos Quorum Reads, asked of acceptors instead of the leader.

Charapko, Ailijiang, Demirbas, "Linearizable Quorum Reads in Paxos", HotStorage 2019. A quorum is
asked for the highest slot that each has voted in; what was answered before the read began was chosen
by votes, so some answer reaches to it. The replica executes up to the highest of these slots before
it reads its own state: the paper's *rinse*, without which a read could be newer than the next one.
A quorum is one of phase 1 here, since those meet every quorum of phase 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocols.kernel import Command, NodeId, RequestId
from protocols.quorum_systems import Quorums


@dataclass(slots=True)
class _Question:
    command: Command
    answerers: int
    slot: int


class Questions:
    """The quorum reads under way of one replica's clients, by request."""

    def __init__(self, quorums: Quorums) -> None:
        self._quorums = quorums
        self._open: dict[RequestId, _Question] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def ask(self, request: RequestId, command: Command, node: NodeId, slot: int) -> None:
        """Begin a read, with this node's own answer. Answers to an earlier request for the same
        command are too old for this one.
        """
        self.keep(q.command for q in self._open.values() if q.command != command)
        self._open[request] = _Question(command, 1 << node, slot)

    def told(self, src: NodeId, request: RequestId, slot: int) -> None:
        question = self._open.get(request)
        if question is not None:
            question.answerers |= 1 << src
            question.slot = max(question.slot, slot)

    def ready(self, chosen: int) -> list[Command]:
        """The reads that may be answered where the slots up to ``chosen`` are executed."""
        done = {
            request: question.command
            for request, question in self._open.items()
            if self._quorums.phase1(question.answerers) and self.rinsed(question.slot, chosen)
        }
        for request in done:
            del self._open[request]
        return list(done.values())

    def rinsed(self, slot: int, chosen: int) -> bool:
        """Whether all is executed that some acceptor has voted for."""
        return slot <= chosen

    def keep(self, commands: Iterable[Command]) -> None:
        """Drop the reads for other commands than these: nobody waits for them."""
        wanted = list(commands)
        self._open = {r: q for r, q in self._open.items() if q.command in wanted}
