"""The dependencies between transactions, and the cycles in them.

Adya's direct serialization graph: *ww* a version replaced another, *wr* a version was read, *rw* a
version that was read was replaced (an anti-dependency); with *process* (one after the other in one
process) and *realtime* (one ended before the other began) edges. Which edges a cycle has says which
anomaly it is.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from checker.transactional.transactions import Txn
from checker.values import Ints

WW, WR, RW, PROCESS, REALTIME = range(5)
EDGE_NAMES = ("ww", "wr", "rw", "process", "realtime")
_DATA = (WW, WR, RW)
_LEVELS = (_DATA, (*_DATA, PROCESS), (*_DATA, PROCESS, REALTIME))
_MOST_STEPS = 2_000_000

Cycle = list[tuple[int, int, int]]
"""Edges (from, to, kind), each beginning where the one before it ends."""


@dataclass
class Edges:
    """Parallel arrays; the same edge may be there twice.

    Edges from a transaction to itself, and those with a -1 for nobody's, do not count.
    """

    tail: array[int]
    head: array[int]
    kind: array[int]

    @classmethod
    def none(cls) -> Edges:
        return cls(array("q"), array("q"), array("b"))

    def add(self, tail: int, head: int, kind: int) -> None:
        self.tail.append(tail)
        self.head.append(head)
        self.kind.append(kind)

    def extend(self, tails: Iterable[int], heads: Sequence[int], kind: int) -> None:
        """Several of one kind."""
        self.tail.extend(tails)
        self.head.extend(heads)
        self.kind.extend(repeat(kind, len(heads)))

    def arrays(self) -> tuple[Ints, Ints, NDArray[np.int8]]:
        """From, to and kind of those that lead from one transaction to another."""
        if not self.tail:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int8)
        tail, head = np.frombuffer(self.tail, np.int64), np.frombuffer(self.head, np.int64)
        kind = np.frombuffer(self.kind, np.int8)
        proper = (tail != head) & (tail >= 0) & (head >= 0)
        return (tail, head, kind) if proper.all() else (tail[proper], head[proper], kind[proper])


def process_edges(txns: Sequence[Txn], edges: Edges) -> None:
    """From each transaction to the next of its process."""
    who = np.fromiter((txn.op.process for txn in txns), np.int64, len(txns))
    order = np.argsort(who, kind="stable")
    same = np.flatnonzero(who[order[1:]] == who[order[:-1]])
    edges.tail.frombytes(order[same].tobytes())
    edges.head.frombytes(order[same + 1].tobytes())
    edges.kind.frombytes(np.full(len(same), PROCESS, np.int8).tobytes())


def realtime_edges(txns: Sequence[Txn], edges: Edges) -> None:
    """Only those that do not follow from others: from what has ended to what begins then.

    To b lead those that ended before b began, but not before the beginning of another one that ended
    before b began: by their ends these lie side by side, from the last such beginning to that of b. As
    many edges as transactions times those at the same time.
    """
    begin = np.fromiter((txn.op.invoked for txn in txns), np.int64, len(txns))
    end = np.fromiter((txn.op.completed if txn.ok else -1 for txn in txns), np.int64, len(txns))
    ended = np.flatnonzero(end >= 0)
    ended = ended[np.argsort(end[ended])]
    if not len(ended):
        return
    high = np.searchsorted(end[ended], begin)
    latest = np.concatenate([[-1], np.maximum.accumulate(begin[ended])])[high]
    count = high - np.searchsorted(end[ended], latest)
    heads = np.repeat(np.arange(len(txns)), count)
    steps = np.arange(len(heads)) - np.repeat(np.cumsum(count) - high, count)
    edges.tail.frombytes(ended[steps].tobytes())
    edges.head.frombytes(heads.tobytes())
    edges.kind.frombytes(np.full(len(heads), REALTIME, np.int8).tobytes())


def cycles(edges: Edges, size: int) -> tuple[dict[str, Cycle], bool]:
    """An example of each sort of cycle, by name; and whether the search was complete.

    Without processes first, then with, then with real time, so that each cycle has the plainest name.
    """
    tail, head, kind = edges.arrays()
    found: dict[str, Cycle] = {}
    complete = True
    if not len(tail) or len(components(tail, head, size)[0]) == 0:
        return found, complete
    for allowed in _LEVELS:
        some = np.isin(kind, allowed)
        inside, label = components(tail[some], head[some], size)
        if not len(inside):
            continue
        at = np.flatnonzero(some)[inside]
        order = at[np.argsort(label[tail[at]], kind="stable")]
        borders = np.flatnonzero(np.diff(label[tail[order]])) + 1
        for part in np.split(order, borders):
            small = zip(tail[part].tolist(), head[part].tolist(), kind[part].tolist(), strict=True)
            finder = _Finder(list(small))
            for cycle in finder.cycles():
                found.setdefault(name_cycle(cycle), cycle)
            complete = complete and finder.steps <= _MOST_STEPS
    return found, complete


def components(tail: Ints, head: Ints, size: int) -> tuple[Ints, Ints]:
    """The edges inside strongly connected components, and the component of each node."""
    ones = np.ones(len(tail), np.int8)
    matrix = coo_array((ones, (tail, head)), shape=(size, size)).tocsr()
    _, label = connected_components(matrix, directed=True, connection="strong")
    inside = np.flatnonzero(label[tail] == label[head])
    return inside.astype(np.int64), label.astype(np.int64)


def name_cycle(cycle: Cycle) -> str:
    """Which anomaly a cycle is, by the edges that it has."""
    kinds = [kind for _, _, kind in cycle]
    rw = kinds.count(RW)
    if rw == 1:
        base = "G-single-item"
    elif rw > 1:
        beside = any(a == RW == b for a, b in zip(kinds, [*kinds[1:], kinds[0]], strict=True))
        base = "G2-item" if beside else "G-nonadjacent-item"
    else:
        base = "G1c" if WR in kinds else "G0"
    return base + ("-realtime" if REALTIME in kinds else "-process" if PROCESS in kinds else "")


class _Finder:
    """Cycles in one strongly connected component: shortest ones, by breadth first search."""

    def __init__(self, edges: list[tuple[int, int, int]]) -> None:
        self.edges = sorted(set(edges))
        self.after: dict[int, list[tuple[int, int]]] = {}
        for tail, head, kind in self.edges:
            self.after.setdefault(tail, []).append((head, kind))
        self.steps = 0

    def cycles(self) -> Iterator[Cycle]:
        """At most one of each: no rw and only ww; no rw; one rw; several apart; any."""
        order = [PROCESS, REALTIME]
        for first, rest in (
            ((WW,), (WW, *order)),
            ((WR,), (WW, WR, *order)),
            ((RW,), (WW, WR, *order)),
        ):
            if cycle := self.close(first, frozenset(rest)):
                yield cycle
        if cycle := self.close_apart():
            yield cycle
        if cycle := self.close((RW,), frozenset((WW, WR, RW, *order))):
            yield cycle

    def close(self, first: tuple[int, ...], rest: frozenset[int]) -> Cycle | None:
        """The first edge of these kinds that edges of the others lead back from."""
        for tail, head, kind in self.edges:
            if kind in first and (path := self.path(head, tail, rest)) is not None:
                return [(tail, head, kind), *path]
            if self.steps > _MOST_STEPS:
                return None
        return None

    def path(self, start: int, goal: int, kinds: frozenset[int]) -> Cycle | None:
        came: dict[int, tuple[int, int]] = {}
        queue = deque([start])
        while queue:
            node = queue.popleft()
            if node == goal:
                return _walk_back(came, start, goal)
            for head, kind in self.after.get(node, ()):
                self.steps += 1
                if kind in kinds and head not in came and head != start:
                    came[head] = node, kind
                    queue.append(head)
        return None

    def close_apart(self) -> Cycle | None:
        """A cycle with two rw edges or more, no two of which are beside each other.

        The search goes over (node, whether an rw led there, whether a second rw was used); walks
        that cross themselves are passed over.
        """
        for tail, head, kind in self.edges:
            if self.steps > _MOST_STEPS:
                return None
            if kind != RW:
                continue
            start = (head, True, False)
            came: dict[tuple[int, bool, bool], tuple[tuple[int, bool, bool], int]] = {}
            queue = deque([start])
            goal = (tail, False, True)
            while queue and goal not in came:
                state = queue.popleft()
                for node, how in self.after.get(state[0], ()):
                    self.steps += 1
                    if how == RW and state[1]:
                        continue
                    then = (node, how == RW, state[2] or how == RW)
                    if then not in came and then != start:
                        came[then] = state, how
                        queue.append(then)
            if goal in came and (path := _simple(came, start, goal)):
                return [(tail, head, kind), *path]
        return None


def _walk_back(came: Mapping[int, tuple[int, int]], start: int, goal: int) -> Cycle:
    path: Cycle = []
    while goal != start:
        before, kind = came[goal]
        path.append((before, goal, kind))
        goal = before
    return path[::-1]


def _simple(
    came: Mapping[tuple[int, bool, bool], tuple[tuple[int, bool, bool], int]],
    start: tuple[int, bool, bool],
    goal: tuple[int, bool, bool],
) -> Cycle:
    """The walk to the goal, if it comes to no node twice; else nothing."""
    path: Cycle = []
    while goal != start:
        before, kind = came[goal]
        path.append((before[0], goal[0], kind))
        goal = before
    heads = [head for _, head, _ in path]
    return path[::-1] if len(set(heads)) == len(heads) else []
