"""The interpreter in virtual time: takes entries off the agenda, steps replicas, does what they say.

This file holds the hot path. Its shape is for speed: type tests in order of frequency, no object
made per event beyond the entry, the event and the message itself.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from heapq import heappop, heappush
from random import Random
from traceback import extract_tb
from typing import assert_never, cast

from checker.history import FAIL, INFO, Row, node_process
from harness.sim.agenda import (
    BRACE,
    CLOCK,
    MESSAGE,
    POLL,
    REPLY,
    REQUEST,
    STOP,
    SYNC,
    TIMEOUT,
    TIMER,
    TO_ITSELF,
    WINDOW,
    Agenda,
    Entry,
)  # fmt: skip
from harness.sim.clients import Call, Clients
from harness.sim.clock import MILLION, Clocks
from harness.sim.disk import Disks
from harness.sim.faults import Windows, outside_core
from harness.sim.jsonable import plain
from harness.sim.network import DELAY_BITS, DELAY_MASK, DRAW_BITS, MS, US, Wire
from harness.sim.node import Alarm, Node
from harness.sim.seen import LOST, Letter, Postmarks, Seen, Watch
from harness.sim.setup import Observer, Run, Setup
from harness.sim.trace import FLUSH_EVENTS, Trace
from nemesis.actions import (
    CLEAR,
    Action,
    BumpClock,
    Corrupt,
    Cut,
    Kill,
    Link,
    LoseUnsynced,
    Mend,
    Pause,
    ResetClock,
    Restore,
    Resume,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
)  # fmt: skip
from protocols.kernel import (
    CancelTimer,
    Cluster,
    Effect,
    Event,
    Fired,
    Note,
    Persist,
    Received,
    Reply,
    Requested,
    Send,
    SetTimer,
    Started,
)  # fmt: skip
from protocols.wire import Codec, dumps
from workloads.kernel import At, Generator, Poll
from workloads.touched import Touched

TO_ITSELF_NS = 100 * US
"""A message to oneself takes up to this."""

PATIENT_GC = 2_000_000, 50, 50
"""A run makes many small things and hardly a cycle: looking for some less often saves 15 %."""

COUNTERS = ("lost", "duplicated", "cut", "to_dead", "refused", "timeouts", "crashed")

NAMES = {
    TIMER: "timer", TO_ITSELF: "<- itself", REQUEST: "request", WINDOW: "nemesis", REPLY: "reply"
}  # fmt: skip


def simulate(setup: Setup, *, observer: Observer | None = None, watch: Watch | None = None) -> Run:
    """Play one trial. The same setup gives the same run, in every process.

    ``watch`` is told each event, ``observer`` each as a line (one of the two). A replica that
    raises ends its node, and the crash is noted. Any other error, such as one of a user's fault or
    generator, comes through, with a note of where it happened.
    """
    if observer is not None:
        watch = lines_to(observer)
    simulator = Simulator(setup, watch)
    thresholds = gc.get_threshold()
    gc.set_threshold(*PATIENT_GC)
    try:
        return simulator.run()
    except Exception as error:
        error.add_note(f"seed {setup.seed}, at {simulator.agenda.now_ns} ns of virtual time")
        raise
    finally:
        gc.set_threshold(*thresholds)


def lines_to(observer: Observer) -> Watch:
    """Tell an observer what happens at nodes; what does not arrive is no event."""

    def watch(seen: Seen) -> None:
        if seen.kind not in LOST:
            observer(seen.line())

    return watch


class _EnoughError(Exception):
    """Ends a run before its end."""


def states_at(setup: Setup, at_ns: int) -> list[Node]:
    """Play a trial up to and including ``at_ns``, and give its nodes as they are then."""

    def watch(seen: Seen) -> None:
        if seen.time_ns > at_ns:
            raise _EnoughError

    simulator = Simulator(setup, watch)
    with suppress(_EnoughError):  # a run may also be over before
        simulator.run()
    return simulator.nodes


class Quiet:
    """The generator of nothing at all, for some time."""

    def __init__(self, until_ns: int) -> None:
        self._until_ns = until_ns

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:  # noqa: ARG002  the seam's signature
        return At(self._until_ns) if now_ns < self._until_ns else None

    def update(self, thread: int, row: Row) -> None:
        """Nothing is asked, so nothing is answered."""


class Simulator:
    """One run. Make it, call :meth:`run` once, drop it."""

    def __init__(self, setup: Setup, watch: Watch | None = None) -> None:
        options = setup.options
        self.setup, self.watch = setup, watch
        self.agenda, self.trace = Agenda(), Trace()
        self.rows: list[Row] = []
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.messages = 0
        self.codec = Codec(setup.protocol.messages)
        if watch is not None:
            self.codec = Postmarks(setup.protocol.messages, self.agenda)
        self.cluster = Cluster(
            nodes=tuple(range(options.nodes)),
            zones=setup.zones,
            rtt_ms=setup.rtt_ms,
            options=setup.protocol_options,
        )
        self.nodes = [Node(i, setup) for i in range(options.nodes)]
        self.disks = Disks(setup, self.agenda, self.nodes, self.codec, self._release)
        self.clocks = Clocks(self.agenda, self.nodes)
        self.windows = Windows(setup, self.agenda, self.rows)
        self.clients = Clients(setup, self.agenda, self.rows)
        self.to_itself = Random(f"{setup.seed}/to-itself").getrandbits
        self.phase = 0
        self.writer: int | None = None
        """The node that persisted last."""

    # --- phases -----------------------------------------------------------------------------------

    def run(self) -> Run:
        """All faults on, then heal, then demand answers (TigerBeetle's safety and liveness)."""
        setup, agenda = self.setup, self.agenda
        workload, options = setup.workload, setup.options
        for node in self.nodes:
            self._start(node)
        main = workload.main(Random(f"{setup.seed}/main"), options)
        self._play(main, options.time_ms * MS)
        self._heal()
        self._play(Quiet(agenda.now_ns + setup.settle_ms * MS), None)
        touched = Touched()
        for row in self.rows:
            touched.hear(row)
        options = replace(options, touched=touched.keys)
        final = workload.final(Random(f"{setup.seed}/final"), options)
        finished = self._play(final, agenda.now_ns + setup.final_ms * MS)
        digest = self.trace.digest()
        return Run(
            rows=self.rows,
            plan=tuple(self.windows.played),
            digest=digest,
            events=self.trace.events,
            messages=self.messages,
            end_ns=agenda.now_ns,
            finished=finished,
            counters=self.counters,
        )

    def _play(self, generator: Generator, until_ns: int | None) -> bool:
        """Go on until the generator and all its ops have ended; say whether it ended by itself.

        Where it has not by ``until_ns``, no more is invoked; what is in flight still completes, at
        its time-out if need be.
        """
        agenda, clients, nodes, trace = self.agenda, self.clients, self.nodes, self.trace
        heap, decode, watch = agenda.heap, self.codec.decode, self.watch
        ints, texts = trace.ints, trace.texts
        self.phase += 1
        self.in_time = True
        if until_ns is not None:
            agenda.at(until_ns, STOP, self.phase)
        clients.follow(generator)
        while not clients.done:
            entry = heappop(heap)
            agenda.now_ns, _, kind, where, a, b = entry
            if kind != MESSAGE:
                self._other(entry)
                continue
            node = nodes[where]
            if a.cut:  # type: ignore[attr-defined]
                self.counters["cut"] += 1
                self._see_lost("cut", entry)
            elif node.replica is None:
                self.counters["to_dead"] += 1
                self._see_lost("to dead", entry)
            elif node.parked is not None:
                node.parked.append(entry)
            else:
                src: int = a.src  # type: ignore[attr-defined]
                ints += (agenda.now_ns, src << 8 | where)
                texts.append(b)  # type: ignore[arg-type]
                if watch is not None:
                    sent_ns = cast("Letter", b).sent_ns
                    watch(Seen(agenda.now_ns, where, "message", cast("str", b), src, sent_ns))
                self._step(node, Received(src, decode(b)))  # type: ignore[arg-type]
                if len(texts) >= FLUSH_EVENTS:
                    trace.flush()
        return self.in_time

    def _heal(self) -> None:
        """End every window, and whatever might still be wrong with links and nodes."""
        self.windows.over = True
        for index in self.windows.still_open():
            self._close(index)
        nodes = range(len(self.nodes))
        links = tuple((src, dst) for src in nodes for dst in nodes if src != dst)
        actions: list[Action] = [Mend(links), Shape(links, CLEAR)]
        dead = outside_core(self.setup)
        kills = tuple(Kill(node) for node in dead)
        for node in self.nodes:
            if node.id not in dead:
                actions += self._cures(node)
        self._act([*actions, *kills])
        self.windows.record("heal", "heal", None, kills)

    def _cures(self, node: Node) -> Iterator[Action]:
        if self.disks.is_slow(node):
            yield SlowDisk(node.id, 0)
        if self.clocks.wrong(node.id):
            yield ResetClock(node.id)
        if node.damaged:
            yield Restore(node.id)
        yield Resume(node.id)
        yield Start(node.id)

    # --- entries ----------------------------------------------------------------------------------

    def _other(self, entry: Entry) -> None:
        """Take any entry but a message."""
        _, _, kind, where, a, b = entry
        if kind == TIMER:
            self._timer(entry)
        elif kind == TO_ITSELF:
            node = self.nodes[where]
            if a != node.incarnation or node.replica is None:
                return
            if node.parked is not None:
                node.parked.append(entry)
                return
            self._note_event(kind, where, cast("str", b))
            self._step(node, Received(where, self.codec.decode(cast("str", b))))
        elif kind == REQUEST:
            self._request(entry)
        elif kind == POLL:
            self.clients.due()
        elif kind == TIMEOUT:
            self._time_out(where)
        elif kind == WINDOW:
            self._window(where, opens=bool(a))
        elif kind == SYNC:
            self._synced(entry)
        elif kind == CLOCK:
            self.clocks.tick(where, cast("tuple[int, int, int, int]", a))
        elif kind == BRACE:
            self.disks.brace(cast("int", a))
        elif where == self.phase and not self.clients.done:
            self.in_time = False
            self.clients.stop()

    def _synced(self, entry: Entry) -> None:
        """What waited for this sync leaves, unless its process is gone, or stands still."""
        _, _, _, where, a, _ = entry
        node = self.nodes[where]
        if a != node.incarnation or node.replica is None:
            return
        if node.parked is not None:
            node.parked.append(entry)
            return
        self.disks.synced(node)

    def _see_lost(self, kind: str, entry: Entry) -> None:
        """Show the watch a message that did not arrive."""
        if self.watch is not None:
            now_ns, _, _, dst, wire, text = entry
            letter = cast("Letter", text)
            self.watch(Seen(now_ns, dst, kind, letter, cast("Wire", wire).src, letter.sent_ns))

    def _note_event(self, kind: int, where: int, text: str) -> None:
        """Put an event into the trace, and before the watch."""
        now_ns = self.agenda.now_ns
        self.trace.add(now_ns, kind << 16 | where, text)
        if self.watch is not None:
            self.watch(Seen(now_ns, where, NAMES[kind], text))

    def _timer(self, entry: Entry) -> None:
        """A timer that was set again, for later, meanwhile, is put where it belongs."""
        now_ns, _, kind, where, a, b = entry
        node, timer, alarm = self.nodes[where], cast("str", a), cast("Alarm", b)
        if node.alarms.get(timer) is not alarm:
            return
        if alarm.due_ns > now_ns:
            alarm.listed_ns = alarm.due_ns
            self.agenda.at(alarm.due_ns, TIMER, where, timer, alarm)
            return
        if node.parked is not None:
            node.parked.append(entry)
            return
        del node.alarms[timer]
        self._note_event(kind, where, timer)
        self._step(node, Fired(timer))

    def _request(self, entry: Entry) -> None:
        _, _, kind, where, a, b = entry
        call, node = cast("Call", a), self.nodes[where]
        if b is not None:
            self.clients.complete(call, FAIL, error=cast("str", b))
            self.clients.poll()
        elif node.replica is None:
            self.counters["refused"] += 1
            self.clients.refused(call)
        elif node.parked is not None:
            node.parked.append(entry)
        else:
            request = next(node.request_ids)
            node.calls[request] = call
            call.request = request
            command = call.command
            self._note_event(kind, where, f"{request} {dumps(command)}")
            self._step(node, Requested(request, command))

    def _time_out(self, thread: int) -> None:
        call = self.clients.timed_out(thread)
        if call is not None:
            self.counters["timeouts"] += 1
            self.nodes[call.node].calls.pop(call.request, None)
            self.clients.poll()

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
        agenda, wires, me = self.agenda, node.wires, node.id
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
            elif cls is SetTimer:
                self._set_timer(node, effect)  # type: ignore[arg-type]
            elif cls is Persist:
                node.write(effect.key, effect.value)  # type: ignore[union-attr]
                self.writer = me
            elif cls is Note:
                self._note(node, effect)  # type: ignore[arg-type]
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
        """A row of the history. These are most rows; a Row's own constructor takes twice as long."""
        value, process = plain(effect.value), node_process(node.id)
        fields = self.agenda.now_ns, process, INFO, effect.kind, None, value, None, node.id, None
        self.rows.append(tuple.__new__(Row, fields))

    def _reply(self, node: Node, effect: Reply) -> bool:
        """Hand an answer on; say whether anybody still waited for it."""
        call = node.calls.pop(effect.request, None)
        if call is None:
            return False
        self._note_event(REPLY, node.id, f"{effect.request} {effect.ok} {dumps(effect.value)}")
        self.clients.answered(call, effect.value, ok=effect.ok)
        return True

    # --- faults -----------------------------------------------------------------------------------

    def _window(self, index: int, *, opens: bool) -> None:
        if not opens:
            self._close(index)
        elif not self.windows.over:
            leaders = [
                node.id
                for node in self.nodes
                if node.replica is not None and node.replica.leader() == node.id
            ]
            writers = () if self.writer is None else (self.writer,)
            fault = self.windows.open(index, leaders, writers)
            self._act(fault.begin)
            self.windows.record(fault.name, "begin", index, fault.begin)

    def _close(self, index: int) -> None:
        fault = self.windows.close(index)
        if fault is not None:
            self._act(fault.end)
            self.windows.record(fault.name, "end", index, fault.end)

    def _act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            self._note_event(WINDOW, 0, repr(action))
            match action:
                case Cut(links):
                    for wire in self._wires(links):
                        wire.cut = True
                case Mend(links):
                    for wire in self._wires(links):
                        wire.cut = False
                case Shape(links, weather):
                    for wire in self._wires(links):
                        wire.shape(weather)
                case Kill(i):
                    self._kill(self.nodes[i])
                case Start(i):
                    self._start(self.nodes[i])
                case Pause(i):
                    self._pause(self.nodes[i])
                case Resume(i):
                    self._resume(self.nodes[i])
                case SlowDisk(i, ms):
                    self.disks.slow(self.nodes[i], ms)
                case LoseUnsynced(i, torn):
                    self._kill(self.nodes[i])
                    self.disks.lose(self.nodes[i], torn=torn)
                case Corrupt(i):
                    self.nodes[i].damaged = bool(self.nodes[i].disk)
                case Restore(i):
                    self.nodes[i].damaged = False
                case BumpClock(i, ms):
                    self.clocks.bump(i, ms)
                case StrobeClock(i, ms, period_ms):
                    self.clocks.strobe(i, ms, period_ms)
                case SetDrift(i, ppm):
                    self.clocks.drift(i, ppm)
                case ResetClock(i):
                    self.clocks.reset(i)
                case _:
                    assert_never(action)

    def _wires(self, links: Sequence[Link]) -> Iterator[Wire]:
        return (self.nodes[src].wires[dst] for src, dst in links)

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
        """All that came meanwhile comes now, in the order in which it came."""
        parked, node.parked = node.parked or [], None
        for _, _, kind, where, a, b in parked:
            self.agenda.at(self.agenda.now_ns, kind, where, a, b)
