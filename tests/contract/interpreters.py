"""Both interpreters of a replica behind one face: a script says which event happens next.

What a step sends waits in ``flying`` until the script delivers, repeats or loses it; timers run
down when the script says so. So the same script can be played on the simulator's own loop and on
the node's own engine and journal, and all that can be seen of a step be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from harness.node.engine import Engine
from harness.node.inspect import plain
from harness.node.journal import Journal
from harness.sim.agenda import MESSAGE, REQUEST, TIMER, TO_ITSELF, Entry
from harness.sim.clients import Call
from harness.sim.members import Settling
from harness.sim.node import Alarm
from harness.sim.parcel import Parcel
from harness.sim.setup import PERFECT, Setup
from harness.sim.simulator import Simulator
from protocols.kernel import Cluster, Command, NodeId, Received, Replica, RequestId
from protocols.wire import Codec, dumps, loads
from workloads.kernel import Generator, Options, Workload

NODES = 3
MS = 1_000_000


@dataclass
class Seen:
    """All that a step showed. Values are as JSON gives them back."""

    sent: list[tuple[NodeId, NodeId, str]] = field(default_factory=list)
    """(src, dst, text), in order."""
    to_itself: list[str] = field(default_factory=list)
    replies: list[tuple[RequestId, Any, bool]] = field(default_factory=list)
    notes: list[tuple[str, Any]] = field(default_factory=list)
    timers: list[str] = field(default_factory=list)
    """Those that are set, in all."""
    durable: dict[str, Any] = field(default_factory=dict)
    """The whole disk."""
    state: object = None
    """The replica's whole state but its clock, or None if the node is down."""
    leader: NodeId | None = None


class Interpreter(Protocol):
    """Plays events at a node; each method is one moment of virtual time."""

    now_ms: int

    def start(self, node: NodeId) -> None: ...
    def kill(self, node: NodeId) -> None: ...
    def request(self, node: NodeId, command: Command) -> RequestId: ...
    def deliver(self, src: NodeId, dst: NodeId, text: str) -> None: ...
    def fire(self, node: NodeId, timer: str) -> None: ...

    def look(self, node: NodeId) -> Seen:
        """What was seen of this node since the last look."""
        ...


def state_of(replica: Replica[Any] | None) -> object:
    if replica is None:
        return None
    return plain({name: value for name, value in replica.state().items() if name != "now_ms"})


class Audience:
    """Takes the place of the simulator's clients: hears answers, and ends the loop after one entry."""

    def __init__(self) -> None:
        self.left = 0
        self.replies: list[tuple[RequestId, Any, bool]] = []

    @property
    def done(self) -> bool:
        self.left -= 1
        return self.left < 0

    def follow(self, generator: Generator) -> None: ...
    def poll(self) -> None: ...
    def complete(self, call: Call, *_: object, **__: object) -> None: ...

    def answered(self, call: Call, value: object, *, ok: bool) -> None:
        self.replies.append((call.request, loads(dumps(value)), ok))


class Simulated:
    """The simulator, its agenda emptied after each entry."""

    def __init__(self, protocol: type[Replica[Any]]) -> None:
        nothing = Workload(
            name="none", main=lambda *_: Settling(0), final=lambda *_: Settling(0), checks={}
        )
        options = Options(threads=1, nodes=NODES, time_ms=1)
        setup = Setup(
            protocol=protocol, workload=nothing, options=options, network=PERFECT, skew_ms=0
        )
        self.now_ms = 0
        self.simulator = Simulator(setup)
        self.simulator.clients = self.audience = cast("Any", Audience())
        self.alarms: dict[NodeId, dict[str, tuple[Alarm, int]]] = {}
        self.sent: dict[NodeId, list[tuple[NodeId, NodeId, str]]] = {n: [] for n in range(NODES)}
        self.to_itself: dict[NodeId, list[str]] = {n: [] for n in range(NODES)}
        self.codec = Codec(protocol.messages)
        self.packed: dict[str, object] = {}
        """What the simulator made of the message of this text."""

    def start(self, node: NodeId) -> None:
        self.simulator.agenda.now_ns = self.now_ms * MS
        self.simulator._start(self.simulator.nodes[node])
        self._collect()

    def kill(self, node: NodeId) -> None:
        self.simulator._kill(self.simulator.nodes[node])

    def request(self, node: NodeId, command: Command) -> RequestId:
        call = Call(cast("Any", None), command, node)
        self._play(REQUEST, node, call)
        return call.request

    def deliver(self, src: NodeId, dst: NodeId, text: str) -> None:
        if src == dst:
            self._play(TO_ITSELF, dst, self.simulator.nodes[dst].incarnation, self.packed[text])
        else:
            self._play(MESSAGE, dst, self.simulator.nodes[src].wires[dst], self.packed[text])

    def fire(self, node: NodeId, timer: str) -> None:
        """One that was set when the node was last looked at, and has not been set again since."""
        alarm, due_ns = self.alarms[node][timer]
        if alarm.due_ns == due_ns:
            alarm.due_ns = 0
        self._play(TIMER, node, timer, alarm)

    def look(self, node: NodeId) -> Seen:
        it = self.simulator.nodes[node]
        seen = Seen(
            sent=self.sent[node],
            to_itself=self.to_itself[node],
            replies=self.audience.replies,
            notes=[(row.f, row.value) for row in self.simulator.rows],
            timers=sorted(it.alarms),
            durable=it.durable(),
            state=state_of(it.replica),
            leader=it.replica.leader() if it.replica else None,
        )
        self.alarms[node] = {name: (alarm, alarm.due_ns) for name, alarm in it.alarms.items()}
        self.sent[node], self.to_itself[node], self.audience.replies = [], [], []
        self.simulator.rows.clear()
        return seen

    def _play(self, kind: int, where: int, a: object, b: object = None) -> None:
        agenda = self.simulator.agenda
        agenda.heap.append((self.now_ms * MS, 0, kind, where, a, b))
        self.audience.left = 1
        self.simulator._begin(Settling(0), None)
        self.simulator._loop()
        self._collect()

    def _collect(self) -> None:
        """Take what was sent off the agenda; the script says what becomes of it, and of timers."""
        heap = self.simulator.agenda.heap
        for entry in sorted(heap, key=_serial):
            _, _, kind, where, a, b = entry
            if kind == MESSAGE:
                src = cast("Any", a).src
                self.sent[src].append((src, where, self._text(b)))
            elif kind == TO_ITSELF:
                self.to_itself[where].append(self._text(b))
        heap.clear()

    def _text(self, packed: object) -> str:
        if isinstance(packed, Parcel):  # few have a text where nobody watches
            text = packed.text or self.codec.encode(packed.open())
        else:
            text = self.codec.encode(packed)
        self.packed[text] = packed
        return text


def _serial(entry: Entry) -> int:
    return entry[1]


class _Machine:
    """A node's engine on its journal, and the world that it acts upon. None while it is down."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.engine: Engine | None = None
        self.journal: Journal | None = None
        self.timers: dict[str, int] = {}
        self.waiting: set[RequestId] = set()
        self.id = 0

    def send(self, dst: NodeId, text: str) -> None:
        self.seen.sent.append((self.id, dst, text))

    def set_timer(self, timer: str, generation: int, ms_min: int, ms_max: int) -> None:
        assert 0 <= ms_min <= ms_max
        self.timers[timer] = generation

    def cancel_timer(self, timer: str) -> None:
        self.timers.pop(timer, None)

    def reply(self, request: RequestId, value: str, ok: bool) -> None:
        if request in self.waiting:
            self.waiting.remove(request)
            self.seen.replies.append((request, loads(value), ok))

    def note(self, kind: str, value: str) -> None:
        self.seen.notes.append((kind, loads(value)))


class Real:
    """The node's engine and journal, in a directory; only the sockets are missing."""

    def __init__(self, protocol: type[Replica[Any]], directory: Path) -> None:
        self.now_ms = 0
        self._protocol, self._directory = protocol, directory
        self._machines = [_Machine() for _ in range(NODES)]

    def start(self, node: NodeId) -> None:
        machine = self._machines[node]
        machine.id = node
        machine.journal = Journal(self._directory / str(node), _no_warning)
        machine.engine = Engine(
            self._protocol,
            node,
            Cluster(tuple(range(NODES)), rtt_ms=20),
            identity=f"node {node}",
            journal=machine.journal,
            world=machine,
            now_ms=lambda: self.now_ms,
        )
        self.turn(node)

    def kill(self, node: NodeId) -> None:
        machine = self._machines[node]
        assert machine.journal is not None
        machine.journal.close()
        machine.engine = machine.journal = None
        machine.timers.clear()
        machine.waiting.clear()

    def request(self, node: NodeId, command: Command) -> RequestId:
        request = self.engine(node).request(command)
        self._machines[node].waiting.add(request)
        return request

    def deliver(self, src: NodeId, dst: NodeId, text: str) -> None:
        self.engine(dst).receive(src, text)

    def fire(self, node: NodeId, timer: str) -> None:
        self.engine(node).fire(timer, self._machines[node].timers[timer])

    def turn(self, node: NodeId) -> None:
        """Play all that has come in since the last turn, as one turn."""
        machine, engine = self._machines[node], self.engine(node)
        engine.turn()
        for event in engine.inbox:  # what it sent to itself: the script delivers that too
            assert isinstance(event, Received)
            machine.seen.to_itself.append(engine.codec.encode(event.msg))
        engine.inbox.clear()
        for timer in list(machine.timers):
            if timer not in engine._armed:  # it ran down in this turn
                del machine.timers[timer]

    def look(self, node: NodeId) -> Seen:
        machine = self._machines[node]
        seen, machine.seen = machine.seen, Seen()
        if machine.engine is None or machine.journal is None:
            with reading(self._directory / str(node)) as journal:
                durable = journal.durable()
        else:
            durable = machine.journal.durable()
            seen.state = state_of(machine.engine.replica)
            seen.leader = machine.engine.replica.leader()
        seen.timers = sorted(machine.timers)
        seen.durable = {key: value for key, value in durable.items() if key[0] != "@"}
        return seen

    def engine(self, node: NodeId) -> Engine:
        engine = self._machines[node].engine
        assert engine is not None
        return engine

    def close(self) -> None:
        for node, machine in enumerate(self._machines):
            if machine.engine is not None:
                self.kill(node)


@contextmanager
def reading(directory: Path) -> Iterator[Journal]:
    journal = Journal(directory, _no_warning)
    yield journal
    journal.close()


def _no_warning(text: str) -> None:
    raise AssertionError(text)
