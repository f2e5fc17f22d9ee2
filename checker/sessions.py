"""Session guarantees of registers, key by key, up to sequential consistency.

Terry, Demers, Petersen, Spreitzer, Theimer, Welch, "Session Guarantees for Weakly Consistent
Replicated Data", PDIS 1994; a session is a process. With values written once, each guarantee asks
for an order of each key's values, the initial nothing first, in which

- *monotonic reads*: nobody reads a value and then an older one;
- *read your writes*: nobody writes a value and then reads an older one;
- *writes follow reads*: nobody reads a value and then writes an older one;
- *monotonic writes*: nobody writes a value and then another that is older;
- *sequential* (Lamport 1979, for one key: coherence): all four in one order.

A cas counts as a read of what it found and a write of what it put there right after it. Such an
order exists iff a graph has no cycle: values are nodes, an edge for each such pair. Linear time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from checker.history import History
from checker.linearizable.columns import CAS, READ, WRITE, Columns, Ops, columns
from checker.linearizable.graph import effective
from checker.phrases import name_op, of_key, plural
from checker.values import Json
from checker.verdict import Outcome, Verdict

GUARANTEES = ("monotonic-reads", "read-your-writes", "writes-follow-reads", "monotonic-writes")
SEQUENTIAL = "sequential"
_LONGEST = 6

Edge = tuple[int, int, int, int]
"""From a node to a node, since the process of op ``first`` did ``second`` later (-1, -1: by value)."""


class _Graph:
    """Nodes below ``values`` are slots; above are points of a session, and borders of chains."""

    def __init__(self, values: int) -> None:
        self.nodes = values
        self.edges: list[Edge] = []
        self.border: dict[int, tuple[int, int]] = {}
        """Of a slot in a chain of cas: nodes that come before and after the whole chain."""

    def point(self) -> int:
        self.nodes += 1
        return self.nodes - 1

    def add(self, tail: int, head: int, first: int = -1, second: int = -1) -> None:
        """What comes before one value of a chain, or after it, does so for the whole chain."""
        if tail == head:
            return
        before, after = self.border.get(tail), self.border.get(head)
        if before != after:
            tail = tail if before is None else before[1]
            head = head if after is None else after[0]
        self.edges.append((tail, head, first, second))

    def join(self, parents: Mapping[int, int]) -> None:
        """Make chains of these values, where ``parents`` gives what each was made from by cas."""
        root: dict[int, int] = {}
        for slot in parents:
            path = [slot]
            while path[-1] in parents and path[-1] not in root and len(path) <= len(parents):
                path.append(parents[path[-1]])
            end = root.get(path[-1], path[-1])
            root |= dict.fromkeys(path, end)
        borders = {end: (self.point(), self.point()) for end in dict.fromkeys(root.values())}
        self.border = {slot: borders[end] for slot, end in root.items()}
        for slot, (first, last) in self.border.items():
            self.edges += [(first, slot, -1, -1), (slot, last, -1, -1)]


def check(history: History, *, guarantees: Sequence[str] = (*GUARANTEES, SEQUENTIAL)) -> Verdict:
    """*Invalid* if any of the guarantees is broken; ``details["guarantees"]`` tells each.

    *Unknown* where an observed value was written more than once. *Vacuous* where no read succeeded.
    Raises ValueError for a guarantee of another name.
    """
    table = columns(history)
    if unknown := [name for name in guarantees if name not in (*GUARANTEES, SEQUENTIAL)]:
        raise ValueError(f"no such session guarantee: {unknown[0]}")
    ops, ambiguous = effective(table)
    if table.strange >= 0 or ambiguous.any():
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary="sessions are judged of registers whose observed values were written once",
        )
    if not (ops.ok & (ops.kind != WRITE)).any():
        return Verdict(outcome=Outcome.VACUOUS, summary="no read succeeded")
    if wrong := _unwritten(history, table, ops) or _forked(history, ops):
        return wrong
    cycles = {name: _cycle(_graph(history, table, ops, name)) for name in guarantees}
    told: dict[str, Json] = {name: "broken" if cycle else "kept" for name, cycle in cycles.items()}
    broken = [name for name, cycle in cycles.items() if cycle]
    details: dict[str, Json] = {"guarantees": told}
    if not broken:
        names = ", ".join(guarantees)
        return Verdict(outcome=Outcome.VALID, summary=f"kept: {names}", details=details)
    steps = [edge for edge in cycles[broken[0]] if edge[2] >= 0]
    key = of_key(history.key[steps[0][2]])
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"{key}: {', '.join(broken)} broken",
        evidence=_rows(history, steps),
        explanation=tuple(_explain(history, cycles[broken[0]])),
        details=details,
    )


sequential = partial(check, guarantees=(SEQUENTIAL,))
"""Only sequential consistency, key by key."""
monotonic_reads = partial(check, guarantees=("monotonic-reads",))
read_your_writes = partial(check, guarantees=("read-your-writes",))
writes_follow_reads = partial(check, guarantees=("writes-follow-reads",))
monotonic_writes = partial(check, guarantees=("monotonic-writes",))


def _unwritten(history: History, table: Columns, ops: Ops) -> Verdict | None:
    """A value that nobody wrote, or two cas of one value, rules out every order."""
    there = np.zeros(table.slots.count, np.bool_)
    there[ops.new[ops.kind != READ]] = True
    there[table.slots.first_nil :] = True
    found = np.where(ops.kind == READ, ops.new, np.where(ops.kind == CAS, ops.old, ops.new))
    bad = np.flatnonzero(~there[found])
    if not len(bad):
        return None
    return _plain(history, [int(ops.inv[bad[0]])], "what nobody wrote was seen")


def _forked(history: History, ops: Ops) -> Verdict | None:
    """Two cas took effect on one value, or cas go round in a circle: no order has that."""
    made = np.flatnonzero(ops.kind == CAS)
    taken: dict[int, int] = {}
    parent: dict[int, tuple[int, int]] = {}
    for old, new, op in zip(*(c[made].tolist() for c in (ops.old, ops.new, ops.inv)), strict=True):
        if old in taken:
            return _plain(history, [taken[old], op], "two cas took effect on one value")
        taken[old], parent[new] = op, (old, op)
    done: set[int] = set()
    for slot in parent:
        path: dict[int, int] = {}
        here = slot
        while here in parent and here not in done and here not in path:
            path[here] = parent[here][1]
            here = parent[here][0]
        if here in path:
            return _plain(history, list(path.values()), "cas on what other cas made, going round")
        done |= path.keys()
    return None


def _plain(history: History, ops: Sequence[int], what: str) -> Verdict:
    """What is wrong whatever the order."""
    shown = ops[:_LONGEST]
    ends = [int(history.partner[op]) for op in shown]
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"{of_key(history.key[ops[0]])}: {what}",
        evidence=tuple(sorted({*shown, *(end for end in ends if end >= 0)})),
        explanation=tuple(f"{name_op(history, op)} (row {op})" for op in shown),
        details={"guarantees": {}},
    )


def _graph(history: History, table: Columns, ops: Ops, guarantee: str) -> _Graph:
    """The edges of one guarantee; by value, nothing comes before all and a cas's old before its new."""
    slots = table.slots
    graph = _Graph(slots.count)
    made = ops.kind == CAS
    parents = dict(zip(ops.new[made].tolist(), ops.old[made].tolist(), strict=True))
    if guarantee == SEQUENTIAL:
        graph.join(parents)
    for slot in np.unique(ops.new).tolist():
        graph.add(slots.first_nil + int(slots.key[slot]), slot)
    for new, old in parents.items():
        graph.add(old, new)
    process = history.process[ops.inv]
    order = np.lexsort((ops.inv, ops.key, process))
    columns_of = (process, ops.key, ops.kind, ops.new, ops.old, ops.inv)
    sink = _Sink(graph, *_SORTS[guarantee])
    last = None
    for who, key, kind, new, old, inv in zip(*(c[order].tolist() for c in columns_of), strict=True):
        if (who, key) != last:
            last = who, key
            sink.begin()
        if kind != WRITE:
            sink.see("r", new if kind == READ else old, inv)
        if kind != READ:
            sink.see("w", new, inv)
    return graph


_SORTS = {
    "monotonic-reads": ("r", "r"),
    "read-your-writes": ("w", "r"),
    "writes-follow-reads": ("r", "w"),
    "monotonic-writes": ("w", "w"),
    SEQUENTIAL: ("rw", "rw"),
}


class _Sink:
    """Adds the edges of one guarantee as it is told of a session's ops in their order."""

    def __init__(self, graph: _Graph, first: str, second: str) -> None:
        self.graph, self.first, self.second = graph, first, second
        self.begin()

    def begin(self) -> None:
        """Begin another session."""
        self.last: tuple[int, int] | None = None
        self.read: dict[int, int] = {}
        self.past: list[tuple[int, int, int]] = []
        """(slot, op, point): the point stands for this and all before it."""
        self.place: dict[int, int] = {}

    def see(self, sort: str, slot: int, op: int) -> None:
        if sort == "r":
            self.read.setdefault(slot, op)
        elif self.first != "w" and "w" in self.second and slot in self.read:
            point = self.graph.point()  # it had read what it had yet to write
            self.graph.add(slot, point, self.read[slot], op)
            self.graph.add(point, slot)
        if self.first == self.second:
            self.follow(sort, slot, op)
        elif sort == self.second:
            self.after_all(slot, op)
        else:
            self.gather(slot, op)

    def follow(self, sort: str, slot: int, op: int) -> None:
        """One sort after the same sort: an edge from the last one says all."""
        if sort not in self.first:
            return
        if self.last is not None:
            self.graph.add(self.last[0], slot, self.last[1], op)
        self.last = slot, op

    def gather(self, slot: int, op: int) -> None:
        point = self.graph.point()
        if self.past:
            self.graph.add(self.past[-1][2], point)
        self.graph.add(slot, point)
        self.place[slot] = len(self.past)
        self.past.append((slot, op, point))

    def after_all(self, slot: int, op: int) -> None:
        """Edges from all that came before, but for the same value."""
        same = self.place.get(slot, len(self.past))
        if same > 0:
            _, first, point = self.past[same - 1]
            self.graph.add(point, slot, first, op)
        for other, first, _ in self.past[same + 1 :]:
            self.graph.add(other, slot, first, op)


def _cycle(graph: _Graph) -> list[Edge]:
    """A shortest cycle through some node that is on one; empty where there is none."""
    if not graph.edges:
        return []
    ends = np.array([edge[:2] for edge in graph.edges], np.int64)
    ones = np.ones(len(ends), np.int8)
    matrix = coo_array((ones, (ends[:, 0], ends[:, 1])), shape=(graph.nodes, graph.nodes))
    count, label = connected_components(matrix.tocsr(), directed=True, connection="strong")
    if count == graph.nodes:
        return []
    inside = np.flatnonzero(label[ends[:, 0]] == label[ends[:, 1]])
    component = label[ends[inside[0], 0]]
    small: nx.DiGraph[int] = nx.DiGraph()
    for i in inside[label[ends[inside, 0]] == component].tolist():
        edge = graph.edges[i]
        if not small.has_edge(edge[0], edge[1]):
            small.add_edge(edge[0], edge[1], edge=edge)
    start = int(ends[inside[0], 0])
    distance = dict(nx.single_target_shortest_path_length(small, start))
    step = min(small.successors(start), key=lambda node: (distance[node], node))
    path = [start, *nx.shortest_path(small, step, start)]
    return [small.edges[a, b]["edge"] for a, b in pairwise(path)]


def _rows(history: History, steps: Sequence[Edge]) -> tuple[int, ...]:
    ops = {op for _, _, first, second in steps for op in (first, second)}
    ends = {int(history.partner[op]) for op in ops}
    return tuple(sorted(ops | ends))


def _explain(history: History, cycle: Sequence[Edge]) -> Iterator[str]:
    """The steps that sessions took; each says that one value came before another."""
    steps = [edge for edge in cycle if edge[2] >= 0]
    for _, _, first, second in steps[:_LONGEST]:
        process = int(history.process[first])
        yield (
            f"process {process}: {name_op(history, first)} (row {first}), "
            f"later {name_op(history, second)} (row {second})"
        )
    if len(steps) > _LONGEST:
        yield f"and {plural(len(steps) - _LONGEST, 'more step')}"
    yield "so each of these values came before the others, going round"
