"""The learner: what is chosen, executed in the order of slots; and what who is behind is told."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import cast

from protocols.clients import Clients
from protocols.executing import Executing
from protocols.kernel import Cluster, Json, NodeId
from protocols.paxos.messages import Batch, Chosen, Message
from protocols.paxos.slots import PREFIX, Slots
from protocols.statemachine import KeyValue, name_of
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads

CHOSEN_AT_ONCE = 32
"""Chosen slots in one message to a laggard."""

INSTALLED = "a snapshot was installed"


class Learner(Executing[Message]):
    """Executes the slots in order, and answers this node's clients."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.snapshot_every = self.cluster.number("snapshot_every", 1000)
        self.keep = self.cluster.number("keep", 1000, least=0)
        self.clients = Clients(capacity=1024, patience=100)
        self.incoming = Incoming()

    def load(self, durable: Mapping[str, Json]) -> None:
        """Come back with what is on disk: the snapshot, and the chosen slots after it."""
        number, state = cast("tuple[int, Json]", durable.get("snapshot", (0, None)))
        self.snapshot = (number, state)
        self.store = KeyValue.restore(state) if number else KeyValue()
        self.slots = Slots.load(durable, number)
        while (batch := self.slots.next_chosen()) is not None:
            self.slots.chosen += 1
            for command in batch:
                self.store.run(command)

    def save(self, number: int) -> None:
        self.persist(f"{PREFIX}{number}", self.slots[number].durable())

    @abstractmethod
    def next_slot(self) -> None:
        """The executed prefix has grown: what was proposed in it is settled."""

    # --- learning and executing -------------------------------------------------------------------

    def on_chosen(self, src: NodeId, msg: Chosen) -> None:  # noqa: ARG002  who asks for more says whom
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

    def compact(self) -> None:
        """A snapshot, and slots that begin ``keep`` before it."""
        self.snapshot = (self.slots.chosen, self.store.snapshot())
        self.persist("snapshot", self.snapshot)
        for number in self.slots.forget(max(self.slots.base, self.slots.chosen - self.keep)):
            self.forget(f"{PREFIX}{number}")

    # --- catching up ------------------------------------------------------------------------------

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

    def ask(self, node: NodeId) -> None:
        have = self.incoming
        self.send(node, Missing(self.slots.chosen + 1, have.slot, len(have.text)))

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        if msg.slot <= self.slots.base:
            self.send(src, part(*self.snapshot, msg))
        else:
            self.tell_chosen(src, msg.slot)

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if msg.slot <= self.slots.chosen or not self.incoming.add(msg):
            return
        if not self.incoming.complete:
            self.ask(src)
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
