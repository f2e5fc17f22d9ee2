"""The bad patterns of causal consistency, causal convergence and causal memory.

Bouajjani, Enea, Guerraoui, Hamza, "On Verifying Causal Consistency", POPL 2017: where each value is
written once, a history is

- causally consistent (CC) iff it has no *ThinAirRead*, *CyclicCO*, *WriteCOInitRead*, *WriteCORead*;
- causally convergent (CCv) iff moreover it has no *CyclicCF*;
- causal memory (CM; Ahamad, Neiger, Burns, Kohli, Hutto, 1995) iff it has none of the first four, and
  no *WriteHBInitRead* and *CyclicHB*.

CC and CCv take time in ops times processes. CM is a fixpoint for each process; its patterns stop
being looked for when ``Budget`` is spent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

from checker.causal.order import NONE, Clocks, Events, clocks, comes_before, ring, way

MOST_STEPS = 3_000_000

Extra = Mapping[int, Collection[int]]


@dataclass(frozen=True)
class Pattern:
    """``name`` as in the paper. ``ways`` lead from event to event; ``read`` is the one that is wrong.

    ``because`` gives for a step that is neither of a process nor a read of a write, the read that
    demands it.
    """

    name: str
    read: int
    ways: tuple[tuple[int, ...], ...] = ()
    because: Mapping[tuple[int, int], int] | None = None


@dataclass
class Budget:
    """How many events CM may still look at; below 0 where that was not enough."""

    left: int = MOST_STEPS


def consistency(events: Events, found: Clocks, cyclic: list[int]) -> Pattern | None:
    """What breaks CC, thin air apart; the cycle or the read that comes first."""
    if cyclic:
        start = ring(events, {}, cyclic)[0]
        path = way(events, start, start, {})
        return Pattern("CyclicCO", path[0], (tuple(path),))
    for read in range(len(events)):
        if events.writes[read]:
            continue
        writer = events.writer[read]
        for other in events.latest(read, found[read]):
            if writer == NONE:
                return Pattern("WriteCOInitRead", read, (tuple(way(events, other, read, {})),))
            if comes_before(events, found, writer, other):
                ways = (way(events, writer, other, {}), way(events, other, read, {}))
                return Pattern("WriteCORead", read, tuple(map(tuple, ways)))
    return None


def convergence(events: Events, found: Clocks) -> Pattern | None:
    """What breaks CCv, given that CC holds: a cycle once what a read had seen comes before its write."""
    extra, because = _demanded(events, found, range(len(events)))
    _, cyclic = clocks(events, extra)
    if not cyclic:
        return None
    return _cycle("CyclicCF", events, extra, because, cyclic)


def _cycle(
    name: str,
    events: Events,
    extra: Extra,
    because: Mapping[tuple[int, int], int],
    cyclic: Collection[int],
) -> Pattern:
    """A cycle through a step that some read demands."""
    steps = pairwise(ring(events, extra, cyclic))
    tail, head = next(step for step in steps if step in because)
    path = way(events, head, tail, extra)
    return Pattern(name, because[tail, head], ((*path, head),), because)


def _demanded(
    events: Events, found: Clocks, reads: Collection[int]
) -> tuple[dict[int, list[int]], dict[tuple[int, int], int]]:
    """(write -> writes to be before it), as each of these reads saw the one and read the other."""
    extra: defaultdict[int, list[int]] = defaultdict(list)
    because: dict[tuple[int, int], int] = {}
    for read in reads:
        writer = events.writer[read]
        if writer == NONE:
            continue
        for other in events.latest(read, found[read]):
            demanded = (other, writer)
            if other == writer or demanded in because:
                continue
            if not comes_before(events, found, other, writer):
                because[demanded] = read
                extra[writer].append(other)
    return dict(extra), because


def memory(events: Events, found: Clocks, budget: Budget) -> Pattern | None:
    """What breaks CM, given that CC holds: for each process, that it cannot order what it saw.

    Sets ``budget.left`` below 0 where that was not decided.
    """
    last = {events.process[e]: e for e in range(len(events))}
    for process, end in last.items():
        budget.left -= len(events)
        if budget.left < 0:
            return None
        seen = found[end]
        inside = [e for e in range(len(events)) if events.position[e] <= seen[events.process[e]]]
        reads = [e for e in inside if events.process[e] == process and not events.writes[e]]
        if not reads or events.processes == 1:
            continue
        if pattern := _of_process(events, found, inside, reads, budget):
            return pattern
    return None


def _of_process(
    events: Events, known: Clocks, inside: list[int], reads: list[int], budget: Budget
) -> Pattern | None:
    """The least order in which this process can have seen all that it saw, grown until it stands."""
    extra: defaultdict[int, list[int]] = defaultdict(list)
    because: dict[tuple[int, int], int] = {}
    while True:
        budget.left -= len(inside)
        if budget.left < 0:
            return None
        for read in reads:
            if events.writer[read] == NONE:
                for other in events.latest(read, known[read]):
                    path = tuple(way(events, other, read, extra))
                    return Pattern("WriteHBInitRead", read, (path,), because)
        more, why = _demanded(events, known, reads)
        if not more:
            return None
        because |= why
        for write, others in more.items():
            extra[write] += others
        known, cyclic = clocks(events, extra, inside)
        if cyclic:
            return _cycle("CyclicHB", events, extra, because, cyclic)
