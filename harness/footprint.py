"""What a replica holds, in memory and on disk: does it grow with what was done?

A log-based protocol must compact. A trial is played in the simulator, and some times in each of the spans of
time that are asked for, everything that is reachable from each replica is counted. The most that some replica
had at some look counts, since what a log holds goes up and down with its snapshots.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, ModuleType

from harness.sim import Setup
from harness.sim.agenda import Entry
from harness.sim.simulator import Simulator

_NOT_STATE = (type, ModuleType, FunctionType, BuiltinFunctionType)
_ATOMS = (int, str, bytes, float, type(None))
_MS = 1_000_000

LOOKS = 25
"""In each span."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """The most of each that any node has; ``answered`` are the ops that were."""

    answered: int
    objects: int
    kilobytes: int
    durable_keys: int
    durable_kilobytes: int


class _Looking(Simulator):
    """Plays a trial, and looks at all nodes whenever a time to look has come."""

    def __init__(self, setup: Setup, spans: Sequence[tuple[int, int]]) -> None:
        super().__init__(setup)
        self.seen: list[list[Footprint]] = [[] for _ in spans]
        self.due = sorted(
            ((first + (last - first) * i // LOOKS) * _MS, span)
            for span, (first, last) in enumerate(spans)
            for i in range(LOOKS)
        )

    def _other(self, entry: Entry) -> None:
        while self.due and self.due[0][0] <= self.agenda.now_ns:
            self.seen[self.due.pop(0)[1]].append(self.look())
        super()._other(entry)

    def look(self) -> Footprint:
        memory = [reachable((node.replica,)) for node in self.nodes if node.replica]
        disks = [reachable((node.disk,)) for node in self.nodes]
        return Footprint(
            answered=sum(row.type == 1 and row.process >= 0 for row in self.rows),
            objects=max((count for count, _ in memory), default=0),
            kilobytes=max((size for _, size in memory), default=0) // 1024,
            durable_keys=max(len(node.disk) for node in self.nodes),
            durable_kilobytes=max(size for _, size in disks) // 1024,
        )


def footprints(setup: Setup, spans: Sequence[tuple[int, int]]) -> list[Footprint]:
    """Play the main phase; the most of each of the looks of each span, from ms to ms."""
    simulator = _Looking(setup, spans)
    phases = simulator.phases()
    next(phases)
    simulator._loop()  # noqa: SLF001  what a run does, but for its other phases
    if simulator.due:
        message = f"the run was over before the last {len(simulator.due)} looks"
        raise ValueError(message)
    return [_most(looks) for looks in simulator.seen]


def _most(looks: Sequence[Footprint]) -> Footprint:
    return Footprint(**{name: max(vars(look)[name] for look in looks) for name in vars(looks[0])})


def reachable(roots: Iterable[object]) -> tuple[int, int]:
    """How many objects can be reached from these, and their bytes; code is not state.

    A number or text counts at each place that holds it: CPython has each int up to 256 only once, so that a
    thousand serials would be fewer objects while they are small, and a list of small ones no more than the list.

    >>> reachable(([1000, [7, 7]],))[0]
    5
    """
    seen: set[int] = set()
    stack = list(roots)
    count = size = 0
    while stack:
        item = stack.pop()
        if isinstance(item, _ATOMS):
            count += 1
            size += sys.getsizeof(item)
            continue
        if id(item) in seen or isinstance(item, _NOT_STATE):
            continue
        seen.add(id(item))
        count += 1
        size += sys.getsizeof(item)
        stack += gc.get_referents(item)
    return count, size
