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
from harness.sim.agenda import MESSAGE, REPLY, REQUEST, TIMER, TO_ITSELF, WINDOW, Agenda, Entry
from harness.sim.clients import Clients, new_row
from harness.sim.clock import MILLION, Clocks
from harness.sim.disk import Disks
from harness.sim.jsonable import plain
from harness.sim.network import DELAY_BITS, DELAY_MASK, DRAW_BITS, MS, US, Wire
from harness.sim.node import Alarm, Node
from harness.sim.seen import Letter, Seen, Watch
from harness.sim.setup import Setup
from harness.sim.trace import Trace
from protocols.kernel import (
    CancelTimer,
    Cluster,
    Effect,
    Event,
    Note,
    Persist,
    Reply,
    Send,
    SetTimer,
    Started,
)  # fmt: skip
from protocols.shapes import SCALARS
from protocols.wire import Arrivals, Codec, dumps

TO_ITSELF_NS = 100 * US
"""A message to oneself takes up to this."""

COUNTERS = ("lost", "duplicated", "cut", "to_dead", "refused", "timeouts", "crashed")

NAMES = {
    TIMER: "timer", TO_ITSELF: "<- itself", REQUEST: "request", WINDOW: "nemesis", REPLY: "reply"
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
        self.codec = codec
        self.arrivals = Arrivals(codec.decode)
        self.cluster = Cluster(
            nodes=tuple(range(options.nodes)),
            zones=setup.zones,
            rtt_ms=setup.rtt_ms,
            options=setup.protocol_options,
        )
        self.nodes = [Node(i, setup) for i in range(options.nodes)]
        self.disks = Disks(setup, self.agenda, self.nodes, self.codec, self._release)
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
            effects = replica.step(event)
        except Exception as error:  # noqa: BLE001  as on a host: its process ends, the others go on
            self._crash(node, error)
            return
        if effects:
            if node.late is None:
                self._do(node, effects, now_ns)
            else:
                self.disks.take(node, effects)

    def _release(self, node: Node, effects: list[Effect]) -> None:
        self._do(node, effects, self.agenda.now_ns)

    def _crash(self, node: Node, error: Exception) -> None:
        """The replica failed by its own fault. What it said in this step is lost with it."""
        self.counters["crashed"] += 1
        where = extract_tb(error.__traceback__)[-1]
        text = f"{error!r} in {where.name}, {where.filename.rpartition('/')[2]}:{where.lineno}"
        self._note(node, Note("crashed", text))
        self._kill(node)

    def _do(self, node: Node, effects: list[Effect], now_ns: int) -> None:
        """Carry out the effects of one step.

        A step is one moment here: nothing can come between its effects, so that all it persists is
        on the disk before anything that it sends can arrive. Where that takes time it is ``disks``
        that says when the effects leave.
        """
        agenda, wires, me, rows = self.agenda, node.wires, node.id, self.rows
        heap, encode = agenda.heap, self.codec.encode
        last: object = None
        text = ""
        replied = False
        for effect in effects:
            cls = type(effect)
            if cls is Send:
                msg, dst = effect.msg, effect.dst  # type: ignore[union-attr]
                if msg is not last:
                    last, text = msg, encode(msg)
                if dst == me:
                    agenda.at(
                        now_ns + (self.to_itself(32) * TO_ITSELF_NS >> 32),
                        TO_ITSELF, me, node.incarnation, text,
                    )  # fmt: skip
                    continue
                self.messages += 1
                wire = wires[dst]
                draw = wire.draw(DRAW_BITS)
                if draw >> DELAY_BITS >= wire.odd:
                    after = wire.base_ns + ((draw & DELAY_MASK) * wire.span_ns >> DELAY_BITS)
                    agenda.serial = serial = agenda.serial + 1
                    heappush(heap, (now_ns + after, serial, MESSAGE, dst, wire, text))
                else:
                    self._send_oddly(wire, dst, draw, text)
            elif cls is Note:
                value, f = effect.value, effect.kind  # type: ignore[union-attr]
                value = value if type(value) in SCALARS else plain(value)
                rows.append(
                    new_row(Row, (now_ns, node.process, INFO, f, None, value, None, me, None))
                )
            elif cls is Persist:
                node.write(effect.key, effect.value)  # type: ignore[union-attr]
                self.writer = me
            elif cls is SetTimer:
                self._set_timer(node, effect)  # type: ignore[arg-type]
            elif cls is Reply:
                replied |= self._reply(node, effect)  # type: ignore[arg-type]
            elif cls is CancelTimer:
                node.alarms.pop(effect.timer, None)  # type: ignore[union-attr]
            else:
                raise TypeError(f"{effect!r} is no effect")
        if replied:
            self.clients.poll()

    def _send_oddly(self, wire: Wire, dst: int, draw: int, text: str) -> None:
        """The message may be lost, come twice, or be late; or there is weather."""
        arrivals = wire.arrivals(draw)
        if len(arrivals) != 1:
            self.counters["duplicated" if arrivals else "lost"] += 1
        if not arrivals:
            now_ns = self.agenda.now_ns
            self._see_lost("lost", (now_ns, 0, MESSAGE, dst, wire, text))
        for after in arrivals:
            self.agenda.at(self.agenda.now_ns + after, MESSAGE, dst, wire, text)

    def _set_timer(self, node: Node, effect: SetTimer) -> None:
        """Timers that are set again and again are on the agenda once: see ``_timer``."""
        least, most = effect.ms_min * MS, effect.ms_max * MS
        assert 0 <= least <= most, f"{effect} is no range of time"
        after_ns = least + (node.draw(32) * (most - least + 1) >> 32)
        if node.drift_ppm:
            after_ns = after_ns * MILLION // (MILLION + node.drift_ppm)
        due_ns = self.agenda.now_ns + after_ns
        alarm = node.alarms.get(effect.timer)
        if alarm is not None and alarm.listed_ns <= due_ns:
            alarm.due_ns = due_ns
            return
        alarm = node.alarms[effect.timer] = Alarm(due_ns)
        self.agenda.at(due_ns, TIMER, node.id, effect.timer, alarm)

    def _note(self, node: Node, effect: Note) -> None:
        """A row of the history that the node itself cannot write."""
        self._do(node, [effect], self.agenda.now_ns)

    def _reply(self, node: Node, effect: Reply) -> bool:
        """Hand an answer on; say whether anybody still waited for it."""
        call = node.calls.pop(effect.request, None)
        if call is None:
            return False
        self._note_event(REPLY, node.id, f"{effect.request} {effect.ok} {dumps(effect.value)}")
        self.clients.answered(call, effect.value, ok=effect.ok)
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
            now_ns, _, _, dst, wire, text = entry
            letter = cast("Letter", text)
            self.watch(Seen(now_ns, dst, kind, letter, cast("Wire", wire).src, letter.sent_ns))

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
            self._note(node, Note("refused", "a durable record is damaged, but good ones follow"))
            return
        if node.torn:
            self._note(node, Note("torn", "dropped a torn record at the end of the journal"))
        durable = node.boot(self.setup.protocol, self.cluster)
        self._step(node, Started(durable))

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
