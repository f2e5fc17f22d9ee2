"""Nodes in virtual time: their replicas are stepped here; what these say ``carrier`` does, for most."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from traceback import extract_tb
from typing import cast

from checker.history import INFO, Row
from harness.sim.agenda import (
    ANSWER,
    MESSAGE,
    REQUEST,
    TIMER,
    TO_ITSELF,
    WINDOW,
    Agenda,
    Entry,
)  # fmt: skip
from harness.sim.carrier import carrier
from harness.sim.clients import Clients
from harness.sim.clock import MILLION, Clocks
from harness.sim.disk import Disks
from harness.sim.flood import dam
from harness.sim.frozen import Keeper
from harness.sim.jsonable import plain
from harness.sim.network import MS, US, Wire
from harness.sim.node import Alarm, Node
from harness.sim.parcel import Parcel, Post
from harness.sim.seen import Seen, Watch
from harness.sim.setup import Setup
from harness.sim.trace import Trace
from protocols.kernel import NOTE, Cluster, Event, Said
from protocols.shapes import SCALARS
from protocols.wire import Codec, dumps

TO_ITSELF_NS = 100 * US
"""A message to oneself takes up to this."""

COUNTERS = ("lost", "duplicated", "cut", "to_dead", "refused", "timeouts", "crashed")

DISK_FULL = "disk-full"
"""The note of a node that could not write."""

NAMES = {
    TIMER: "timer", TO_ITSELF: "<- itself", REQUEST: "request", WINDOW: "nemesis", ANSWER: "reply"
}  # fmt: skip


class Stage:
    """The nodes of a run, with their disks, clocks, links and clients."""

    def __init__(self, setup: Setup, watch: Watch | None, agenda: Agenda, codec: Codec) -> None:
        options = setup.options
        self.setup, self.watch = setup, watch
        self.agenda, self.trace = agenda, Trace()
        self.rows: list[Row] = []
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.post = Post(codec, setup.protocol.messages, self.trace, watched=watch is not None)
        self.keeper = Keeper()
        self.cluster = Cluster(
            nodes=tuple(range(options.nodes)),
            zones=setup.zones,
            rtt_ms=setup.rtt_ms,
            options=setup.protocol_options,
        )
        self.nodes = [Node(i, setup) for i in range(options.nodes)]
        self.disks = Disks(setup, self.agenda, self.nodes, self._release, self._no_space)
        self.clocks = Clocks(self.agenda, self.nodes)
        self.clients = Clients(setup, self.agenda, self.rows)
        self.to_itself = Random(f"{setup.seed}/to-itself").getrandbits
        self.writer: int | None = None
        """The node that persisted last."""
        for node in self.nodes:
            node.carry = carrier(self, node)

    # --- steps ------------------------------------------------------------------------------------

    def _step(self, node: Node, event: Event) -> None:
        """Let a node that runs take a rare event; ``_tell`` is for the frequent ones."""
        assert node.replica is not None
        self._tell(node, node.replica.react, event)

    def _tell(self, node: Node, handle: Callable[..., object], *what: object) -> None:
        """One step of a node: a handler of its replica is called, and what it says is carried out."""
        replica = node.replica
        assert replica is not None
        now_ns = self.agenda.now_ns
        replica.now_ms = (now_ns + node.skew_ns) // MS
        replica._said = []  # noqa: SLF001  as Replica.react does
        try:
            handle(*what)
        except Exception as error:  # noqa: BLE001  as on a host: its process ends, the others go on
            self._crash(node, error)
            return
        effects = replica._said  # noqa: SLF001
        if effects:
            if node.late is None:
                node.carry(effects, now_ns)
            else:
                self.disks.take(node, effects)

    def _release(self, node: Node, effects: list[Said]) -> None:
        node.carry(effects, self.agenda.now_ns)

    def _crash(self, node: Node, error: Exception) -> None:
        """The replica failed by its own fault. What it said in this step is lost with it."""
        where = extract_tb(error.__traceback__)[-1]
        self._fail(
            node, f"{error!r} in {where.name}, {where.filename.rpartition('/')[2]}:{where.lineno}"
        )

    def _flooded(self) -> None:
        """More messages are under way than there is room for: who sent the most of them fails."""
        node, text = dam(self.agenda.heap)
        self._fail(self.nodes[node], text)

    def _fail(self, node: Node, text: str) -> None:
        self.counters["crashed"] += 1
        self._note(node, "crashed", text)
        self._kill(node)

    def send_oddly(self, wire: Wire, dst: int, taken: int, packed: object) -> None:
        """The message may be lost, come twice, or be late; or there is weather. Or it is to oneself."""
        if wire.src == dst:
            after = self.to_itself(32) * TO_ITSELF_NS >> 32
            incarnation = self.nodes[dst].incarnation
            self.agenda.at(self.agenda.now_ns + after, TO_ITSELF, dst, incarnation, packed)
            return
        arrivals = wire.arrivals(taken)
        if len(arrivals) != 1:
            self.counters["duplicated" if arrivals else "lost"] += 1
        if not arrivals:
            now_ns = self.agenda.now_ns
            self._see_lost("lost", (now_ns, 0, MESSAGE, dst, wire, packed))
        for after in arrivals:
            self.agenda.at(self.agenda.now_ns + after, MESSAGE, dst, wire, packed)

    def set_timer(self, node: Node, timer: str, ms_min: int, ms_max: int) -> None:
        """Timers that are set again and again are on the agenda once: see ``_timer``."""
        least, most = ms_min * MS, ms_max * MS
        assert 0 <= least <= most, f"{timer}: {ms_min} to {ms_max} ms is no range of time"
        after_ns = least + (node.draw(32) * (most - least + 1) >> 32)
        if node.drift_ppm:
            after_ns = after_ns * MILLION // (MILLION + node.drift_ppm)
        due_ns = self.agenda.now_ns + after_ns
        alarm = node.alarms.get(timer)
        if alarm is not None and alarm.listed_ns <= due_ns:
            alarm.due_ns = due_ns
            return
        alarm = node.alarms[timer] = Alarm(due_ns)
        self.agenda.at(due_ns, TIMER, node.id, timer, alarm)

    def _note(self, node: Node, kind: str, value: str) -> None:
        """A row of the history that the node itself cannot write."""
        node.carry([(NOTE, kind, value)], self.agenda.now_ns)

    def reply(self, node: Node, request: int, value: object, ok: bool | None) -> bool:
        """Hand an answer on; say whether anybody still waited for it."""
        call = node.calls.pop(request, None)
        if call is None:
            return False
        told = value if type(value) in SCALARS else plain(value)
        trace, now_ns = self.trace, self.agenda.now_ns
        trace.events += (now_ns, ANSWER << 16 | node.id)
        trace.content.append((request, ok, told))
        if self.watch is not None:
            self.watch(Seen(now_ns, node.id, NAMES[ANSWER], f"{request} {ok} {dumps(told)}"))
        self.clients.answered(call, told, ok=ok)
        return True

    # --- what the trace and the watch are told ----------------------------------------------------

    def _note_event(self, kind: int, where: int, text: str) -> None:
        """Put an event into the trace, and before the watch."""
        now_ns = self.agenda.now_ns
        self.trace.add(now_ns, kind << 16 | where, text)
        if self.watch is not None:
            self.watch(Seen(now_ns, where, NAMES[kind], text))

    def _see_lost(self, kind: str, entry: Entry) -> None:
        """Show the watch a message that did not arrive."""
        if self.watch is not None:
            now_ns, _, _, dst, wire, b = entry
            parcel, src = cast("Parcel", b), cast("Wire", wire).src
            self.watch(Seen(now_ns, dst, kind, parcel.text, src, parcel.sent_ns))

    # --- nodes come and go ------------------------------------------------------------------------

    def _kill(self, node: Node) -> None:
        self.disks.crash(node)
        for call in node.crash():
            self.clients.complete(call, INFO, error="connection lost")
        self.clients.poll()

    def _no_space(self, node: Node) -> None:
        """A write has failed: the process ends, as one on a host does."""
        self._note(node, DISK_FULL, "a write failed, so it ends")
        self._kill(node)

    def _start(self, node: Node) -> None:
        if node.replica is not None:
            return
        if node.damaged:
            self._note(node, "refused", "a durable record is damaged, but good ones follow")
            return
        if not self.disks.begins(node):
            self._note(node, DISK_FULL, "it cannot write that it starts")
            return
        if node.torn:
            self._note(node, "torn", "dropped a torn record at the end of the journal")
        self._step(node, node.boot(self.setup.protocol, self.cluster))

    def _pause(self, node: Node) -> None:
        if node.replica is not None and node.parked is None:
            node.parked, node.awake = [], None

    def _resume(self, node: Node) -> None:
        """All that came meanwhile comes now, in the order in which it came, but timers first: as a
        real node takes them when it wakes up.
        """
        parked, node.parked = node.parked or [], None
        node.awake = node.replica
        for _, _, kind, where, a, b in sorted(parked, key=lambda entry: entry[2] != TIMER):
            self.agenda.at(self.agenda.now_ns, kind, where, a, b)
