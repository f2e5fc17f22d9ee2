"""The replica: proposer and acceptor of every slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, assert_never

from protocols.ballots import ZERO, Ballot, above
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.paxos.learner import INSTALLED
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
    Sworn,
)
from protocols.paxos.rejoining import Returner
from protocols.quorum_systems import by_majority
from protocols.quorums import Tally
from protocols.rejoining import Known, Rejoin, mode_of, refuse_alone
from protocols.transfer import Missing, Snapshot

PATIENCE = 3, 6
"""Round trips that a first attempt in a slot is given before the next."""

MOST = 8
"""By how much patience grows at most with failures: the network may be slower than was said."""

CROWD = 5
"""How often the time before an attempt doubles at most, where many propose."""

DUEL, HELPED = "two proposers met in a slot", "an older proposal was helped through"


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


class Paxos(Returner):
    """See the package. Options: ``batch``, ``snapshot_every`` and ``keep`` (slots), and ``rejoin``: no, passive
    or force (``paxos.rejoining``).
    """

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
        self.attempt: Attempt | None = None
        self.duel = Duel()
        self.crowd = 0
        """How many more attempts than slots were turned away of late, here."""
        self.resting = False
        """Whether the next attempt waits, for others to finish theirs."""
        self.behind = False
        """Whether a slot is proposed in only to learn what was chosen there."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        if mode_of(cluster) == "passive":
            refuse_alone(by_majority(cluster.nodes), cluster.nodes)

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        """A node that comes back catches up by a no-op: it cannot know what it has missed."""
        self.load(durable)
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
                self.on_chosen(src, msg)
            case Missing():
                self.on_missing(src, msg)
            case Snapshot():
                self.on_snapshot(src, msg)
            case Rejoin():
                self.on_rejoin(src, msg)
            case Known():
                self.on_known(src, msg)
            case Sworn():
                self.on_sworn(src, msg)
            case _:
                assert_never(msg)

    # --- clients ----------------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        asked = self.admit(request, command)
        if asked is None or self.attempt is not None or self.duel.lost:
            return
        if self.crowd:
            self.rest()
        else:
            self.propose()

    # --- the proposer -----------------------------------------------------------------------------

    def propose(self) -> None:
        """Lamport 2001, section 2.2, phase 1a, in the first slot that is not known to be chosen."""
        self.attempt, self.resting = None, False
        if self.back is not None or not (self.behind or self.clients.commands()):
            self.cancel_timer("propose")
            return
        number = self.slots.chosen + 1
        if self.duel.slot != number:
            self.duel = Duel(number)
        ballot = self.next_ballot(number)
        self.attempt = Attempt(number, ballot, Tally(self.majority), Tally(self.majority))
        pace = min(1 << max(self.duel.lost, self.crowd), MOST) * self.cluster.rtt_ms
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
        """Section 2.4: try again with a higher ballot, but let the other one finish first: the longer, the
        more often one was turned away, in this slot or in those before.
        """
        attempt = self.attempt
        if attempt is None or (attempt.slot, attempt.ballot) != (msg.slot, msg.ballot):
            return
        self.note("sometimes", DUEL)
        self.duel.seen = max(self.duel.seen, msg.promised)
        self.duel.lost += 1
        self.crowd = min(self.crowd + 1, CROWD)
        self.attempt = None
        self.set_timer("propose", self.cluster.rtt_ms, self.cluster.rtt_ms << self.crowd)

    # --- the acceptor -----------------------------------------------------------------------------

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        """Section 2.2, phase 1b."""
        if self.tell_chosen(src, msg.slot) or self.back is not None:
            return
        slot = self.slots[msg.slot]
        if msg.ballot < slot.promised:
            self.send(src, Rejected(msg.slot, msg.ballot, slot.promised))
            return
        if msg.ballot > slot.promised:
            slot.promised = msg.ballot
            self.save(msg.slot)
        self.send(src, self.swear(Promise(msg.slot, msg.ballot, slot.voted, slot.batch)))

    def on_accept(self, src: NodeId, msg: Accept) -> None:
        """Section 2.2, phase 2b."""
        if self.tell_chosen(src, msg.slot) or self.back is not None:
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

    # --- who comes back without its disk ----------------------------------------------------------

    def be_active(self) -> None:
        super().be_active()
        self.propose()

    def find_out(self) -> None:
        self.behind = True
        if self.attempt is None and not self.duel.lost:
            self.propose()

    def on_sworn(self, src: NodeId, msg: Sworn) -> None:
        if self.is_sworn(src, msg.lives):
            self.on_promise(src, msg.promise)

    def void(self, nodes: list[NodeId]) -> None:
        """In phase 1. What was proposed by enough promises stays so."""
        attempt = self.attempt
        if attempt is not None and attempt.batch is None:
            for node in nodes:
                attempt.promises.drop(node)

    # --- the slots, one after the other -----------------------------------------------------------

    def next_slot(self) -> None:
        """The slot that was being proposed in is chosen: go on after a moment, which is a random one
        for those whose batch it was not, so that they do not all meet again (longer, where they do).
        """
        attempt = self.attempt
        if attempt is not None and attempt.slot > self.slots.chosen:
            return
        won = attempt is not None and attempt.votes.reached
        if not self.duel.lost:
            self.crowd = max(0, self.crowd - 1)
        self.duel, self.attempt, self.resting = Duel(), None, False
        if won:
            self.propose()
        elif self.behind or self.clients.commands():
            self.rest()

    def rest(self) -> None:
        if not self.resting:
            self.resting = True
            self.set_timer("propose", 0, self.cluster.rtt_ms << self.crowd)

    # --- timers -----------------------------------------------------------------------------------

    def on_timer(self, timer: str) -> None:
        if timer == "tick":
            self.set_timer("tick", 10 * self.cluster.rtt_ms)
            self.clients.tick()
            if self.attempt is None and not self.duel.lost and not self.resting:
                self.crowd = max(0, self.crowd - 1)  # it has nothing to propose
            if self.back is not None:
                self.look_around(self.back)
        else:
            assert timer == "propose", timer
            self.duel.lost += self.attempt is not None
            self.propose()
