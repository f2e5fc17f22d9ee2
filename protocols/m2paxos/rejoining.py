"""M2Paxos' part in the way back of a node without its disk (``protocols.recalling``). Option ``rejoin``.

An epoch is a ballot, an acquisition phase 1, a position a slot. What is told of an object is its epoch, and the last
position in which there is a vote, or what was chosen. A proposal has a place in each of its objects, and is voted for
in all of them or in none; so what ``protocols.recalling`` says of one object holds of all its objects. Besides:

1. *Who accepts a proposal forgets votes* that it had in any of its places, everywhere; after a restart it does not tell
   of them. They were not chosen, and never will be (see the package): no floor needs to cover them.
2. *Void* is a forced proposal which an acquisition of one of its objects, made since, has heard nothing of. Had it been
   chosen by a forgotten vote, whoever forgot that has executed it before it promised anything, and says so.
3. *Names*: an epoch is of one life of its owner (``ballots.renamed``), and so is an attempt, which it names. So
   still one thing is proposed for a position in an epoch, and no answer to the former life is one to the new.

4. *What is known to be chosen, by nobody any more.* Who proposes for a position says that all before it is chosen, and
   not always what. Where it alone knew, and lost its disk, the vote that an acquisition met is proposed again
   (``Proposer.may_finish``): it is the one, as in 2, since no one of that majority had executed the position.

A floor is at most one position beyond what somebody has executed, since logs have no gaps. When all have been asked in
vain what was chosen there, a read of nobody's client is proposed in that log: whoever does it finishes first what it
finds there. Its clients' commands a passive node refers in the same way: to the owner, or to anybody, who is to
propose them himself.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.ballots import ZERO
from protocols.executing import Executing
from protocols.kernel import Command, NodeId
from protocols.m2paxos.catchup import CatchUp
from protocols.m2paxos.messages import (
    Accept,
    Accepted,
    Forward,
    Message,
    Prepare,
    Promise,
    Rejected,
    Sworn,
    SwornVote,
    objects_of,
)
from protocols.m2paxos.objects import Ledger
from protocols.m2paxos.proposer import PASSED_ON, Proposer
from protocols.recalling import Held, Recalling, probe

TURN = 8
"""Ticks for which one of the others is asked to propose something, before the next one is."""


class Returner(Recalling, Executing[Message]):
    """Knows of lives, and tells of objects."""

    ledger: Ledger
    proposer: Proposer
    catchup: CatchUp
    ticks: int

    # --- votes and promises, and what they are worth ------------------------------------------------

    def swear(self, promise: Promise) -> Message:
        return Sworn(promise, self.vows) if self.vows else promise

    def vow(self, accepted: Accepted) -> Message:
        return SwornVote(accepted, self.vows) if self.vows else accepted

    def void(self, nodes: list[NodeId]) -> None:
        self.proposer.void(nodes)

    def is_any_quorum(self, nodes: int) -> bool:
        return nodes.bit_count() >= self.majority

    # --- while it is passive ------------------------------------------------------------------------

    def look_on(self, src: NodeId, msg: Accept | Prepare | Rejected | Forward) -> None:
        """Learn who owns objects, and that all before a proposal is chosen. Commands of others' clients are not
        handed on: who is to have them may be on its way back, too, and hand them back.
        """
        lacking: list[str] = []
        match msg:
            case Accept():
                told = [(place.key, place.epoch) for place in msg.proposal.places]
                places = msg.proposal.places
                lacking = [p.key for p in places if self.ledger.hear(p.key, p.position)]
            case Prepare():
                told = [(wanted.key, wanted.epoch) for wanted in msg.objects]
            case Rejected():
                told = list(msg.promised)
            case Forward():
                return
        for key, epoch in told:
            self.ledger[key].seen = max(self.ledger[key].seen, epoch)
        if lacking:
            self.catchup.ask(src, *lacking)

    def refer(self, command: Command) -> None:
        node = self.proposer.owner_of(objects_of(command))
        if node is not None and node != self.id and self.proposer.alive(node):
            self.send(node, Forward(command, 1))
        else:
            self.send(self.anyone(self.ticks // TURN), Forward(command, PASSED_ON))

    def anyone(self, turn: int) -> NodeId:
        return self.peers[turn % len(self.peers)]

    def chosen(self) -> int:
        """In all objects together."""
        return sum(found.next - 1 for found in self.ledger.objects.values())

    # --- floors -------------------------------------------------------------------------------------

    def keys_held(self) -> Iterable[str]:
        """An object that was only asked about is none of them."""
        return [
            key
            for key, found in self.ledger.objects.items()
            if found.promised != ZERO or found.top or found.next > 1
        ]

    def holding(self, key: str) -> Held:
        found = self.ledger[key]
        return Held(key, found.promised, max(found.top, found.next - 1))

    def has_learnt(self, floor: Held) -> bool:
        return self.ledger[floor.key].next > floor.last

    def learn_up_to(self, floor: Held, ticks: int) -> None:
        found = self.ledger[floor.key]
        found.seen = max(found.seen, floor.promised)
        self.ledger.hear(floor.key, floor.last)
        self.catchup.ask(self.anyone(ticks), floor.key)
        if ticks > len(self.peers) and self.back is not None:
            self.refer(probe(floor.key, self.id, self.back.life, found.next))

    def promise_again(self, floor: Held) -> None:
        self.ledger.promise(floor.key, floor.promised)
