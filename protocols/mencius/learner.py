"""The learner: what is chosen, in the order of slots, and what becomes of it; catching up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from protocols.clients import Clients
from protocols.executing import Executing
from protocols.kernel import Cluster, Json, NodeId
from protocols.line import Line
from protocols.mencius.messages import Batch, Chosen, Message
from protocols.mencius.slots import PREFIX, Durable, Slots
from protocols.statemachine import KeyValue, name_of
from protocols.transfer import Incoming, Missing, Snapshot, part
from protocols.wire import loads

INSTALLED = "a snapshot was installed"


@dataclass(slots=True)
class Suggestion:
    """What this replica suggested in a slot of its own, until it is executed, or lost."""

    before: int
    batch: Batch
    voters: dict[NodeId, None] = field(default_factory=dict)
    waited: bool = False


class Learner(Executing[Message]):
    """Executes the slots in order, and answers this node's clients."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.batch = cluster.number("batch", 64)
        self.pipeline = cluster.number("pipeline", 8)
        self.snapshot_every = cluster.number("snapshot_every", 2000)
        self.keep = cluster.number("keep", 2000, least=0)
        self.reach = 64 * len(self.nodes) * self.pipeline
        """How many slots beyond the executed ones anything is kept for."""
        self.clients = Clients(capacity=1024, patience=100)
        self.line = Line()
        """Commands of this node's clients that are in no slot yet, or suggested."""
        self.mine: dict[int, Suggestion] = {}
        self.ahead: dict[NodeId, int] = dict.fromkeys(self.peers, 0)
        """How far each peer says that it has executed."""
        self.incoming = Incoming()

    def load(self, durable: Mapping[str, Json]) -> None:
        number, state = cast("tuple[int, Json]", durable.get("snapshot", (0, None)))
        self.snapshot = (number, state)
        self.store = KeyValue.restore(state) if number else KeyValue()
        self.slots, executed = Slots.load(self.nodes, durable, number)
        while self.slots.chosen < executed:
            self.slots.chosen += 1
            slot = self.slots.get(self.slots.chosen)
            if slot is not None:
                slot.chosen = True
                for command in slot.batch:
                    self.store.run(command)

    def save(self, number: int) -> None:
        slots, slot = self.slots, self.slots[number]
        slot.saved = True
        if slot.batch:
            slots.top = max(slots.top, number)
        if slot.batch or slots.owner(number) == self.id:
            slots.used = max(slots.used, number)
        self.persist(
            f"{PREFIX}{number}",
            Durable(slot.promised, slot.voted, slot.batch, slots.chosen, slots.used),
        )

    # --- learning and executing -------------------------------------------------------------------

    def learn(self, number: int, batch: Batch) -> None:
        """This is chosen in this slot. What is on disk must not say otherwise, or too little."""
        slots = self.slots
        if not slots.chosen < number <= slots.chosen + 2 * self.reach:
            return
        slot = slots[number]
        if slot.chosen:
            return
        slot.chosen = True
        if slot.batch != batch:
            slot.batch = batch
            self.save(number)
        suggestion = self.mine.get(number)
        if suggestion is not None and suggestion.batch != batch:
            self.release(number)

    def release(self, number: int) -> None:
        """A suggestion has come to its end. If it was lost, its commands are suggested again, when
        their clients have waited for a while.
        """
        suggestion = self.mine.pop(number, None)
        if suggestion is not None:
            self.line.over(suggestion.batch)

    def advance(self) -> None:
        """Execute what is chosen, in order."""
        slots = self.slots
        while (batch := slots.next_chosen()) is not None:
            slots.chosen += 1
            self.note("decided", [slots.chosen, [name_of(command) for command in batch]])
            for command in batch:
                self.execute(command)
            self.release(slots.chosen)
            if slots.chosen % self.snapshot_every == 0:
                self.compact()

    # --- compaction and catching up ---------------------------------------------------------------

    def compact(self) -> None:
        """A snapshot, and slots that begin ``keep`` before it."""
        slots = self.slots
        self.snapshot = (slots.chosen, self.store.snapshot())
        self.persist("snapshot", self.snapshot)
        slots.used = max(slots.used, slots.chosen)
        for number in slots.forget(max(slots.base, slots.chosen - self.keep)):
            self.forget(f"{PREFIX}{number}")

    def ask(self, node: NodeId) -> None:
        have = self.incoming
        self.send(node, Missing(self.slots.chosen + 1, have.slot, len(have.text)))

    def on_missing(self, src: NodeId, msg: Missing) -> None:
        if msg.slot <= self.slots.base:
            self.send(src, part(*self.snapshot, msg))
        elif msg.slot <= self.slots.chosen:
            self.send(src, Chosen(msg.slot, self.slots.known(msg.slot, 4 * self.batch)))

    def on_chosen(self, src: NodeId, msg: Chosen) -> None:
        before = self.slots.chosen
        for number, batch in enumerate(msg.batches, msg.first):
            self.learn(number, batch)
        self.advance()
        if before < self.slots.chosen < self.ahead[src] and msg.first == before + 1:
            self.ask(src)

    def on_snapshot(self, src: NodeId, msg: Snapshot) -> None:
        if msg.slot <= self.slots.chosen or not self.incoming.add(msg):
            return
        if self.incoming.complete:
            self.install(msg.slot, loads(self.incoming.text))
        self.ask(src)

    def install(self, number: int, state: Json) -> None:
        """A snapshot replaces the whole prefix in one step: no crash can come in between."""
        self.note("sometimes", INSTALLED)
        self.incoming = Incoming()
        self.snapshot, self.store = (number, state), KeyValue.restore(state)
        self.persist("snapshot", self.snapshot)
        for old in self.slots.jump(number):
            self.forget(f"{PREFIX}{old}")
        for slot in [slot for slot in self.mine if slot <= number]:
            self.release(slot)
        self.answer_what_ran()
        self.advance()
