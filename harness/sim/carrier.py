"""What a step said is carried out here: half of the simulator's hot path, the other is its loop.

Its shape is for speed: one function for each node, made when the node is, so that all that never
changes during a run is at hand; type tests in order of frequency; no object made for an effect but
the entry on the agenda.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import TYPE_CHECKING, TypeAlias

from checker.history import INFO, Row
from harness.sim.agenda import MESSAGE
from harness.sim.clients import new_row
from harness.sim.frozen import SAMPLE
from harness.sim.jsonable import plain, scalars
from harness.sim.parcel import Parcel
from protocols.kernel import NOTE, PERSIST, REPLY, SEND, SET_TIMER, Said

if TYPE_CHECKING:
    from harness.sim.node import Node
    from harness.sim.stage import Stage

Carry: TypeAlias = Callable[[list[Said], int], None]
"""(what a step said, the time in ns)."""


def carrier(stage: Stage, node: Node) -> Carry:
    """Carries out the effects of one step of this node.

    A step is one moment here: nothing can come between its effects, so that all it persists is
    on the disk before anything that it sends can arrive. Where that takes time it is ``disks``
    that says when the effects leave.
    """
    agenda, rows, post = stage.agenda, stage.rows, stage.post
    serial = agenda.serial
    heap, looks, pack, content = agenda.heap, post.looks, post.pack, stage.trace.content
    checks, keep = stage.keeper.checks, stage.keeper.keep
    me, wires, process, disk, alarms = node.id, node.wires, node.process, node.disk, node.alarms
    turns = kept = 0

    def carry(effects: list[Said], now_ns: int) -> None:
        nonlocal turns, kept
        last: object = None
        packed: object = None
        replied = False
        for kind, a, b in effects:
            if kind == SEND:
                if b is not last:
                    last = b
                    try:
                        held = looks[type(b)](b) if turns else None
                    except (AttributeError, TypeError):  # it holds what it is not annotated with
                        held = None
                    if held is not None:
                        turns -= 1
                        content.append(held)
                        packed = b
                    else:
                        packed = pack(b, now_ns)
                        if type(packed) is not Parcel:
                            turns = SAMPLE
                for dst in a:
                    wire = wires[dst]
                    after = wire.take()
                    if after >= 0 and wire.calm:
                        heappush(heap, (now_ns + after, serial(), MESSAGE, dst, wire, packed))
                    else:
                        stage.send_oddly(wire, dst, after, packed)
            elif kind == NOTE:
                value = b[:] if type(b) is list and scalars(map(type, b)) else plain(b)
                rows.append(new_row(Row, (now_ns, process, INFO, a, None, value, None, me, None)))
            elif kind == PERSIST:
                if b is None:
                    disk.pop(a, None)
                else:
                    check = checks.get(type(b)) if kept else None
                    try:
                        same = check is not None and check(b)
                    except (AttributeError, TypeError):
                        same = False
                    kept = kept - 1 if same else SAMPLE
                    disk[a] = b if same else keep(b)
                stage.writer = me
            elif kind == SET_TIMER:
                stage.set_timer(node, a, b[0], b[1])  # not *b, which takes compiled code long
            elif kind == REPLY:
                replied |= stage.reply(node, a, b[0], b[1])
            else:
                alarms.pop(a, None)
        if replied:
            stage.clients.poll()

    return carry
