"""The interpreter in virtual time: takes entries off the agenda, and lets the nodes have them.

This file holds half of the hot path, ``harness.sim.carrier`` the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from heapq import heappop
from random import Random
from typing import cast

from checker.history import FAIL
from harness.sim.agenda import (
    ADMIN,
    BRACE,
    CLOCK,
    HALT,
    MESSAGE,
    POLL,
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
from harness.sim.clients import Call
from harness.sim.frozen import looker
from harness.sim.garbage import COLLECTOR
from harness.sim.handover import TICK as HANDOVER
from harness.sim.injection import FaultyStage
from harness.sim.members import RESTORE_RTT, Settling
from harness.sim.network import MS, Wire, link
from harness.sim.node import Alarm, Node
from harness.sim.parcel import Parcel
from harness.sim.seen import LOST, Seen, Watch
from harness.sim.setup import Observer, Run, Setup
from harness.sim.stage import NAMES
from harness.sim.trace import FLUSH
from protocols.kernel import Command, Said
from protocols.wire import Codec
from workloads.kernel import Generator
from workloads.touched import Touched


def simulate(setup: Setup, *, observer: Observer | None = None, watch: Watch | None = None) -> Run:
    """Play one trial. The same setup gives the same run, in every process.

    ``watch`` is told each event, ``observer`` each as a line (one of the two). A replica that
    raises ends its node, and the crash is noted. Any other error, such as one of a user's fault or
    generator, comes through, with a note of where it happened.
    """
    if observer is not None:
        watch = lines_to(observer)
    simulator = Simulator(setup, watch)
    with COLLECTOR.patient():
        try:
            run = simulator.run()
        except Exception as error:
            error.add_note(f"seed {setup.seed}, at {simulator.agenda.now_ns} ns of virtual time")
            raise
        finally:
            COLLECTOR.owe(simulator.trace.count)
            simulator.drop()
        return run


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


class Simulator(FaultyStage):
    """One run. Make it, call :meth:`run` once, drop it."""

    def __init__(self, setup: Setup, watch: Watch | None = None) -> None:
        super().__init__(setup, watch, Agenda(), Codec(setup.protocol.messages))
        self.phase = 0
        self.in_time = True
        """Whether the phase ended by itself."""
        self._look = looker(Command)
        # A plan's windows are on the agenda from the first.
        self._room = setup.room + len(self.agenda.heap)

    # --- phases -----------------------------------------------------------------------------------

    def run(self) -> Run:
        """Play all phases."""
        for _ in self.phases():
            self._loop()
        return self.result()

    def phases(self) -> Iterator[None]:
        """All faults on, then heal, then demand answers (TigerBeetle's safety and liveness).

        Each phase is begun here, and is to be looped over before the next is asked for.
        """
        setup, agenda = self.setup, self.agenda
        workload, options = setup.workload, setup.options
        for node in self.nodes:
            self._start(node)
        main = workload.main(Random(f"{setup.seed}/main"), options)
        self._begin(main, options.time_ms * MS)
        yield
        self._heal()
        self._settle()
        yield
        touched = Touched()
        for row in self.rows:
            if row.process >= 0:
                touched.hear(row)
        options = replace(options, touched=touched.keys, members=self.members.first)
        final = workload.final(Random(f"{setup.seed}/final"), options)
        self._begin(final, agenda.now_ns + setup.final_ms * MS)
        yield
        if self.members.asked and setup.settle_ms and not self.members.restored(self.nodes):
            finished = self.in_time  # what was under way at the heal may have come about since
            self._begin(self._settling(agenda.now_ns), None)
            yield
            self.in_time = finished

    def result(self) -> Run:
        """What happened, once all phases are over."""
        self.post.check()
        return Run(
            rows=self.rows,
            plan=tuple(self.windows.played),
            digest=self.trace.digest(),
            events=self.trace.count,
            end_ns=self.agenda.now_ns,
            finished=self.in_time,
            counters=self.counters,
        )

    def drop(self) -> None:
        """The run is over: let go of what holds what, so that it is forgotten at once."""
        for node in self.nodes:
            del node.carry
        del self.disks, self.members, self.handovers  # which have methods of this

    def _settle(self) -> None:
        """Leave all alone for a while, and until the members are the first again."""
        until_ns = self.agenda.now_ns + self.setup.settle_ms * MS
        self._begin(self._settling(until_ns), None)

    def _settling(self, until_ns: int) -> Settling:
        """Until then, and, where the members were to change, until they are the first again."""
        most_ns = until_ns
        if self.members.asked and self.setup.settle_ms:
            most_ns += RESTORE_RTT * self.setup.rtt_ms * MS
        return Settling(until_ns, most_ns, lambda: self.members.restored(self.nodes))

    def _begin(self, generator: Generator, until_ns: int | None) -> None:
        """Begin a phase: it goes on until the generator and all its ops have ended.

        Where it has not by ``until_ns``, no more is invoked, and it is not ``in_time``; what is in
        flight still completes, at its time-out if need be.
        """
        self.phase += 1
        self.in_time = True
        if until_ns is not None:
            self.agenda.at(until_ns, STOP, self.phase)
        self.clients.follow(generator)

    def _loop(self) -> None:
        """Take entries until the phase is over."""
        agenda, clients, nodes, watch = self.agenda, self.clients, self.nodes, self.watch
        heap, events, room = agenda.heap, self.trace.events, self._room
        while not clients.done:
            entry = heappop(heap)
            now_ns, _, kind, where, a, b = entry
            agenda.now_ns = now_ns
            if len(heap) >= room and kind != HALT:
                self._flooded()
            if kind != MESSAGE:
                self._other(entry)
                continue
            node = nodes[where]
            replica = node.awake
            wire: Wire = a  # type: ignore[assignment]
            if replica is None or wire.cut:
                self._undelivered(node, entry)
                continue
            src = wire.src
            events += (now_ns, wire.link)
            if type(b) is Parcel:
                if watch is not None:
                    watch(Seen(now_ns, where, "message", b.text, src, b.sent_ns))
                b = b.open()
            replica.now_ms = (now_ns + node.skew_ns) // MS
            effects: list[Said] = []
            replica._said = effects  # noqa: SLF001  as Replica.react does, for one call less
            try:
                replica.on_message(src, b)
            except Exception as error:  # noqa: BLE001  as in _step
                self._crash(node, error)
                continue
            if effects:
                if node.late is None:
                    node.carry(effects, now_ns)
                else:
                    self.disks.take(node, effects)

    # --- entries ----------------------------------------------------------------------------------

    def _other(self, entry: Entry) -> None:
        """Take any entry but a message."""
        _, _, kind, where, a, _ = entry
        if len(self.trace.events) >= FLUSH:
            self.post.check()
            self.trace.flush()
        if kind == TIMER:
            self._timer(entry)
        elif kind == TO_ITSELF:
            node = self.nodes[where]
            if a != node.incarnation or node.replica is None:
                return
            if node.parked is not None:
                node.parked.append(entry)
                return
            self._to_itself(node, entry)
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
        elif kind == ADMIN:
            (self.handovers if where == HANDOVER else self.members).tick(self.nodes)
        elif where == self.phase and not self.clients.done:
            self.in_time = False
            self.clients.stop()

    def _to_itself(self, node: Node, entry: Entry) -> None:
        now_ns, _, kind, where, _, msg = entry
        self.trace.events += (now_ns, link(where, where))
        if isinstance(msg, Parcel):
            if self.watch is not None:
                self.watch(Seen(now_ns, where, NAMES[kind], msg.text))
            msg = msg.open()
        assert node.replica is not None
        self._tell(node, node.replica.on_message, where, msg)

    def _undelivered(self, node: Node, entry: Entry) -> None:
        """A message over a cut link, or for a node that is down or stands still."""
        if cast("Wire", entry[4]).cut:
            self.counters["cut"] += 1
            self._see_lost("cut", entry)
        elif node.replica is None:
            self.counters["to_dead"] += 1
            self._see_lost("to dead", entry)
        else:
            assert node.parked is not None
            node.parked.append(entry)

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

    def _timer(self, entry: Entry) -> None:
        """A timer that was set again, for later, meanwhile, is put where it belongs."""
        now_ns, _, kind, where, a, b = entry
        timer: str = a  # type: ignore[assignment]
        alarm: Alarm = b  # type: ignore[assignment]
        node = self.nodes[where]
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
        trace = self.trace
        trace.events += (now_ns, kind << 16 | where)
        trace.content.append(timer)
        if self.watch is not None:
            self.watch(Seen(now_ns, where, NAMES[kind], timer))
        assert node.replica is not None  # its alarms would be gone
        self._tell(node, node.replica.on_timer, timer)

    def _request(self, entry: Entry) -> None:
        _, _, kind, where, a, b = entry
        call: Call = a  # type: ignore[assignment]
        node = self.nodes[where]
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
            trace, now_ns = self.trace, self.agenda.now_ns
            trace.events += (now_ns, kind << 16 | where)
            trace.content.append(self._look(command) or self._command_text(command))
            if self.watch is not None:
                text = f"{request} {self._command_text(command)}"
                self.watch(Seen(now_ns, where, NAMES[kind], text))
            self._tell(node, node.replica.on_request, request, command)

    def _time_out(self, thread: int) -> None:
        call = self.clients.timed_out(thread)
        if call is not None:
            self.counters["timeouts"] += 1
            self.nodes[call.node].calls.pop(call.request, None)
            self.clients.poll()
