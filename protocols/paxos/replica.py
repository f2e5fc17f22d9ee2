"""The replica: proposer, acceptor and learner of every slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, assert_never, cast

from protocols.ballots import ZERO, Ballot, above
from protocols.clients import Clients
from protocols.executing import Executing
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.paxos.messages import (
    MESSAGES,
    Accept,
    Accepted,
    Batch,
    Chosen,
    Message,
    Prepare,
    Promise,
    Rejected,
)
from protocols.paxos.slots import PREFIX, Slots
from protocols.quorums import Tally
from protocols.statemachine import KeyValue, name_of
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads

PATIENCE = 3, 6
"""Round trips that a first attempt in a slot is given before the next."""

MOST = 8
"""By how much patience grows at most with failures: the network may be slower than was said."""

CHOSEN_AT_ONCE = 32
"""Chosen slots in one message to a laggard."""

DUEL, HELPED, INSTALLED = (
    "two proposers met in a slot",
    "an older proposal was helped through",
    "a snapshot was installed",
)


@dataclass(slots=True)
class Attempt:
    """One ballot of this proposer in one slot: first in phase 1, then, with a batch, in phase 2."""

    slot: int
    ballot: Ballot
    promises: Tally[tuple[Ballot, Batch]]
    votes: Tally[None]
    batch: Batch | None = None
    own: bool = True
    """Whether the batch is this proposer's, so that all slots before it are known here."""


@dataclass(slots=True)
class Duel:
    """How the attempts in a slot have gone: so many failed, ``seen`` turned one away and is the
    highest ballot that did.
    """

    slot: int = 0
    lost: int = 0
    seen: Ballot = field(default=ZERO)


class Paxos(Executing[Message]):
    """See the package. Options: ``batch``, ``snapshot_every`` and ``keep`` (slots)."""

    messages = MESSAGES
    multi_key = True
    sometimes = (DUEL, HELPED, INSTALLED)
    choices: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "batch": (1, 2, 8, 64),
        "snapshot_every": (3, 10, 100),
        "keep": (0, 1, 20, 100),
    }

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.batch = self.cluster.number("batch", 64)
        self.snapshot_every = self.cluster.number("snapshot_every", 1000)
        self.keep = self.cluster.number("keep", 1000, least=0)
        self.clients = Clients(capacity=1024, patience=100)
        self.attempt: Attempt | None = None
        self.duel = Duel()
        self.behind = False
        """Whether a slot is proposed in only to learn what was chosen there."""
        self.incoming = Incoming()

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        """A node that comes back catches up by a no-op: it cannot know what it has missed."""
        number, state = cast("tuple[int, Json]", durable.get("snapshot", (0, None)))
        self.snapshot = (number, state)
        self.store = KeyValue.restore(state) if number else KeyValue()
        self.slots = Slots.load(durable, number)
        while (batch := self.slots.next_chosen()) is not None:
            self.slots.chosen += 1
            for command in batch:
                self.store.run(command)
        self.behind = bool(durable)
        self.set_timer("tick", 10 * self.cluster.rtt_ms)
        self.propose()

    def on_message(self, src: NodeId, msg: Message) -> None:
        match msg:
            case Prepare():
                self.on_prepare(src, msg)
            case Promise():
                self.on_promise(src, msg)
            case Accept():
                self.on_accept(src, msg)
            case Accepted():
                self.on_accepted(src, msg)
            case Rejected():
                self.on_rejected(msg)
            case Chosen():
                self.on_chosen(msg)
            case Missing():
                self.send(src, part(*self.snapshot, msg))
            case Snapshot():
                self.on_snapshot(src, msg)
            case _:
                assert_never(msg)

    # --- clients ----------------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        asked = self.admit(request, command)
        if asked is not None and self.attempt is None and not self.duel.lost:
            self.propose()

    # --- the proposer -----------------------------------------------------------------------------

    def propose(self) -> None:
        """Lamport 2001, section 2.2, phase 1a, in the first slot that is not known to be chosen."""
        self.attempt = None
        if not self.behind and not self.clients.commands():
            self.cancel_timer("propose")
            return
        number = self.slots.chosen + 1
        if self.duel.slot != number:
            self.duel = Duel(number)
        ballot = self.next_ballot(number)
        self.attempt = Attempt(number, ballot, Tally(self.majority), Tally(self.majority))
        pace = min(1 << self.duel.lost, MOST) * self.cluster.rtt_ms
        self.set_timer("propose", PATIENCE[0] * pace, PATIENCE[1] * pace)
        self.broadcast(Prepare(number, ballot), self.peers)
        slot = self.slots[number]
        self.promised(self.id, self.attempt, slot.voted, slot.batch)

    def next_ballot(self, number: int) -> Ballot:
        """One that was never used in this slot: it is promised, on disk, before anybody hears of it."""
        slot = self.slots[number]
        slot.promised = above(max(slot.promised, self.duel.seen), self.id)
        self.save(number)
        return slot.promised

    def on_promise(self, src: NodeId, msg: Promise) -> None:
        attempt = self.attempt
        if attempt is not None and (attempt.slot, attempt.ballot) == (msg.slot, msg.ballot):
            self.promised(src, attempt, msg.voted, msg.batch)

    def promised(self, src: NodeId, attempt: Attempt, voted: Ballot, batch: Batch) -> None:
        """Phase 2a: with a majority, propose the highest-numbered proposal among their answers; or,
        if they report none, what one likes.
        """
        if not attempt.promises.add(src, (voted, batch)):
            return
        voted, batch = max(attempt.promises.answers.values(), key=lambda answer: answer[0])
        if voted == ZERO:
            batch = tuple(self.clients.commands()[-self.batch :])
        else:
            attempt.own = False
            self.note("sometimes", HELPED)
        attempt.batch = batch
        self.broadcast(Accept(attempt.slot, attempt.ballot, batch), self.peers)
        if self.accept(attempt.slot, attempt.ballot, batch):
            self.voted(self.id, attempt)

    def on_accepted(self, src: NodeId, msg: Accepted) -> None:
        attempt = self.attempt
        if attempt is not None and (attempt.slot, attempt.ballot) == (msg.slot, msg.ballot):
            self.voted(src, attempt)

    def voted(self, src: NodeId, attempt: Attempt) -> None:
        """Section 2.3: what a majority has accepted is chosen."""
        if attempt.votes.add(src, None):
            assert attempt.batch is not None, "nobody accepts before phase 2"
            self.broadcast(Chosen(attempt.slot, (attempt.batch,)), self.peers)
            self.behind = self.behind and not attempt.own
            self.learn(attempt.slot, attempt.batch)
            self.advance()

    def on_rejected(self, msg: Rejected) -> None:
        """Section 2.4: try again with a higher ballot, but let the other one finish first."""
        attempt = self.attempt
        if attempt is None or (attempt.slot, attempt.ballot) != (msg.slot, msg.ballot):
            return
        self.note("sometimes", DUEL)
        self.duel.seen = max(self.duel.seen, msg.promised)
        self.duel.lost += 1
        self.attempt = None
        wait = min(1 << self.duel.lost, MOST) * self.cluster.rtt_ms
        self.set_timer("propose", self.cluster.rtt_ms, wait)

    # --- the acceptor -----------------------------------------------------------------------------

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        """Section 2.2, phase 1b."""
        if self.tell_chosen(src, msg.slot):
            return
        slot = self.slots[msg.slot]
        if msg.ballot < slot.promised:
            self.send(src, Rejected(msg.slot, msg.ballot, slot.promised))
            return
        if msg.ballot > slot.promised:
            slot.promised = msg.ballot
            self.save(msg.slot)
        self.send(src, Promise(msg.slot, msg.ballot, slot.voted, slot.batch))

    def on_accept(self, src: NodeId, msg: Accept) -> None:
        """Section 2.2, phase 2b."""
        if self.tell_chosen(src, msg.slot):
            return
        if self.accept(msg.slot, msg.ballot, msg.batch):
            self.send(src, Accepted(msg.slot, msg.ballot))
        else:
            self.send(src, Rejected(msg.slot, msg.ballot, self.slots[msg.slot].promised))

    def accept(self, number: int, ballot: Ballot, batch: Batch) -> bool:
        """Accept a proposal unless a higher ballot was promised; the vote is on disk before the answer."""
        slot = self.slots[number]
        if ballot < slot.promised:
            return False
        if slot.voted != ballot:
            slot.promised = slot.voted = ballot
            slot.batch = batch
            self.save(number)
        return True

    def tell_chosen(self, src: NodeId, number: int) -> bool:
        """Answer who is behind with what was chosen, some at a time, or with a snapshot's first part."""
        slots = self.slots
        if number <= slots.base:
            self.send(src, part(*self.snapshot, Missing(number)))
        elif number <= slots.chosen:
            self.send(src, Chosen(number, slots.known(number, CHOSEN_AT_ONCE)))
        elif slots[number].chosen:
            self.send(src, Chosen(number, (slots[number].batch,)))
        else:
            return False
        return True

    def save(self, number: int) -> None:
        self.persist(f"{PREFIX}{number}", self.slots[number].durable())

    # --- the learner ------------------------------------------------------------------------------

    def on_chosen(self, msg: Chosen) -> None:
        for number, batch in enumerate(msg.batches, msg.first):
            self.learn(number, batch)
        self.advance()

    def learn(self, number: int, batch: Batch) -> None:
        """A chosen batch never changes; it is kept in the place of one's vote, which it may replace:
        every proposal with a ballot from now on is of it (section 2.1, P2).
        """
        if number <= self.slots.chosen:
            return
        slot = self.slots[number]
        if not slot.chosen:
            slot.batch, slot.chosen = batch, True
            self.save(number)

    def advance(self) -> None:
        """Execute what is chosen, in order; then propose again for whoever still waits."""
        before = self.slots.chosen
        while (batch := self.slots.next_chosen()) is not None:
            self.slots.chosen += 1
            self.note("decided", [self.slots.chosen, [name_of(command) for command in batch]])
            for command in batch:
                self.execute(command)
            if self.slots.chosen % self.snapshot_every == 0:
                self.compact()
        if self.slots.chosen > before:
            self.next_slot()

    def next_slot(self) -> None:
        """The slot that was being proposed in is chosen: go on after a moment, which is a random one
        for those whose batch it was not, so that they do not all meet again.
        """
        attempt = self.attempt
        if attempt is not None and attempt.slot > self.slots.chosen:
            return
        won = attempt is not None and attempt.votes.reached
        self.duel, self.attempt = Duel(), None
        if won:
            self.propose()
        elif self.behind or self.clients.commands():
            self.set_timer("propose", 0, self.cluster.rtt_ms)

    def compact(self) -> None:
        """A snapshot, and slots that begin ``keep`` before it."""
        self.snapshot = (self.slots.chosen, self.store.snapshot())
        self.persist("snapshot", self.snapshot)
        for number in self.slots.forget(max(self.slots.base, self.slots.chosen - self.keep)):
            self.forget(f"{PREFIX}{number}")

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if msg.slot <= self.slots.chosen or not self.incoming.add(msg):
            return
        if not self.incoming.complete:
            have = self.incoming
            self.send(src, Missing(self.slots.chosen + 1, have.slot, len(have.text)))
            return
        state = loads(self.incoming.text)
        self.incoming = Incoming()
        self.note("sometimes", INSTALLED)
        self.snapshot, self.store = (msg.slot, state), KeyValue.restore(state)
        self.persist("snapshot", self.snapshot)
        for number in self.slots.jump(msg.slot):
            self.forget(f"{PREFIX}{number}")
        self.answer_what_ran()
        self.next_slot()
        self.advance()

    # --- timers -----------------------------------------------------------------------------------

    def on_timer(self, timer: str) -> None:
        if timer == "tick":
            self.set_timer("tick", 10 * self.cluster.rtt_ms)
            self.clients.tick()
        else:
            assert timer == "propose", timer
            self.duel.lost += self.attempt is not None
            self.propose()
