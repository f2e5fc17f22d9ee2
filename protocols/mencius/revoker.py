"""Revocation: both phases of Paxos, for a range of slots whose owner cannot be waited for.

Mao 2008, sections 4.2 (rule 3) and 4.3 (optimization 4). A revoker proposes the suggestion that it
finds in a slot, and a no-op where it finds none. Others than the owner never propose anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.ballots import ZERO, Ballot, above
from protocols.kernel import Cluster, NodeId
from protocols.mencius.learner import Learner
from protocols.mencius.messages import (
    Found,
    Prepare,
    Promise,
    Propose,
    Range,
    Refused,
    Revoked,
    Voted,
)

REVOKED, ADOPTED = "slots were revoked", "a revocation found a suggestion"

AHEAD = 16
"""So many slots of a suspect are revoked beyond the last suggestion (the paper's beta); four times as many at once."""

CERTAIN: Ballot = (1 << 53, 0)
"""The ballot that what is chosen is reported with: above all others."""


@dataclass(slots=True)
class Revocation:
    """One ballot of this replica in a range. In phase 2 ``found`` is what it proposes."""

    ballot: Ballot
    range: Range
    promises: dict[NodeId, Promise] = field(default_factory=dict)
    found: tuple[Found, ...] | None = None
    voters: dict[NodeId, None] = field(default_factory=dict)
    waited: bool = False


class Revoker(Learner):
    """Acceptor of all slots in higher ballots than their owners', and proposer in them."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.revocations: dict[NodeId, Revocation] = {}
        """By the owner of the slots."""
        self.seen = ZERO
        """The highest ballot that a refusal named."""

    # --- the proposer -----------------------------------------------------------------------------

    def revoke(self, rng: Range) -> None:
        """Phase 1a. The ballot is on disk, as this replica's own promise, before anybody hears of it."""
        promised = [slot.promised for s in self.slots.within(rng) if (slot := self.slots.get(s))]
        ballot = above(max([self.seen, *promised]), self.id)
        self.revocations[rng.owner] = Revocation(ballot, rng)
        self.note("sometimes", REVOKED)
        self.broadcast(Prepare(ballot, rng), self.peers)
        self.promise(ballot, rng)
        self.on_promise(self.id, self.testimony(ballot, rng))

    def on_promise(self, src: NodeId, msg: Promise) -> None:
        """Phase 2a: in each slot what the highest vote was for."""
        revocation = self.revocations.get(msg.range.owner)
        if revocation is None or revocation.ballot != msg.ballot or revocation.range != msg.range:
            return
        revocation.promises[src] = msg
        if len(revocation.promises) < self.majority or revocation.found is not None:
            return
        found = self.choose(revocation)
        if self.refusal(msg.ballot, msg.range) or self.contradicts(msg.range, found):
            del self.revocations[msg.range.owner]
            return
        revocation.found = found
        if revocation.found:
            self.note("sometimes", ADOPTED)
        self.broadcast(Propose(msg.ballot, msg.range, revocation.found), self.peers)
        self.vote(msg.ballot, msg.range, revocation.found)
        self.on_voted(self.id, Voted(msg.ballot, msg.range))

    def choose(self, revocation: Revocation) -> tuple[Found, ...]:
        best: dict[int, Found] = {}
        for promise in revocation.promises.values():
            none = [Found(number, ballot, ()) for number, ballot in promise.empty]
            for vote in (*promise.found, *none):
                if vote.slot not in best or vote.ballot > best[vote.slot].ballot:
                    best[vote.slot] = vote
        return tuple([vote for vote in best.values() if vote.batch])

    def on_voted(self, src: NodeId, msg: Voted) -> None:
        revocation = self.revocations.get(msg.range.owner)
        if revocation is None or revocation.ballot != msg.ballot or revocation.range != msg.range:
            return
        revocation.voters[src] = None
        if len(revocation.voters) >= self.majority and revocation.found is not None:
            del self.revocations[msg.range.owner]
            self.broadcast(Revoked(msg.range, revocation.found), self.peers)
            self.on_revoked(Revoked(msg.range, revocation.found))

    def on_refused(self, msg: Refused) -> None:
        self.seen = max(self.seen, msg.promised)
        revocation = self.revocations.get(msg.range.owner)
        if revocation is not None and revocation.ballot == msg.ballot:
            del self.revocations[msg.range.owner]

    def repeat_revocations(self) -> None:
        """Ask again those who have not answered for a tick. A range that has begun to be executed is
        over: others may have forgotten that part, and could not answer.
        """
        for owner, revocation in list(self.revocations.items()):
            if revocation.range.first <= self.slots.chosen:
                del self.revocations[owner]
                continue
            ballot, rng, found = revocation.ballot, revocation.range, revocation.found
            if revocation.waited and found is None:
                unheard = [n for n in self.peers if n not in revocation.promises]
                self.broadcast(Prepare(ballot, rng), unheard)
            elif revocation.waited and found is not None:
                unheard = [n for n in self.peers if n not in revocation.voters]
                self.broadcast(Propose(ballot, rng, found), unheard)
            revocation.waited = True

    # --- the acceptor -----------------------------------------------------------------------------

    def knows(self, rng: Range) -> bool:
        """Whether it remembers all of the range, and the range is not too far ahead of it."""
        return self.slots.base < rng.first and rng.last <= self.slots.chosen + 2 * self.reach

    def refusal(self, ballot: Ballot, rng: Range) -> Ballot | None:
        """A higher ballot that was promised in some slot of the range that is still open."""
        promised = [
            slot.promised
            for number in self.slots.within(rng)
            if (slot := self.slots.get(number)) is not None and not slot.chosen
        ]
        highest = max(promised, default=ZERO)
        return highest if highest > ballot else None

    def contradicts(self, rng: Range, found: tuple[Found, ...]) -> bool:
        """Whether this proposal is other than what is chosen, as far as is known here: it is that of an
        older ballot, which came late. It asks for no vote in a slot that is chosen, so that ``refusal``
        does not see it; but to say *Voted* would be to vote for it.
        """
        batches = {vote.slot: vote.batch for vote in found}
        for number in self.slots.within(rng):
            slot = self.slots.get(number)
            if number <= self.slots.chosen or (slot is not None and slot.chosen):
                chosen = slot.batch if slot is not None else ()
                if chosen != batches.get(number, ()):
                    return True
        return False

    def promise(self, ballot: Ballot, rng: Range) -> None:
        for number in self.slots.within(rng):
            if number > self.slots.chosen:
                slot = self.slots[number]
                if not slot.chosen and slot.promised != ballot:
                    slot.promised = ballot
                    self.save(number)

    def testimony(self, ballot: Ballot, rng: Range) -> Promise:
        """Every vote in the range; and what is chosen, a skip too, above all votes."""
        found: list[Found] = []
        empty: list[tuple[int, Ballot]] = []
        for number in self.slots.within(rng):
            slot = self.slots.get(number)
            if number <= self.slots.chosen or (slot is not None and slot.chosen):
                batch = slot.batch if slot is not None else ()
                if batch:
                    found.append(Found(number, CERTAIN, batch))
                else:
                    empty.append((number, CERTAIN))
            elif slot is not None and slot.batch:
                found.append(Found(number, slot.voted, slot.batch))
            elif slot is not None and slot.voted != ZERO:
                empty.append((number, slot.voted))
        return Promise(ballot, rng, tuple(found), tuple(empty))

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        if not self.knows(msg.range):
            return
        refusal = self.refusal(msg.ballot, msg.range)
        if refusal is not None:
            self.send(src, Refused(msg.ballot, msg.range, refusal))
            return
        self.promise(msg.ballot, msg.range)
        self.send(src, self.testimony(msg.ballot, msg.range))

    def on_propose(self, src: NodeId, msg: Propose) -> None:
        if not self.knows(msg.range):
            return
        refusal = self.refusal(msg.ballot, msg.range)
        if refusal is None and self.contradicts(msg.range, msg.found):
            refusal = msg.ballot
        if refusal is not None:
            self.send(src, Refused(msg.ballot, msg.range, refusal))
            return
        self.vote(msg.ballot, msg.range, msg.found)
        self.send(src, Voted(msg.ballot, msg.range))

    def vote(self, ballot: Ballot, rng: Range, found: tuple[Found, ...]) -> None:
        batches = {vote.slot: vote.batch for vote in found}
        for number in self.slots.within(rng):
            if number > self.slots.chosen:
                slot = self.slots[number]
                if not slot.chosen and slot.voted != ballot:
                    slot.promised = slot.voted = ballot
                    slot.batch = batches.get(number, ())
                    self.save(number)

    def on_revoked(self, msg: Revoked) -> None:
        batches = {vote.slot: vote.batch for vote in msg.found}
        for number in self.slots.within(msg.range):
            self.learn(number, batches.get(number, ()))
        self.advance()
