"""Whether the nodes agree, by their own word: what was decided, and in which order it ran.

*Uniform agreement*, "no two processes decide differently" (Cachin, Guerraoui, Rodrigues,
"Introduction to Reliable and Secure Distributed Programming", 2nd ed., section 5.2), holds for each
slot, for dead and restarted nodes too. It is read from notes ``decided`` [slot, what].

*Execution consistency*, "if two interfering commands are committed, they will be executed in the
same order by every replica" (Moraru, Andersen, Kaminsky, "There Is More Consensus in Egalitarian
Parliaments", SOSP 2013, section 4.1), is read from notes ``executed`` [key, what]. A *run* is what
one incarnation of a node executed of one key. A node may begin anywhere, from a snapshot, and leave
out what a snapshot brought it. So the claim is: for each key there is one order of its updates of
which every run is a subsequence; that is, the relation "next but one another in some run" has no
cycle. A run ends where the nemesis killed or started the node, or the node noted ``started``; where
an update comes again without that, the node restarted by itself somewhere between, and from those
places no order is read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, islice, pairwise
from operator import lt

import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from checker.history import History
from checker.phrases import of_key, of_node, plural, show
from checker.shapes import Malformed, answers, integer
from checker.values import Ints, Json, identity
from checker.verdict import Outcome, Verdict
from checker.windows import nemesis_rows

_MOST_STRETCHES = 100
_SIMPLE = frozenset({int, str, type(None)})


@dataclass(frozen=True)
class Step:
    """Node ``node`` noted in ``row`` that it executed ``what`` of ``key``."""

    row: int
    node: int
    key: Json
    what: Json
    item: int
    """The same number for the same update of the same key."""


@dataclass(slots=True)
class _Run:
    """What is known of the current run of one node on one key."""

    node: int
    items: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    place: dict[int, int] = field(default_factory=dict)
    """Where each item came last."""
    cut_low: int = 0
    cut_high: int = 0
    """A restart lies after place ``cut_low`` and not after ``cut_high``; none where they are equal."""

    def ordered(self) -> Ints:
        """The places, but the last, whose neighbours did run one after the other: those between
        which the node may have restarted are none.
        """
        places = np.arange(len(self.items) - 1)
        return places[(places < self.cut_low) | (places >= self.cut_high)]


@answers
def check(history: History) -> Verdict:
    """Valid without notes. ``details`` counts slots, decisions, updates and nodes."""
    slots, conflicts = _decisions(history)
    runs, updates = _runs(history)
    cycle = _contradiction(history, runs, updates)
    details: dict[str, Json] = {
        "slots": len(slots),
        "conflicting slots": len(conflicts),
        "updates": updates,
        "nodes": len({run.node for run in runs} | {node for _, node, _ in slots.values()}),
    }
    if conflicts:
        slot, first, second = conflicts[0]
        lines = [_decided(slot, first), _decided(slot, second)]
        more = f"; and {plural(len(conflicts) - 1, 'other slot')}" if len(conflicts) > 1 else ""
        return Verdict(
            outcome=Outcome.INVALID,
            summary=f"slot {show(slot)} was decided differently by "
            f"{_nodes(first[1], second[1])}{more}",
            evidence=(first[0], second[0]),
            explanation=tuple(lines),
            details=details,
        )
    if cycle:
        nodes = dict.fromkeys(step.node for step, _ in cycle)
        return Verdict(
            outcome=Outcome.INVALID,
            summary=f"{of_key(cycle[0][0].key)}: updates ran in different orders at "
            f"{_nodes(*nodes)}",
            evidence=tuple(sorted({step.row for edge in cycle for step in edge})),
            explanation=tuple(
                f"{of_node(a.node)} executed {show(a.what)} (row {a.row}) "
                f"before {show(b.what)} (row {b.row})"
                for a, b in cycle
            ),
            details=details,
        )
    if not slots and not updates:
        return Verdict(outcome=Outcome.VALID, summary="no node noted a decision", details=details)
    summary = f"{plural(len(slots), 'slot')} and {plural(updates, 'executed update')} agree"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


_Decision = tuple[int, int, Json]
"""Row, node, what."""


def _decisions(
    history: History,
) -> tuple[dict[Hashable, _Decision], list[tuple[Json, _Decision, _Decision]]]:
    """The first decision of each slot, and for each slot decided differently the first two."""
    first: dict[Hashable, _Decision] = {}
    conflicts: dict[Hashable, tuple[Json, _Decision, _Decision]] = {}
    for row, node, value in history.notes("decided"):
        slot, what = value if type(value) is list and len(value) == 2 else _pair(value, row)
        name = slot if type(slot) is int else _name(slot)
        before = first.get(name)
        if before is None:
            first[name] = (row, node, what)
        elif not _same(before[2], what) and name not in conflicts:
            conflicts[name] = (slot, before, (row, node, what))
    return first, list(conflicts.values())


def _same(one: Json, other: Json) -> bool:
    """Whether both are the same JSON."""
    if type(one) is str or type(other) is str:
        return one == other
    return _name(one) == _name(other)


def _name(value: Json) -> Hashable:
    """As ``identity``, and quicker for lists: nodes note thousands."""
    if type(value) is list or type(value) is tuple:
        if _SIMPLE.issuperset(map(type, value)):
            return ("list", *value)
        return ("list", *map(_name, value))
    return identity(value)


def _runs(history: History) -> tuple[list[_Run], int]:
    """The runs of each node and key, those of one node and key in order, and the number of
    different updates.
    """
    restarts = _restarts(history)
    items: dict[Hashable, int] = {}
    runs: dict[tuple[int, Hashable], list[_Run]] = {}
    for row, node, value in history.notes("executed"):
        key, what = value if type(value) is list and len(value) == 2 else _pair(value, row)
        name = key if type(key) is str else _name(key)
        update = name, what if type(what) is str else _name(what)
        item = items.setdefault(update, len(items))
        mine = runs.get((node, name))
        if mine is None:
            mine = runs[node, name] = [_Run(node)]
        elif node in restarts and restarts[node].between(mine[-1].rows[-1], row):
            mine.append(_Run(node))
        _extend(mine, item, row)
    return [run for several in runs.values() for run in several], len(items)


class _Restarts:
    """When a node was killed or started: spans of time, in order."""

    def __init__(self, history: History) -> None:
        self.time_ns = history.time_ns
        self.begins: list[int] = []
        self.ends: list[int] = []

    def add(self, begin_ns: int, end_ns: int) -> None:
        self.begins.append(begin_ns)
        self.ends.append(end_ns)

    def between(self, first: int, second: int) -> bool:
        """Whether the node may have restarted between two of its notes, given as rows."""
        place = bisect_left(self.ends, self.time_ns.item(first))
        return place < len(self.ends) and self.begins[place] <= self.time_ns.item(second)


def _restarts(history: History) -> defaultdict[int, _Restarts]:
    """From the nemesis' actions, which a row reports when they are done, and from ``started``."""
    found: defaultdict[int, _Restarts] = defaultdict(lambda: _Restarts(history))
    spans: list[tuple[int, int, int]] = []
    before_ns = 0
    for row, value in nemesis_rows(history):
        end_ns = int(history.time_ns[row])
        began = value.get("started_ns", before_ns)
        began = integer(began, row, "when a fault's actions began, in ns,")
        for action in _actions(value):
            if action.get("do") in ("kill", "start"):
                node = integer(action.get("node"), row, "the node that an action is of")
                spans.append((end_ns, began, node))
        before_ns = end_ns
    for row, node, _ in history.notes("started"):
        spans.append((int(history.time_ns[row]), int(history.time_ns[row]), node))
    for end_ns, begin_ns, node in sorted(spans):
        found[node].add(min(begin_ns, end_ns), end_ns)
    return found


def _actions(value: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """What a row of the nemesis says that it did; a final heal says so in its proof only."""
    for name in ("actions", "proof"):
        listed = value.get(name)
        for item in listed if isinstance(listed, (list, tuple)) else ():
            action = item.get("action") if name == "proof" and isinstance(item, Mapping) else item
            if isinstance(action, Mapping):
                yield action


def _extend(runs: list[_Run], item: int, row: int) -> None:
    """Add a step. Where it came before, a restart lies between; keep where that can have been."""
    run = runs[-1]
    here, again = len(run.items), run.place.get(item)
    if again is not None:
        if run.cut_low < run.cut_high <= again:
            # Explained by no restart that is known of: there was one more. What came after the first
            # begins a run of its own.
            items, rows = run.items[run.cut_high :], run.rows[run.cut_high :]
            del run.items[run.cut_high :], run.rows[run.cut_high :]
            runs.append(run := _Run(run.node, items, rows, {at: i for i, at in enumerate(items)}))
            again, here = run.place[item], len(items)
        known = run.cut_low < run.cut_high
        run.cut_low = max(run.cut_low, again)
        run.cut_high = run.cut_high if known else here
    run.place[item] = here
    run.items.append(item)
    run.rows.append(row)


def _contradiction(history: History, runs: list[_Run], updates: int) -> list[tuple[Step, Step]]:
    """A shortest cycle through some update that is on a cycle; empty where there is none.

    Two consistent runs never disagree, so the strongly connected components are single updates. Mostly
    there is no need to look for them: the order in which updates came first is one that suits all runs.
    """
    if all(all(map(lt, run.items, islice(run.items, 1, None))) for run in runs):
        return []
    places = [run.ordered() for run in runs]
    items = [np.array(run.items, np.int64) for run in runs]
    tail = np.concatenate([of_run[at] for of_run, at in zip(items, places, strict=True)])
    head = np.concatenate([of_run[at + 1] for of_run, at in zip(items, places, strict=True)])
    matrix = coo_array((np.ones(len(tail), np.int8), (tail, head)), shape=(updates, updates))
    count, label = connected_components(matrix.tocsr(), directed=True, connection="strong")
    if count == updates:
        return []
    inside = np.flatnonzero(label[tail] == label[head])
    component = label[tail[inside[0]]]
    edges = _edges(history, runs, places, inside[label[tail[inside]] == component].tolist())
    if pair := _swapped(edges):
        return pair
    graph: nx.DiGraph[int] = nx.DiGraph()
    for a, b in edges:
        if not graph.has_edge(a.item, b.item):
            graph.add_edge(a.item, b.item, steps=(a, b))
    return _shortest_cycle(graph)


def _edges(
    history: History, runs: list[_Run], places: list[Ints], chosen: list[int]
) -> list[tuple[Step, Step]]:
    """Some of the edges, by number, as steps."""
    edges = [(run, at) for run, mine in zip(runs, places, strict=True) for at in mine.tolist()]
    return [
        (_step(history, run, at), _step(history, run, at + 1))
        for run, at in map(edges.__getitem__, chosen)
    ]


def _step(history: History, run: _Run, at: int) -> Step:
    row = run.rows[at]
    key, what = _pair(history.value[row], row)
    return Step(row, run.node, key, what, run.items[at])


def _swapped(edges: list[tuple[Step, Step]]) -> list[tuple[Step, Step]]:
    """Two updates that two runs have the other way round: the plainest contradiction.

    Neighbours, in the one run, of those that both have: if any two are swapped, two such are.
    """
    stretches: list[dict[int, Step]] = []
    for a, b in edges:
        if not stretches or next(reversed(stretches[-1].values())) != a:
            stretches.append({a.item: a})
        stretches[-1][b.item] = b
    for one, other in combinations(stretches[:_MOST_STRETCHES], 2):
        both = [item for item in one if item in other]
        for x, y in pairwise(both):
            if other[x].row > other[y].row:
                return [(one[x], one[y]), (other[y], other[x])]
    return []


def _shortest_cycle(graph: nx.DiGraph[int]) -> list[tuple[Step, Step]]:
    """The shortest cycle through the first of the updates, as its edges merged by node."""
    start = next(iter(graph))
    lengths = nx.single_target_shortest_path_length(graph, start)
    distance = dict(lengths)
    step = min(graph.successors(start), key=lambda item: (distance[item], item))
    path = [start, *nx.shortest_path(graph, step, start)]
    edges: list[tuple[Step, Step]] = [graph.edges[a, b]["steps"] for a, b in pairwise(path)]
    merged = [edges[0]]
    for a, b in edges[1:]:
        if merged[-1][1] == a:  # the same note: the node ran on
            merged[-1] = (merged[-1][0], b)
        else:
            merged.append((a, b))
    return merged


def _pair(value: Json, row: int) -> tuple[Json, Json]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise Malformed(row, f"a note is a pair, not {show(value)}")
    return value[0], value[1]


def _decided(slot: Json, decision: _Decision) -> str:
    row, node, what = decision
    return f"{of_node(node)} decided {show(what)} in slot {show(slot)} (row {row})"


def _nodes(*nodes: int) -> str:
    named = [of_node(node) for node in dict.fromkeys(nodes)]
    return named[0] + " itself" if len(named) == 1 else " and ".join(named)
