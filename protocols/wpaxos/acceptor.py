"""One object at one node: what it has promised and voted for, what it knows to be chosen.

This half answers what owners ask; the other (:mod:`protocols.wpaxos.objects`) is the owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from protocols.ballots import ZERO, Ballot, life, owner
from protocols.kernel import Command, Json, NodeId, record
from protocols.log import Durable, Log, Vote, key_of
from protocols.multipaxos.messages import (
    Accept,
    Accepted,
    Chosen,
    Commit,
    Preempted,
    Prepare,
    Promise,
)
from protocols.quorum_systems import QuorumSystem
from protocols.statemachine import READS, Answer, KeyValue, name_of
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads, read_as
from protocols.wpaxos.messages import OfObject

PROMISED, SNAPSHOT = "promised", "snapshot"

CONTESTED, CAUGHT_UP = "a ballot was contested", "a thief caught up before it led"
FILLED, INSTALLED = "a gap was filled with a no-op", "a snapshot was installed"
ADOPTED = "a thief adopted what was under way"


@record
class Limits:
    """``batch`` commands in a message, ``pipeline`` batches of an object under way; a snapshot
    every ``snapshot_every`` slots, and ``keep`` slots before it for laggards.
    """

    batch: int
    pipeline: int
    snapshot_every: int
    keep: int

    @property
    def reach(self) -> int:
        """How many slots beyond the chosen prefix an acceptor votes in."""
        return 4 * self.batch * self.pipeline


class Node(Protocol):
    """What an object needs of the replica that it is a part of."""

    id: NodeId
    peers: tuple[NodeId, ...]
    quorums: QuorumSystem
    limits: Limits
    ticks: int
    lives: list[int]

    @property
    def signature(self) -> int:
        """What it writes in ballots."""
        ...

    def tell(self, key: str, msg: OfObject, to: Iterable[NodeId]) -> None: ...
    def swear(self, promise: Promise) -> OfObject:
        """What a candidate is sent for this promise."""
        ...

    def vow(self, accepted: Accepted) -> OfObject:
        """What an owner is sent for this vote."""
        ...

    def persist(self, key: str, value: Json) -> None: ...
    def forget(self, key: str) -> None: ...
    def note(self, kind: str, value: Json) -> None: ...
    def executed(self, command: Command, answer: Answer) -> None:
        """A command of the object was run here: its client may be answered."""
        ...

    def installed(self, key: str) -> None:
        """The object's state is another replica's: some of its clients' commands may have run."""
        ...

    def lags(self, key: str) -> None:
        """Slots of the object are chosen that are not known here."""
        ...


class Acceptor:
    """See the module. ``key`` is the object's; durable names are ``what/key``."""

    def __init__(self, key: str, node: Node) -> None:
        self.key, self.node = key, node
        self.promised = ZERO
        self.seen = ZERO
        """The highest ballot that was heard of, promised or not."""
        self.log = Log()
        self.store = KeyValue()
        self.snapshot: tuple[int, Json] = (0, None)
        self.known = 0
        """Somebody knows that the slots up to this one are chosen."""
        self.told: tuple[Ballot, int] = (ZERO, 0)
        """The last owner that was heard, and up to where it said that slots are chosen."""
        self.incoming: Incoming | None = None
        self.since = 0
        """The tick at which the object's owner last changed, as far as is known here."""
        self.doubt = 0
        """Ticks for which somebody has waited here, and no sign of progress came."""

    def load(self, durable: Mapping[str, Json]) -> None:
        """Build the state from what was persisted, by name without the key."""
        self.promised = self.seen = read_as(tuple[int, int], durable.get(PROMISED, ZERO))
        slot, state = cast("tuple[int, Json]", durable.get(SNAPSHOT, (0, None)))
        self.snapshot = (slot, state)
        self.store = KeyValue.restore(state) if slot else KeyValue()
        self.log = Log.load(durable, slot)
        for vote in self.log.since(slot + 1, self.log.chosen):
            self.store.run(vote.command)

    @property
    def owner(self) -> NodeId:
        """Who leads the object, or wants to, as far as is known here; -1: nobody ever has, or who did has
        lost its disk since.
        """
        node = owner(self.seen)
        return -1 if life(self.seen) < self.node.lives[node] else node

    def send(self, dst: NodeId, msg: OfObject) -> None:
        self.node.tell(self.key, msg, (dst,))

    def broadcast(self, msg: OfObject) -> None:
        self.node.tell(self.key, msg, self.node.peers)

    def persist(self, name: str, value: Json) -> None:
        self.node.persist(f"{name}/{self.key}", value)

    # --- phase 1b, phase 2b -----------------------------------------------------------------------

    def on_prepare(self, src: NodeId, msg: Prepare) -> None:
        """Section 3.1: promise, unless a higher ballot was promised; an owner is robbed by it."""
        if self.refuses(msg.ballot):
            self.send(src, Preempted(self.promised))
            return
        if msg.ballot > self.promised:
            self.promise(msg.ballot)
        self.send(src, self.node.swear(self.testimony(msg)))

    def refuses(self, ballot: Ballot) -> bool:
        return ballot < self.promised

    def promise(self, ballot: Ballot) -> None:
        self.promised = ballot
        self.persist(PROMISED, ballot)
        self.yield_to(ballot)

    def yield_to(self, ballot: Ballot) -> None:
        """Another owner may be there by now; give it time to show it."""
        self.seen = max(self.seen, ballot)
        self.since, self.doubt = self.node.ticks, 0

    def testimony(self, msg: Prepare) -> Promise:
        """Every vote from the Prepare's slot on, those for chosen slots included; of these none if
        they are too many or truncated, since ``chosen`` keeps the thief off their slots.
        """
        chosen = self.log.chosen
        close = msg.slot > self.log.base and chosen - msg.slot < self.node.limits.batch
        first = msg.slot if close else chosen + 1
        return Promise(msg.ballot, chosen, tuple(self.log.since(first)))

    def on_accept(self, src: NodeId, msg: Accept) -> None:
        """Section 3.2. What is far beyond the chosen prefix is not voted for: promises are bounded."""
        if self.refuses(msg.ballot):
            self.send(src, Preempted(self.promised))
            return
        if msg.ballot > self.promised:
            self.promise(msg.ballot)
        last = self.log.chosen + self.node.limits.reach
        count = max(0, min(len(msg.commands), last - msg.first + 1))
        for slot, command in enumerate(msg.commands[:count], msg.first):
            if slot > self.log.chosen and self.log.ballot(slot) != msg.ballot:
                self.vote(slot, msg.ballot, command)
        self.send(src, self.node.vow(Accepted(msg.ballot, msg.first, count)))
        self.learn(msg.ballot, msg.chosen)

    def vote(self, slot: int, ballot: Ballot, command: Command) -> None:
        self.log.put(Vote(slot, ballot, command))
        self.persist(key_of(slot), Durable(ballot, command, self.log.chosen))

    # --- learning and executing -------------------------------------------------------------------

    def on_commit(self, msg: Commit) -> None:
        if msg.ballot > self.seen:
            self.yield_to(msg.ballot)
        self.learn(msg.ballot, msg.chosen)

    def learn(self, ballot: Ballot, chosen: int) -> None:
        """The owner by ``ballot`` says that slots up to ``chosen`` are: so are one's own votes of
        that very ballot. Others must be asked for, unless the Accept is just late: then it finds
        here what was told.
        """
        log = self.log
        last, said = self.told
        if ballot == last:
            chosen = max(chosen, said)
        if ballot >= last:
            self.told = ballot, chosen
        while log.chosen < chosen and log.ballot(log.chosen + 1) == ballot:
            self.advance()
        self.heard(chosen)

    def heard(self, chosen: int) -> None:
        self.known = max(self.known, chosen)
        if self.log.chosen < self.known:
            self.node.lags(self.key)

    def advance(self) -> None:
        """The next slot is chosen, and its command is in the log: execute it."""
        log = self.log
        log.chosen += 1
        self.doubt = 0
        command = log[log.chosen].command
        self.node.note("decided", [(self.key, log.chosen), name_of(command)])
        if command.f != "noop":
            if command.f not in READS and not self.store.ran(command):
                self.node.note("executed", [self.key, name_of(command)])
            self.node.executed(command, self.store.run(command))
        if log.chosen % self.node.limits.snapshot_every == 0:
            self.compact()

    def compact(self) -> None:
        """A snapshot of this object alone, and a log that begins ``keep`` slots before it."""
        slot = self.log.chosen
        self.snapshot = (slot, self.store.snapshot())
        self.persist(SNAPSHOT, self.snapshot)
        for old in self.log.truncate(max(self.log.base, slot - self.node.limits.keep)):
            self.node.forget(f"{key_of(old)}/{self.key}")

    # --- catching up ------------------------------------------------------------------------------

    def ask(self, node: NodeId) -> None:
        coming = self.incoming or Incoming()
        self.send(node, Missing(self.log.chosen + 1, coming.slot, len(coming.text)))

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        log = self.log
        if msg.slot <= log.base:
            self.send(src, part(*self.snapshot, msg))
        elif msg.slot <= log.chosen:
            last = min(msg.slot + self.node.limits.batch - 1, log.chosen)
            self.send(src, Chosen(tuple(log.since(msg.slot, last)), log.chosen))

    def on_chosen(self, src: NodeId, msg: Chosen) -> None:
        before = self.log.chosen
        self.absorb(msg.votes, msg.chosen)
        self.heard(msg.chosen)
        if self.log.chosen > before:
            self.caught_up(src)

    def absorb(self, votes: Iterable[Vote], chosen: int) -> None:
        """Take over what another replica knows to be chosen."""
        for vote in votes:
            if vote.slot == self.log.chosen + 1 and vote.slot <= chosen:
                self.vote(vote.slot, vote.ballot, vote.command)
                self.advance()

    def caught_up(self, src: NodeId) -> None:
        """Some was learnt from ``src``: ask for more of it."""
        if self.log.chosen < self.known:
            self.ask(src)

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if msg.slot <= self.log.chosen:
            return
        self.incoming = self.incoming or Incoming()
        if not self.incoming.add(msg):
            return
        if not self.incoming.complete:
            self.ask(src)
            return
        self.install(msg.slot, loads(self.incoming.text))
        self.caught_up(src)

    def install(self, slot: int, state: Json) -> None:
        """A snapshot replaces the whole prefix in one step: no crash can come in between."""
        self.node.note("sometimes", INSTALLED)
        self.incoming, self.doubt = None, 0
        self.snapshot = (slot, state)
        self.persist(SNAPSHOT, self.snapshot)
        self.store = KeyValue.restore(state)
        for old in self.log.jump(slot):
            self.node.forget(f"{key_of(old)}/{self.key}")
        self.node.installed(self.key)
