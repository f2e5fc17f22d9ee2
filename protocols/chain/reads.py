"""Reads answered by one replica, in an epoch that a majority of all nodes confirms.

A tail that was removed, and has not heard of it, would answer from the past. The paper excludes it
by fail-stop servers; a lease would by trusting clocks. Here the replica asks all nodes whether its
epoch is the last that they know of, after the read has come, and answers when a majority says so.
And the tail of an epoch commits nothing before such a round has succeeded once: a majority knows
the epoch then. So if anything was committed in a later epoch before the read came, one of any
majority knows that epoch and does not confirm. One round is under way at a time, for all the reads
that came before it; those that come meanwhile are for the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.chain.history import Name
from protocols.chain.messages import Confirm, Confirmed, Round
from protocols.kernel import Command, NodeId
from protocols.quorums import Tally

if TYPE_CHECKING:
    from protocols.chain.replica import Chain

CAPACITY = 1024


@dataclass(slots=True)
class _Asked:
    round: Round
    answers: Tally[None]
    reads: dict[Name, tuple[NodeId, Command]]


class Reads:
    """The reads that wait at this replica, in one epoch."""

    def __init__(self, replica: Chain) -> None:
        self.replica = replica
        self.waiting: dict[Name, tuple[NodeId, Command]] = {}
        self.asked: _Asked | None = None

    def add(self, origin: NodeId, command: Command) -> None:
        """Answer a read when the epoch is confirmed. (One that was sent twice is one.)"""
        if len(self.waiting) < CAPACITY:
            self.waiting[command.session, command.serial] = (origin, command)
            self.confirm()

    def confirm(self) -> None:
        """Begin a round, unless one is under way."""
        if self.asked is None:
            r = self.replica
            self.asked = _Asked(r.next_round(), Tally(r.majority), self.waiting)
            self.waiting = {}
            self.ask(r.nodes)

    def ask(self, nodes: tuple[NodeId, ...]) -> None:
        assert self.asked is not None
        r = self.replica
        r.broadcast(Confirm(r.config.epoch, self.asked.round), nodes)

    def tick(self) -> None:
        """Ask those again that have not answered."""
        if self.asked is not None:
            answers = self.asked.answers.answers
            self.ask(tuple(n for n in self.replica.nodes if n not in answers))

    def on_confirmed(self, src: NodeId, msg: Confirmed) -> None:
        asked = self.asked
        if asked is not None and msg.round == asked.round and asked.answers.add(src, None):
            self.asked = None
            self.replica.confirmed(list(asked.reads.values()))
            if self.waiting:
                self.confirm()
