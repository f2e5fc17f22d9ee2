"""The replica: its place in the chain, the updates that pass it, and its clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, assert_never, cast

from protocols.answers import Answer
from protocols.chain.configuration import FIRST, MASTER, Config, Master, reconfigure
from protocols.chain.copying import Copying
from protocols.chain.detector import PATIENCE, Detector
from protocols.chain.history import SNAPSHOT, History, Outcome, key_at
from protocols.chain.link import Link
from protocols.chain.messages import (
    MESSAGES,
    Ack,
    Answered,
    Ask,
    Confirm,
    Confirmed,
    Copy,
    Entry,
    Heartbeat,
    Lack,
    Message,
    Round,
    Update,
)
from protocols.chain.reads import Reads
from protocols.clients import Clients, named
from protocols.kernel import Cluster, Command, Json, NodeId, RequestId
from protocols.multipaxos import MultiPaxos
from protocols.nested import Host, Part, Wrapped, carried, some
from protocols.statemachine import COMMANDS, OUTDATED, READS, KeyValue, name_of

TICK = 5
"""Round trips between two signs of life, and before anything is sent again."""

LEFT, JOINED = "a member was removed", "a node was appended after it had copied"
COPIED, RESENT = "a copy began with a snapshot", "updates were sent again"


class Chain(Host[Message | Wrapped]):
    """See the package. Options: ``read`` (tail, craq), ``batch``, ``pipeline``, ``snapshot_every``
    and ``keep`` (updates).
    """

    messages: ClassVar[tuple[type, ...]] = (*MESSAGES, *carried(MASTER))
    multi_key: ClassVar[bool] = True
    choices: ClassVar[Mapping[str, tuple[int | str, ...]]] = MultiPaxos.choices
    sometimes: ClassVar[tuple[str, ...]] = (LEFT, JOINED, COPIED, RESENT)

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.batch = self.cluster.number("batch", 64)
        self.pipeline = self.cluster.number("pipeline", 4)
        self.snapshot_every = self.cluster.number("snapshot_every", 1000)
        self.keep = self.cluster.number("keep", 1000, least=0)
        self.craq = cluster.options.get("read", "tail") == "craq"
        self.reach = 4 * self.batch * self.pipeline
        """How many updates a head lets in before the tail has them."""
        self.clients = Clients(capacity=1024, patience=100)
        self.master = Master(id, replace(cluster, options=some(cluster.options, self.choices)))
        self.part = self.add_part("master", MASTER, self.master)
        self.detector: Detector | None = None
        """Of the leader of the master."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        if (read := cluster.options.get("read", "tail")) not in ("tail", "craq"):
            raise ValueError(f"read={read}: it is one of tail, craq")

    # --- start and dispatch -----------------------------------------------------------------------

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.incarnation = 1 + cast("int", durable.get("incarnation", 0))
        self.rounds = 0
        self.persist("incarnation", self.incarnation)
        epoch, members, complete = cast(
            "tuple[int, Sequence[NodeId], bool]", durable.get("config", (FIRST, self.nodes, True))
        )
        self.complete = complete
        """Whether this replica has all that was ever committed; outside of the chain: all that the
        tail had, a moment ago."""
        slot, state = cast("tuple[int, Json]", durable.get(SNAPSHOT, (0, None)))
        self.snapshot = (slot, state)
        self.history = History.load(durable)
        self.enter(Config(epoch, tuple(members)))
        self.start_parts(durable)
        self.set_timer("tick", TICK * self.cluster.rtt_ms)

    def on_message(self, src: NodeId, msg: Message | Wrapped) -> None:
        if isinstance(msg, Wrapped):
            self.to_part(src, msg)
        elif isinstance(msg, Ask):
            self.on_ask(src, msg.commands)
        elif isinstance(msg, Answered):
            self.finish(msg.session, msg.serial, Answer(msg.value, msg.ok))
        elif isinstance(msg, Heartbeat):
            if self.detector is not None:
                self.detector.hear(src, msg)
        elif msg.epoch == self.config.epoch:  # the fence: another epoch's chain is another chain
            self.on_chain_message(src, msg)

    def on_chain_message(
        self, src: NodeId, msg: Update | Ack | Confirm | Confirmed | Lack | Copy
    ) -> None:
        match msg:
            case Update():
                self.on_update(src, msg)
            case Ack():
                self.on_ack(src, msg)
            case Confirm():
                self.send(src, Confirmed(msg.epoch, msg.round))
            case Confirmed():
                self.reads.on_confirmed(src, msg)
            case Lack():
                self.copying.on_lack(src, msg)
            case Copy():
                self.copying.on_copy(src, msg)
            case _:
                assert_never(msg)

    @property
    def is_member(self) -> bool:
        return self.id in self.config.members

    @property
    def is_head(self) -> bool:
        return self.id == self.config.head

    @property
    def is_tail(self) -> bool:
        return self.id == self.config.tail

    def leader(self) -> NodeId | None:
        return self.config.head

    # --- the configuration ------------------------------------------------------------------------

    def answered(self, part: Part, request: RequestId, value: Json, ok: bool | None) -> None:
        """The master answers a proposal: what counts is what it has decided (``stepped``)."""

    def noted(self, part: Part, kind: str, value: Json) -> None:
        if kind in ("decided", "executed"):
            super().noted(part, kind, value)

    def stepped(self, part: Part) -> None:  # noqa: ARG002  there is one
        latest = self.master.latest(self.nodes)
        if latest.epoch > self.config.epoch:
            self.adopt(latest)
        if (self.master.leader() == self.id) != (self.detector is not None):
            self.detector = None if self.detector else Detector(self.nodes)

    def adopt(self, config: Config) -> None:
        """Go on to a later epoch. Durably, before anything is said in it: this is the fence that
        ``Confirmed`` promises. Who was removed has nothing that counts any more.
        """
        was, before = self.is_member, self.config.members
        if self.id in before and set(before) - set(config.members):
            self.note("sometimes", LEFT)
        if was and self.id not in config.members:
            self.void()
        if not was or self.id not in config.members:
            self.complete = False
        self.enter(config)
        self.save_config()
        self.submit(self.clients.commands())

    def save_config(self) -> None:
        config = self.config
        self.persist("config", (config.epoch, config.members, self.complete and self.is_member))

    def void(self) -> None:
        """An old head may have updates that the chain never had: forget them all, and copy."""
        for place in self.history.entries:
            self.forget(key_at(place))
        self.forget(SNAPSHOT)
        self.history, self.snapshot = History(), (0, None)

    def enter(self, config: Config) -> None:
        """Begin an epoch, or this incarnation's part of it."""
        self.config = config
        self.early: dict[int, tuple[Entry, ...]] = {}
        self.open = False
        """Whether this tail may commit: a majority has confirmed the epoch."""
        self.reads = self.make_reads()
        self.copying = Copying(self)
        successor = config.after(self.id)
        self.link = None if successor is None else Link(successor, self.pipeline)
        if self.is_head:
            self.note("leader", [[config.epoch, config.head], config.head])
        if self.link is not None:
            self.probe(self.link)
        if self.is_tail:
            self.reads.confirm()
        if not self.complete:
            self.copying.ask()

    def make_reads(self) -> Reads:
        return Reads(self)

    def next_round(self) -> Round:
        self.rounds += 1
        return (self.incarnation, self.rounds)

    def watch(self) -> None:
        """A sign of life to the leader of the master; being that, decide who is alive."""
        link = self.link
        suspect = link.node if link is not None and link.silence >= 2 * PATIENCE else None
        report = Heartbeat(self.config.epoch, self.complete, suspect)
        leader = self.master.leader()
        if self.detector is None:
            if leader is not None:
                self.send(leader, report)
            return
        self.detector.tick()
        self.detector.hear(self.id, report)
        members = self.detector.successor_of(self.config)
        if members is not None:
            self.ask_part(self.part, 0, reconfigure(self.config, members))

    # --- clients ----------------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        command = named(command, self.id, request)
        if command.f not in COMMANDS or not self.clients.add(request, command):
            self.reply(request, "refused: no such command, or too many", ok=False)
        else:
            self.submit([command])

    def submit(self, commands: Sequence[Command]) -> None:
        """Get commands of this node's clients to where they are served."""
        away: dict[NodeId, list[Command]] = {}
        for command in commands:
            if command.f in READS and self.craq and self.is_member and self.complete:
                self.reads.add(self.id, command)
            else:
                to = self.config.tail if command.f in READS else self.config.head
                away.setdefault(to, []).append(command)
        for node, asked in away.items():
            for i in range(0, len(asked), self.batch):
                self.ask(node, tuple(asked[i : i + self.batch]))

    def ask(self, node: NodeId, commands: tuple[Command, ...]) -> None:
        if node == self.id:
            self.on_ask(node, commands)
        else:
            self.send(node, Ask(commands))

    def on_ask(self, src: NodeId, commands: tuple[Command, ...]) -> None:
        """Serve what is served here. The rest was sent by one who knows another configuration, and
        who will send it again.
        """
        for command in commands:
            if command.f in READS:
                if self.is_tail and self.complete:
                    self.reads.add(src, command)
            elif self.is_head and self.admits(command):
                self.apply(Entry(src, command))
        self.pass_on()

    def admits(self, command: Command) -> bool:
        """One that is under way is answered by that; and what is not committed is bounded."""
        history = self.history
        return not history.under_way(command) and history.last - history.committed < self.reach

    def confirmed(self, reads: Sequence[tuple[NodeId, Command]]) -> None:
        """The epoch was the last, for a majority, after these reads had come."""
        if not self.open:
            self.open = True
            self.settle()
            self.ack()
        for origin, command in reads:
            if self.may_read(command.key):
                self.answer(origin, command, self.history.store.run(command))
            else:
                self.ask(self.config.tail, (command,))

    def may_read(self, key: str) -> bool:
        """The tail has what is committed; others too, of keys that are clean here (CRAQ, 2.3)."""
        return self.is_tail or self.history.clean(key)

    def answer(self, origin: NodeId, command: Command, answer: Answer) -> None:
        """Tell a client, unless all that is known is that its command has long been answered."""
        if answer is OUTDATED:
            return
        if origin == self.id:
            self.finish(command.session, command.serial, answer)
        else:
            self.send(origin, Answered(command.session, command.serial, answer.value, answer.ok))

    def finish(self, session: str, serial: int, answer: Answer) -> None:
        request = self.clients.pop(Command("", "", None, session, serial))
        if request is not None:
            self.reply(request, answer.value, ok=answer.ok)

    # --- updates, down the chain ------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Section 2: append to Hist, and let it change the state; durably, before it is passed on."""
        place = self.history.apply(entry)
        self.persist(key_at(place), entry)
        if place % self.snapshot_every == 0:
            self.compact()

    def pass_on(self) -> None:
        """To the successor what it has not been sent; the tail commits, and answers."""
        link, history = self.link, self.history
        if link is None:
            self.settle()
            return
        while link.may_send(history.last) and link.sent >= history.base:
            entries = history.after(link.sent, self.batch)
            self.send(link.node, Update(self.config.epoch, link.sent + 1, entries, history.last))
            link.send(link.sent + len(entries))

    def probe(self, link: Link) -> None:
        """Ask what has arrived of all that was sent."""
        last = self.history.last
        first = last if link.received is None else link.sent
        self.send(link.node, Update(self.config.epoch, first + 1, (), last))

    def on_update(self, src: NodeId, msg: Update) -> None:
        """From the predecessor; outside of the chain, a copy from the tail."""
        if src != self.copying.source:
            return
        before = self.history.last
        self.take(msg)
        last = self.history.last
        if not self.complete:
            if last >= msg.upto:
                self.become_complete()
            elif last > before or not msg.entries:
                self.copying.ask()
        if not self.is_member:
            self.history.commit(last)  # the tail has it
        elif self.is_tail or not msg.entries or last == before:
            self.pass_on()
            self.ack(lacks=not msg.entries and msg.first > last + 1)
        else:
            self.pass_on()

    def take(self, msg: Update) -> None:
        """Apply what comes next; keep a little of what came too early."""
        history, early = self.history, self.early
        fits = msg.first <= history.last + 1 or len(early) < 2 * self.pipeline
        if fits and msg.first + len(msg.entries) > history.last + 1:
            early[msg.first] = msg.entries
        while early and (first := min(early)) <= history.last + 1:
            for entry in early.pop(first)[history.last + 1 - first :]:
                self.apply(entry)

    def become_complete(self) -> None:
        """As far as the predecessor, in an epoch in which nothing commits but through here."""
        self.complete = True
        if self.is_member:
            self.note("sometimes", JOINED)
            self.save_config()
            self.settle()

    # --- acknowledgements, up the chain -----------------------------------------------------------

    def settle(self) -> None:
        """The tail: all that it has applied is committed."""
        if self.is_tail and self.complete and self.open:
            self.commit(self.history.last)

    def ack(self, *, lacks: bool = False) -> None:
        predecessor = self.config.before(self.id)
        if predecessor is not None:
            committed = self.history.committed if self.complete else 0
            self.send(predecessor, Ack(self.config.epoch, self.history.last, committed, lacks))

    def on_ack(self, src: NodeId, msg: Ack) -> None:
        link = self.link
        if link is None or src != link.node:
            return
        if link.ack(msg.received, lacks=msg.lacks):
            self.note("sometimes", RESENT)
        if msg.committed > self.history.committed:
            self.commit(msg.committed)
            self.ack()
        self.pass_on()

    def commit(self, upto: int) -> None:
        for place, entry, outcome in self.history.commit(upto):
            if outcome is not None:
                self.committed(place, entry, outcome)

    def committed(self, place: int, entry: Entry, outcome: Outcome) -> None:
        name = name_of(entry.command)
        self.note("decided", [place, name])
        if outcome.first:
            self.note("executed", [entry.command.key, name])
        if self.is_tail:
            self.answer(entry.origin, entry.command, outcome.answer)

    # --- what is kept -----------------------------------------------------------------------------

    def compact(self) -> None:
        history = self.history
        self.snapshot = (history.last, history.store.snapshot())
        self.persist(SNAPSHOT, self.snapshot)
        for place in history.truncate(self.keep):
            self.forget(key_at(place))

    def install(self, slot: int, state: Json) -> None:
        """A copied state replaces all there was, in one step."""
        self.note("sometimes", COPIED)
        for place in self.history.entries:
            self.forget(key_at(place))
        self.snapshot = (slot, state)
        self.persist(SNAPSHOT, self.snapshot)
        self.history = History(slot, KeyValue.restore(state))

    # --- timers -----------------------------------------------------------------------------------

    def on_timer(self, timer: str) -> None:
        if self.part_fired(timer):
            return
        assert timer == "tick", timer
        self.set_timer("tick", TICK * self.cluster.rtt_ms)
        self.watch()
        if self.link is not None:
            self.link.silence += 1
            self.probe(self.link)
        self.reads.tick()
        if not self.complete or not self.is_member:
            self.copying.ask()
        self.submit(self.clients.tick())
