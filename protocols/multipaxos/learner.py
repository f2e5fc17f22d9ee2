"""The learner: what is chosen, in order, and what becomes of it; snapshots, and catching up by them.

A replica that lacks chosen slots asks another for them (``Missing``): ``reach`` of them, or a part of
a snapshot, at a time, so that one message is under way.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Container, Iterable, Mapping
from typing import cast

from protocols.ballots import Ballot
from protocols.clients import Clients, Serving
from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.log import Durable, Log, Vote, key_of
from protocols.multipaxos.machine import Machine
from protocols.multipaxos.messages import Chosen, Message
from protocols.multipaxos.reads import Questions
from protocols.quorum_systems import Quorums, QuorumSystem, by_majority
from protocols.statemachine import READS, TIMED_COMMANDS, Answer, KeyValue, name_of
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads

INSTALLED = "a snapshot was installed"


class Learner(Serving[Message]):
    """Executes the chosen prefix of the log, and answers this node's clients from it."""

    machine: type[Machine] = KeyValue
    served: Container[str] = TIMED_COMMANDS
    reads: Container[str] = READS

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.quorums: Quorums = self.quorums_of(cluster)
        self.batch = cluster.number("batch", 64)
        self.pipeline = cluster.number("pipeline", 4)
        self.reach = 4 * self.batch * self.pipeline
        """How many slots beyond the chosen prefix an acceptor votes in, and how many a ``Chosen`` tells
        of: more than a leader can decide in the meantime, or who is behind would stay so."""
        self.snapshot_every = cluster.number("snapshot_every", 1000)
        self.keep = cluster.number("keep", 1000, least=0)
        self.questions = Questions(self.quorums)
        self.clients = Clients(capacity=1024, patience=100)
        self.known = 0
        """Somebody knows that the slots up to this one are chosen."""
        self.incoming = Incoming()

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        """Whose promises make a leader, and whose votes choose a command."""
        return by_majority(cluster.nodes)

    @property
    @abstractmethod
    def leads(self) -> bool:
        """Whether this replica proposes in the slots that others tell it of."""

    def load(self, durable: Mapping[str, Json]) -> None:
        """Come back with what is on disk: the snapshot, and the chosen slots after it."""
        slot, state = cast("tuple[int, Json]", durable.get("snapshot", (0, None)))
        self.snapshot = (slot, state)
        self.store = self.machine()
        if slot:
            self.revive(state)
        self.log = Log.load(durable, slot)
        for vote in self.log.since(slot + 1, self.log.chosen):
            self.apply(vote.slot, vote.command)
            self.passed(vote.slot)
        self.restored()

    # --- learning and executing -------------------------------------------------------------------

    def vote(self, slot: int, ballot: Ballot, command: Command) -> None:
        self.log.put(Vote(slot, ballot, command))
        self.persist(key_of(slot), Durable(ballot, command, self.log.chosen))

    def learn(self, ballot: Ballot, chosen: int) -> None:
        """The leader of ``ballot`` says that slots up to ``chosen`` are: so are one's own votes of
        that very ballot. Others must be asked for; but a message may just be late, so not yet.
        """
        log = self.log
        while log.chosen < chosen and log.ballot(log.chosen + 1) == ballot:
            self.advance()
        if chosen > self.known:  # noqa: PLR1730  not max: most messages come here
            self.known = chosen

    def advance(self) -> None:
        """The next slot is chosen, and its command is in the log: execute it."""
        log = self.log
        log.chosen += 1
        command = log[log.chosen].command
        name = name_of(command)
        self.note("decided", [log.chosen, name])
        updates = command.f not in self.reads and command.f in self.served
        first = updates and not self.store.ran(command)
        if first:
            self.note("executed", [command.key, name])
        answer = self.apply(log.chosen, command)
        self.answer(self.clients.pop(command), answer)
        self.passed(log.chosen)
        if first:
            self.executed(command, answer)
        if self.questions:
            self.answer_reads()
        if log.chosen % self.snapshot_every == 0:
            self.compact()

    def apply(self, slot: int, command: Command) -> Answer:  # noqa: ARG002  for subclasses
        """Execute what was chosen in this slot."""
        return self.run(command)

    def passed(self, chosen: int) -> None:
        """For subclasses: this slot is executed, and all before it."""

    def run(self, command: Command) -> Answer:
        return self.store.run(command)

    def executed(self, command: Command, answer: Answer) -> None:
        """For subclasses: an update was run here, for the first time, in the order of the log.
        Of those that ran before a restart or came in a snapshot ``restored`` tells.
        """

    def restored(self) -> None:
        """For subclasses: ``store`` is what the disk, or another replica's snapshot, made it."""

    def answer_reads(self) -> None:
        """Answer the quorum reads that may be. One that waits for more than a tick, for a lost
        message or for a slot that nobody fills, takes a slot of its own (see ``tick``).
        """
        for command in self.questions.ready(self.log.chosen):
            self.answer(self.clients.pop(command), self.run(command))

    def compact(self) -> None:
        """Chandra 2007, section 5.5: a snapshot, and a log that begins ``keep`` slots before it."""
        slot = self.log.chosen
        self.snapshot = (slot, self.picture())
        self.persist("snapshot", self.snapshot)
        for old in self.log.truncate(max(self.log.base, slot - self.keep)):
            self.forget(key_of(old))

    def picture(self) -> Json:
        """What a snapshot is of."""
        return self.store.snapshot()

    def revive(self, picture: Json) -> None:
        """Be what a snapshot shows."""
        self.store = self.machine.restore(picture)

    # --- catching up ------------------------------------------------------------------------------

    def ask(self, node: NodeId) -> None:
        self.send(node, Missing(self.log.chosen + 1, self.incoming.slot, len(self.incoming.text)))

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        log = self.log
        if msg.slot <= log.base:
            self.send(src, part(*self.snapshot, msg))
        elif msg.slot <= log.chosen:
            last = min(msg.slot + self.reach - 1, log.chosen)
            self.send(src, Chosen(tuple(log.since(msg.slot, last)), log.chosen))

    def on_chosen(self, src: NodeId, msg: Chosen) -> None:
        before = self.log.chosen
        self.absorb(msg.votes, msg.chosen)
        self.known = max(self.known, msg.chosen)
        if self.log.chosen > before:
            self.caught_up(src)

    def absorb(self, votes: Iterable[Vote], chosen: int) -> None:
        """Take over what another replica knows to be chosen. A leader does not: that it lacks any
        means that it was deposed, and it may not change slots beneath its own proposals.
        """
        if self.leads:
            return
        for vote in votes:
            if vote.slot == self.log.chosen + 1 and vote.slot <= chosen:
                self.vote(vote.slot, vote.ballot, vote.command)
                self.advance()

    @abstractmethod
    def caught_up(self, src: NodeId) -> None:
        """Some was learnt from ``src``: enough to lead, or ask for more."""

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if msg.slot <= self.log.chosen or self.leads:
            return
        if not self.incoming.add(msg):
            return
        if self.incoming.complete:
            self.install(msg.slot, loads(self.incoming.text))
            self.caught_up(src)
        else:
            self.ask(src)

    def install(self, slot: int, state: Json) -> None:
        """A snapshot replaces the whole prefix in one step: no crash can come in between."""
        self.note("sometimes", INSTALLED)
        self.incoming = Incoming()
        self.snapshot = (slot, state)
        self.persist("snapshot", self.snapshot)
        self.revive(state)
        for old in self.log.jump(slot):
            self.forget(key_of(old))
        self.restored()
        self.answer_what_ran()

    def answer_what_ran(self) -> None:
        """Another's state was taken over: tell the clients whose commands it has executed."""
        for command in self.clients.commands():
            if command.f not in self.reads and self.store.ran(command):
                self.answer(self.clients.pop(command), self.store.run(command))
        self.answer_reads()
