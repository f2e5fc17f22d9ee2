"""Nodes in virtual time: their replicas are stepped here, and what these say is done.

This file holds half of the hot path, ``harness.sim.simulator`` the other. Its shape is for speed: type
tests in order of frequency, no object made for an event beyond its entry and the message itself.
"""

from __future__ import annotations

from heapq import heappush
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
from harness.sim.clients import Clients, new_row
from harness.sim.clock import MILLION, Clocks
from harness.sim.disk import Disks
from harness.sim.jsonable import plain
from harness.sim.network import DELAY_BITS, DELAY_MASK, DRAW_BITS, MS, US, Wire
from harness.sim.node import Alarm, Node
from harness.sim.parcel import Parcel, Post
from harness.sim.seen import Seen, Watch
from harness.sim.setup import Setup
from harness.sim.trace import Trace
from protocols.kernel import NOTE, PERSIST, REPLY, SEND, SET_TIMER, Cluster, Event, Said
from protocols.shapes import SCALARS
from protocols.wire import Codec, dumps

TO_ITSELF_NS = 100 * US
"""A message to oneself takes up to this."""

COUNTERS = ("lost", "duplicated", "cut", "to_dead", "refused", "timeouts", "crashed")

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
        self.messages = 0
        self.post = Post(codec, setup.protocol.messages, self.trace, watched=watch is not None)
        self.cluster = Cluster(
            nodes=tuple(range(options.nodes)),
            zones=setup.zones,
            rtt_ms=setup.rtt_ms,
            options=setup.protocol_options,
        )
        self.nodes = [Node(i, setup) for i in range(options.nodes)]
        self.disks = Disks(setup, self.agenda, self.nodes, self._release)
        self.clocks = Clocks(self.agenda, self.nodes)
        self.clients = Clients(setup, self.agenda, self.rows)
        self.to_itself = Random(f"{setup.seed}/to-itself").getrandbits
        self.writer: int | None = None
        """The node that persisted last."""

    # --- steps ------------------------------------------------------------------------------------

    def _step(self, node: Node, event: Event) -> None:
        replica = node.replica
        assert replica is not None
        agenda = self.agenda
        now_ns = agenda.now_ns
        replica.now_ms = (now_ns + node.skew_ns) // MS
        try:
            effects = replica.react(event)
        except Exception as error:  # noqa: BLE001  as on a host: its process ends, the others go on
            self._crash(node, error)
            return
        if effects:
            if node.late is None:
                self._do(node, effects, now_ns)
            else:
                self.disks.take(node, effects)

    def _release(self, node: Node, effects: list[Said]) -> None:
        self._do(node, effects, self.agenda.now_ns)

    def _crash(self, node: Node, error: Exception) -> None:
        """The replica failed by its own fault. What it said in this step is lost with it."""
        self.counters["crashed"] += 1
        where = extract_tb(error.__traceback__)[-1]
        text = f"{error!r} in {where.name}, {where.filename.rpartition('/')[2]}:{where.lineno}"
        self._note(node, "crashed", text)
        self._kill(node)

    def _do(self, node: Node, effects: list[Said], now_ns: int) -> None:
        """Carry out the effects of one step.

        A step is one moment here: nothing can come between its effects, so that all it persists is
        on the disk before anything that it sends can arrive. Where that takes time it is ``disks``
        that says when the effects leave.
        """
        agenda, wires, me, rows, post = self.agenda, node.wires, node.id, self.rows, self.post
        heap, serial = agenda.heap, agenda.serial
        last: object = None
        packed: object = None
        replied = False
        for kind, a, b in effects:
            if kind == SEND:
                if b is not last:
                    last, packed = b, post.pack(b, now_ns)
                for dst in a:
                    if dst == me:
                        after = self.to_itself(32) * TO_ITSELF_NS >> 32
                        agenda.at(now_ns + after, TO_ITSELF, me, node.incarnation, packed)
                        continue
                    self.messages += 1
                    wire = wires[dst]
                    draw = wire.draw(DRAW_BITS)
                    if draw >> DELAY_BITS >= wire.odd:
                        after = wire.base_ns + ((draw & DELAY_MASK) * wire.span_ns >> DELAY_BITS)
                        agenda.serial = serial = agenda.serial + 1
                        heappush(heap, (now_ns + after, serial, MESSAGE, dst, wire, packed))
                    else:
                        self._send_oddly(wire, dst, draw, packed)
            elif kind == NOTE:
                value = b if type(b) in SCALARS else plain(b)
                rows.append(
                    new_row(Row, (now_ns, node.process, INFO, a, None, value, None, me, None))
                )
            elif kind == PERSIST:
                node.write(a, b)
                self.writer = me
            elif kind == SET_TIMER:
                self._set_timer(node, a, *b)
            elif kind == REPLY:
                replied |= self._reply(node, a, *b)
            else:
                node.alarms.pop(a, None)
        if replied:
            self.clients.poll()

    def _send_oddly(self, wire: Wire, dst: int, draw: int, packed: object) -> None:
        """The message may be lost, come twice, or be late; or there is weather."""
        arrivals = wire.arrivals(draw)
        if len(arrivals) != 1:
            self.counters["duplicated" if arrivals else "lost"] += 1
        if not arrivals:
            now_ns = self.agenda.now_ns
            self._see_lost("lost", (now_ns, 0, MESSAGE, dst, wire, packed))
        for after in arrivals:
            self.agenda.at(self.agenda.now_ns + after, MESSAGE, dst, wire, packed)

    def _set_timer(self, node: Node, timer: str, ms_min: int, ms_max: int) -> None:
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
        self._do(node, [(NOTE, kind, value)], self.agenda.now_ns)

    def _reply(self, node: Node, request: int, value: object, ok: bool) -> bool:
        """Hand an answer on; say whether anybody still waited for it."""
        call = node.calls.pop(request, None)
        if call is None:
            return False
        self._note_event(ANSWER, node.id, f"{request} {ok} {dumps(value)}")
        self.clients.answered(call, value, ok=ok)
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

    def _start(self, node: Node) -> None:
        if node.replica is not None:
            return
        if node.damaged:
            self._note(node, "refused", "a durable record is damaged, but good ones follow")
            return
        if node.torn:
            self._note(node, "torn", "dropped a torn record at the end of the journal")
        self._step(node, node.boot(self.setup.protocol, self.cluster))

    def _pause(self, node: Node) -> None:
        if node.replica is not None and node.parked is None:
            node.parked = []

    def _resume(self, node: Node) -> None:
        """All that came meanwhile comes now, in the order in which it came, but timers first: as a
        real node takes them when it wakes up.
        """
        parked, node.parked = node.parked or [], None
        for _, _, kind, where, a, b in sorted(parked, key=lambda entry: entry[2] != TIMER):
            self.agenda.at(self.agenda.now_ns, kind, where, a, b)
