"""Fault windows open and close: what their actions do to nodes, links, disks and clocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from harness.sim.agenda import REQUEST, WINDOW, Agenda
from harness.sim.faults import Windows, outside_core
from harness.sim.handover import Handovers
from harness.sim.members import Members
from harness.sim.network import Wire
from harness.sim.node import Node
from harness.sim.seen import Watch
from harness.sim.setup import Setup
from harness.sim.stage import Stage
from nemesis.actions import (
    CLEAR,
    Action,
    BumpClock,
    Corrupt,
    Cut,
    FillDisk,
    FreeDisk,
    Join,
    Kill,
    Lead,
    Leave,
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
    Wipe,
)  # fmt: skip
from protocols.kernel import Command, Requested
from protocols.shapes import writer
from protocols.wire import Codec


class FaultyStage(Stage):
    """A stage on which the windows of a plan open and close."""

    def __init__(self, setup: Setup, watch: Watch | None, agenda: Agenda, codec: Codec) -> None:
        super().__init__(setup, watch, agenda, codec)
        self._command_text = writer(Command)
        self.windows = Windows(setup, self.agenda, self.rows)
        self.members = Members(setup, self.cluster, self.agenda, self._ask)
        self.handovers = Handovers(setup, self.agenda, self._ask)

    def _heal(self) -> None:
        """End every window, and whatever might still be wrong with links and nodes."""
        self.windows.over = True
        for index in self.windows.still_open():
            self._close(index)
        nodes = range(len(self.nodes))
        links = tuple((src, dst) for src in nodes for dst in nodes if src != dst)
        actions: list[Action] = [Mend(links), Shape(links, CLEAR)]
        dead = outside_core(self.setup, self.members.first)
        kills = tuple(Kill(node) for node in dead)
        for node in self.nodes:
            if node.id not in dead:
                actions += self._cures(node)
        self._act([*actions, *kills])
        more = {}
        if self.members.asked:
            self.members.restore(self.nodes, dead)
            more = {"members": [node for node in self.members.first if node not in dead]}
        self.windows.record("heal", "heal", None, kills, **more)

    def _cures(self, node: Node) -> Iterator[Action]:
        if self.disks.is_slow(node):
            yield SlowDisk(node.id, 0)
        if self.disks.is_full(node):
            yield FreeDisk(node.id)
        if self.clocks.wrong(node.id):
            yield ResetClock(node.id)
        if node.damaged:
            yield Restore(node.id)
        yield Resume(node.id)
        yield Start(node.id)

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
            down = [node.id for node in self.nodes if node.replica is None]
            fault = self.windows.open(
                index, leaders, writers, self.members.planned(self.nodes), down
            )
            self._act(fault.begin)
            self.windows.record(fault.name, "begin", index, fault.begin)

    def _close(self, index: int) -> None:
        fault = self.windows.close(index)
        if fault is not None:
            self._act(fault.end)
            leads = [action for action in fault.begin if isinstance(action, Lead)]
            proofs = [self.handovers.proof(action, self.nodes) for action in leads]
            proofs += [self.disks.proof(a) for a in fault.end if isinstance(a, FreeDisk)]
            more = {"proof": proofs} if proofs else {}
            self.windows.record(fault.name, "end", index, fault.end, **more)

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
                case Wipe(i):
                    self._kill(self.nodes[i])
                    self.nodes[i].wipe()
                case Corrupt(i):
                    self.nodes[i].damaged = bool(self.nodes[i].disk)
                case Restore(i):
                    self.nodes[i].damaged = False
                case FillDisk(i, left_bytes):
                    self.disks.fill(self.nodes[i], left_bytes)
                case FreeDisk(i):
                    self.disks.free(self.nodes[i])
                case BumpClock(i, ms):
                    self.clocks.bump(i, ms)
                case StrobeClock(i, ms, period_ms):
                    self.clocks.strobe(i, ms, period_ms)
                case SetDrift(i, ppm):
                    self.clocks.drift(i, ppm)
                case ResetClock(i):
                    self.clocks.reset(i)
                case Join() | Leave():
                    self.members.want(action)
                case Lead():
                    self.handovers.want(action, self.nodes)
                case _:
                    assert_never(action)

    def _ask(self, node: Node, command: Command) -> None:
        """The administrator asks, and waits for no answer."""
        request = next(node.request_ids)
        self._note_event(REQUEST, node.id, f"{request} {self._command_text(command)}")
        self._step(node, Requested(request, command))

    def _wires(self, links: Sequence[Link]) -> Iterator[Wire]:
        return (self.nodes[src].wires[dst] for src, dst in links)
