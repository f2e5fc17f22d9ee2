"""ABD: linearizable read/write registers from majority quorums, without consensus.

Attiya, Bar-Noy, Dolev, "Sharing Memory Robustly in Message-Passing Systems", JACM 42(1), 1995;
several writers as in Lynch and Shvartsman, "Robust Emulation of Shared Memory Using Dynamic
Quorum-Acknowledged Broadcasts", FTCS 1997.

Each replica keeps, per register, the value with the highest *tag* that it was told to store. An op
takes two rounds with majorities. First it asks for the highest tag. Then a write stores its value
under a higher tag of its own; a read stores what it found, under the tag that it found (it *writes
back*): otherwise a value that only a minority holds could be read once and then not again.

**Departures.** Any replica coordinates for any client, and several requests at a time, where the
papers have one op per process. A tag is (counter, coordinator), and a coordinator never uses a
counter twice: not for two writes that are under way together, and not after a restart. Replicas
crash and come back, where the papers' processes only stop: what a replica has acknowledged is
durable, and what it coordinated is forgotten (its clients learn nothing). A replica coordinates a
bounded number of requests, and refuses more.

**Assumes** that a majority of replicas is up, now and then, at the same time and connected, for
progress; for safety nothing of time. Loss, duplication and reordering of messages are tolerated:
rounds are repeated until a majority has answered, and each node is counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, assert_never

from protocols.kernel import Command, Json, NodeId, Replica, RequestId, record
from protocols.quorums import Tally
from protocols.wire import read_as

Tag: TypeAlias = tuple[int, NodeId]
"""(counter, coordinator): compared as a pair, so that no two writes have the same."""

Versioned: TypeAlias = tuple[Tag, Json]

ZERO: Tag = (0, -1)
"""The tag of a register that was never written, below all others."""

RETRANSMIT = "retransmit"
REGISTER = "register/"
COUNTER = "counter"


@record
class Query:
    """First round: what is your highest tag, and its value?"""

    request: RequestId
    key: str


@record
class Value:
    request: RequestId
    tag: Tag
    value: Json


@record
class Store:
    """Second round: keep this value, unless you have a higher tag."""

    request: RequestId
    key: str
    tag: Tag
    value: Json


@record
class Stored:
    request: RequestId


Msg: TypeAlias = Query | Value | Store | Stored


@dataclass(slots=True)
class Pending:
    """A request that this replica coordinates: the round it is in, and who has answered that.

    ``waited`` becomes true at the first tick of the retransmission timer that it sees, so that
    what was only just sent is not sent again.
    """

    command: Command
    round: Query | Store
    answers: Tally[Versioned | None]
    waited: bool = False


class ABD(Replica[Msg]):
    """Serves ``read`` and ``write``. Option: ``pending``, how many requests it will coordinate."""

    messages: ClassVar[tuple[type, ...]] = (Query, Value, Store, Stored)
    commands: ClassVar[tuple[str, ...]] = ("read", "write")

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.counter = read_as(int, durable.get(COUNTER, 0))
        self.registers: dict[str, Versioned] = {
            key.removeprefix(REGISTER): read_as(Versioned, value)  # type: ignore[arg-type]
            for key, value in durable.items()
            if key.startswith(REGISTER)
        }
        self.pending: dict[RequestId, Pending] = {}
        self.pending_max = self.cluster.number("pending", 1_000)

    # --- the coordinator --------------------------------------------------------------------------

    def on_request(self, request: RequestId, command: Command) -> None:
        if command.f not in self.commands:
            self.reply(request, f"no such command: {command.f}", ok=False)
            return
        if len(self.pending) >= self.pending_max:
            self.reply(request, "too many requests at once", ok=False)
            return
        if not self.pending:
            self.retransmit_later()
        self.begin(Pending(command, Query(request, command.key), Tally(self.majority)))

    def begin(self, pending: Pending) -> None:
        """Start a round of this request."""
        self.pending[pending.round.request] = pending
        self.broadcast(pending.round)

    def on_value(self, src: NodeId, msg: Value) -> None:
        pending = self.pending.get(msg.request)
        if pending is None or not isinstance(pending.round, Query):
            return
        if not pending.answers.add(src, (msg.tag, msg.value)):
            return
        found = [answer for answer in pending.answers.answers.values() if answer is not None]
        tag, value = max(found, key=lambda answer: answer[0])
        command = pending.command
        if command.f == "write":
            tag, value = self.fresh_tag(tag), command.value
        store = Store(msg.request, command.key, tag, value)
        self.begin(Pending(command, store, Tally(self.majority)))

    def fresh_tag(self, above: Tag) -> Tag:
        """A tag above this one that this coordinator has never used, whatever is under way.

        ``(above[0] + 1, self.id)`` would not do: two writes whose first rounds found the same tag
        would share one.
        """
        self.counter = max(self.counter, above[0]) + 1
        self.persist(COUNTER, self.counter)
        return self.counter, self.id

    def on_stored(self, src: NodeId, msg: Stored) -> None:
        pending = self.pending.get(msg.request)
        if pending is None or not isinstance(pending.round, Store):
            return
        if pending.answers.add(src, None):
            self.reply(msg.request, pending.round.value)
            del self.pending[msg.request]
            if not self.pending:
                self.cancel_timer(RETRANSMIT)

    def retransmit_later(self) -> None:
        self.set_timer(RETRANSMIT, 2 * self.cluster.rtt_ms, 3 * self.cluster.rtt_ms)

    def on_timer(self, timer: str) -> None:
        assert timer == RETRANSMIT, timer
        for pending in self.pending.values():
            if pending.waited:
                answered = pending.answers.answers
                self.broadcast(pending.round, (n for n in self.nodes if n not in answered))
            pending.waited = True
        if self.pending:
            self.retransmit_later()

    # --- the register -----------------------------------------------------------------------------

    def on_message(self, src: NodeId, msg: Msg) -> None:
        match msg:
            case Query():
                self.send(src, Value(msg.request, *self.registers.get(msg.key, (ZERO, None))))
            case Value():
                self.on_value(src, msg)
            case Store():
                self.on_store(src, msg)
            case Stored():
                self.on_stored(src, msg)
            case _:
                assert_never(msg)

    def on_store(self, src: NodeId, msg: Store) -> None:
        """Keep the value if its tag is the highest so far; acknowledge in any case."""
        if msg.tag > self.registers.get(msg.key, (ZERO, None))[0]:
            self.registers[msg.key] = (msg.tag, msg.value)
            self.persist(REGISTER + msg.key, (msg.tag, msg.value))
        self.send(src, Stored(msg.request))
