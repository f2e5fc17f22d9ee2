"""The causal order of a register history: what a process had done or seen before each of its ops.

It is the least order with each process's own (*program order*) and from a write to the reads of its
value (*reads from*). Kept as vector clocks (Fidge 1988, Mattern 1989), one entry a process: of each
op, how many of every process's ops come before it or are it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from checker.history import History
from checker.linearizable.columns import CAS, READ, WRITE, Columns, Ops

Clock = NDArray[np.int32]
Clocks = NDArray[np.int32]
NONE = -1
_NO_EDGES: Mapping[int, Collection[int]] = {}


@dataclass
class Events:
    """Reads and writes, process by process in their order; a cas is a read and then a write.

    ``process`` is a code in [0, ``processes``), ``position`` counts from 1 within it. ``writer`` is
    the event that wrote what a read saw; NONE where it saw the initial nothing, and of writes.
    """

    op: list[int] = field(default_factory=list)
    process: list[int] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    key: list[int] = field(default_factory=list)
    writes: list[bool] = field(default_factory=list)
    slot: list[int] = field(default_factory=list)
    writer: list[int] = field(default_factory=list)
    processes: int = 0
    updates: dict[int, list[tuple[int, list[int], list[int]]]] = field(default_factory=dict)
    """Of each key: for each process that wrote it, the positions and the events of its writes."""

    def __len__(self) -> int:
        return len(self.op)

    def before(self, event: int) -> int:
        """The event before it in its process, or NONE."""
        return event - 1 if self.position[event] > 1 else NONE

    def causes(self, event: int) -> Iterator[int]:
        """The events right before it: in its process, and the write that it read."""
        if self.position[event] > 1:
            yield event - 1
        if self.writer[event] != NONE:
            yield self.writer[event]

    def latest(self, read: int, clock: Clock) -> Iterator[int]:
        """Of each process the last write of the read's key that this clock has seen."""
        for process, positions, events in self.updates.get(self.key[read], ()):
            place = bisect_right(positions, int(clock[process]))
            if place:
                yield events[place - 1]


def events_of(history: History, table: Columns, ops: Ops) -> Events:
    """The events of the ops that count. Each value that was seen was written once, or never."""
    events = Events()
    order = np.lexsort((ops.inv, history.process[ops.inv]))
    who = history.process[ops.inv[order]].tolist()
    columns = (ops.inv, ops.key, ops.kind, ops.new, ops.old)
    last, position = None, 0
    for process, inv, key, kind, new, old in zip(
        who, *(column[order].tolist() for column in columns), strict=True
    ):
        if process != last:
            last, position = process, 0
            events.processes += 1
        for writes, slot in _parts(kind, new, old):
            position += 1
            events.op.append(inv)
            events.process.append(events.processes - 1)
            events.position.append(position)
            events.key.append(key)
            events.writes.append(writes)
            events.slot.append(slot)
    _tie(events, table)
    return events


def _parts(kind: int, new: int, old: int) -> Iterator[tuple[bool, int]]:
    if kind != WRITE:
        yield False, new if kind == READ else old
    if kind in (WRITE, CAS):
        yield True, new


def _tie(events: Events, table: Columns) -> None:
    """Find each read's writer, and lay out each key's writes by process."""
    by_slot = {events.slot[e]: e for e in range(len(events)) if events.writes[e]}
    by_key: defaultdict[int, dict[int, tuple[list[int], list[int]]]] = defaultdict(dict)
    for e in range(len(events)):
        if not events.writes[e]:
            initial = events.slot[e] >= table.slots.first_nil
            events.writer.append(NONE if initial else by_slot.get(events.slot[e], NONE))
            continue
        events.writer.append(NONE)
        positions, written = by_key[events.key[e]].setdefault(events.process[e], ([], []))
        positions.append(events.position[e])
        written.append(e)
    events.updates = {
        key: [(process, *lists) for process, lists in several.items()]
        for key, several in by_key.items()
    }


def clocks(
    events: Events,
    extra: Mapping[int, Collection[int]] = _NO_EDGES,
    inside: Collection[int] | None = None,
) -> tuple[Clocks, list[int]]:
    """A clock for each event, and the events that lie on a cycle or after one (none: all is well).

    ``extra`` gives more events right before an event; ``inside``, if given, are the only ones that
    count, and with each come all that come before it.
    """
    found = np.zeros((len(events), events.processes), np.int32)
    chosen = range(len(events)) if inside is None else inside
    waits: dict[int, int] = {}
    after: defaultdict[int, list[int]] = defaultdict(list)
    ready: list[int] = []
    for e in chosen:
        causes = [*events.causes(e), *extra.get(e, ())]
        waits[e] = len(causes)
        for cause in causes:
            after[cause].append(e)
        if not causes:
            ready.append(e)
    while ready:
        e = ready.pop()
        del waits[e]
        clock = found[e]
        clock[events.process[e]] = events.position[e]
        for later in after.get(e, ()):
            np.maximum(found[later], clock, out=found[later])
            waits[later] -= 1
            if not waits[later]:
                ready.append(later)
    return found, sorted(waits)


def comes_before(events: Events, found: Clocks, first: int, second: int) -> bool:
    """Whether the one is before the other by these clocks."""
    seen = int(found[second, events.process[first]])
    return first != second and seen >= events.position[first]


def way(events: Events, first: int, last: int, extra: Mapping[int, Collection[int]]) -> list[int]:
    """The fewest steps from one event to another, both named; empty where there is none.

    Where they are the same, the shortest cycle through it. Found backward, breadth first.
    """
    to: dict[int, int] = {}
    level = [last]
    while level and first not in to:
        below = []
        for e in level:
            for cause in (*events.causes(e), *extra.get(e, ())):
                if cause not in to:
                    to[cause] = e
                    below.append(cause)
        level = below
    if first not in to:
        return []
    path = [first, to[first]]
    while path[-1] != last:
        path.append(to[path[-1]])
    return path


def ring(
    events: Events, extra: Mapping[int, Collection[int]], cyclic: Collection[int]
) -> list[int]:
    """Some cycle among events of which each has a cause among them, as a way from an event to itself."""
    inside = set(cyclic)
    place: dict[int, int] = {}
    back = [next(iter(cyclic))]
    while back[-1] not in place:
        place[back[-1]] = len(back) - 1
        causes = (*events.causes(back[-1]), *extra.get(back[-1], ()))
        back.append(next(cause for cause in causes if cause in inside))
    return back[place[back[-1]] :][::-1]


def hops(events: Events, path: list[int]) -> list[tuple[int, int, str]]:
    """The steps of a way: ``process``, those of one process joined; ``reads``; or ``extra``."""
    found: list[tuple[int, int, str]] = []
    for a, b in pairwise(path):
        kind = "process" if events.before(b) == a else "reads" if events.writer[b] == a else "extra"
        if found and kind == "process" == found[-1][2]:
            found[-1] = (found[-1][0], b, kind)
        else:
            found.append((a, b, kind))
    return found
