"""What is wrong in a history as a graph: its nodes are ops, its edges say what came before what, and why.

A networkx DiGraph, so that others can draw it elsewhere. A node is the row of an op's invocation (or
of a note) and carries ``text``, ``name``, ``lane``, ``begin_ns``, ``end_ns`` (None: it never ended),
``fate``, ``row`` and ``completed``. An edge carries ``number`` (from 1), ``kind``,
``label``, ``sentence``, and whether it is ``against`` the others: part of what contradicts. ``graph.graph`` has ``check`` and ``title``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import networkx as nx

from checker.history import FAIL, INFO, NEMESIS, OK, TYPES, History
from checker.phrases import of_key, of_node, show
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.windows import FaultWindow, windows
from harness.report import edges, registers

MOST_OPS = 6
"""So many ops of an anomaly are shown: more than a person can hold together are left out."""
_LONGEST = 44
_OF_REGISTERS = "not linearizable: "
_ORDERS = {"realtime": "order true to real time", "process": "order true to each process' own"}

Graph: TypeAlias = "nx.DiGraph[int]"


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One thing that is wrong. ``conclusion`` are sentences that are no edge's.

    ``faults`` are those that were on at some time between the first op's beginning and the last
    one's end. ``left_out`` counts the ops that are not shown.
    """

    check: str
    title: str
    graph: Graph
    conclusion: tuple[str, ...]
    faults: tuple[FaultWindow, ...]
    left_out: int = 0

    def sentences(self) -> list[str]:
        """One for each edge, in the order of their numbers; then the conclusion."""
        return [*(data["sentence"] for _, _, data in numbered(self.graph)), *self.conclusion]


def numbered(graph: Graph) -> list[tuple[int, int, dict[str, Any]]]:
    """The edges in the order in which they are numbered for people, from 1."""
    return sorted(graph.edges(data=True), key=lambda edge: int(edge[2]["number"]))


def shown(graph: Graph) -> dict[int, dict[str, Any]]:
    """What is said of each op, by its row, in the order of their beginnings."""
    ops = {row: graph.nodes[row] for row in graph}
    return dict(sorted(ops.items(), key=lambda item: (int(item[1]["begin_ns"]), item[0])))


def anomalies(history: History, checks: Mapping[str, Verdict]) -> list[Anomaly]:
    """What the verdicts that are *invalid* show, drawn from their evidence; quick, whatever the history."""
    on = windows(history)
    found: list[Anomaly] = []
    for name, verdict in checks.items():
        if verdict.outcome is Outcome.INVALID:
            found += [_with_faults(history, anomaly, on) for anomaly in _of(history, name, verdict)]
    return found


def measured(history: History, checks: Mapping[str, Verdict]) -> list[Anomaly]:
    """The worst that checks which only measure have to show, such as the stalest read."""
    on = windows(history)
    found: list[Anomaly] = []
    for name, verdict in checks.items():
        witness = verdict.details.get("witness")
        if verdict.outcome is Outcome.VALID and isinstance(witness, Mapping):
            found.append(_with_faults(history, _witnessed(history, name, verdict, witness), on))
    return found


def _of(history: History, check: str, verdict: Verdict) -> Iterator[Anomaly]:
    witness, examples = verdict.details.get("witness"), verdict.details.get("examples")
    if isinstance(witness, Mapping):
        yield _witnessed(history, check, verdict, witness)
    elif isinstance(examples, Mapping) and "anomalies" in verdict.details:
        yield from _transactions(history, check, examples)
    elif verdict.evidence:
        yield _told(history, check, verdict)


def _witnessed(
    history: History, check: str, verdict: Verdict, witness: Mapping[str, Any]
) -> Anomaly:
    """From a :class:`checker.witness.Witness` in the details."""
    ops = [int(op["invoked"]) for op in witness["ops"]]
    graph, left_out = ops_graph(history, ops)
    edges.add_witness(history, graph, witness["edges"])
    title = None
    if verdict.summary.startswith(_OF_REGISTERS) and all(
        history.f[op] in registers.OPS for op in graph
    ):
        registers.add_edges(history, graph)
        title = registers.title(history, graph, str(witness["title"]))
    if led := witness.get("led"):
        edges.add_led(history, graph, led)
    mark(graph)
    if led:
        stuck = ops[0]
        for tail, _ in graph.in_edges(stuck):
            graph.edges[tail, stuck]["against"] = True
    told = verdict.explanation or [str(line) for line in witness["lines"]]
    return _anomaly(check, title or verdict.summary, graph, told, left_out)


def _transactions(
    history: History, check: str, examples: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[Anomaly]:
    """One for each sort of anomaly: its first example."""
    for name, some in examples.items():
        if not some:
            continue
        rows, lines = [int(row) for row in some[0]["txns"]], [str(t) for t in some[0]["lines"]]
        graph, left_out = ops_graph(history, rows)
        edges.add_told(graph, lines, edges.TRANSACTIONS)
        mark(graph)
        who = "a transaction" if len(rows) == 1 else f"{len(rows)} transactions"
        order = _ORDERS.get(name.rpartition("-")[2], "serial order")
        yield _anomaly(check, f"{name}: {who} that no {order} allows", graph, lines, left_out)


def _told(history: History, check: str, verdict: Verdict) -> Anomaly:
    """From rows and sentences: those that name two rows are edges."""
    rows = [
        row if history.type[row] == 0 or history.process[row] < 0 else int(history.partner[row])
        for row in verdict.evidence
    ]
    named = [row for row in edges.rows_named(verdict.explanation) if row in rows]
    graph, left_out = ops_graph(
        history, list(dict.fromkeys([*named, *(r for r in rows if r >= 0)]))
    )
    edges.add_told(graph, verdict.explanation, edges.ROWS)
    if len(graph) == 2 and all(history.f[row] == "decided" for row in graph):
        edges.add_disagreement(graph, verdict.explanation)
    mark(graph)
    return _anomaly(check, verdict.summary, graph, verdict.explanation, left_out)


def _anomaly(
    check: str, title: str, graph: Graph, explanation: Sequence[str], left_out: int
) -> Anomaly:
    said = " ".join(data["sentence"] for _, _, data in graph.edges(data=True))
    graph.graph |= {"check": check, "title": title}
    return Anomaly(
        check=check,
        title=title,
        graph=graph,
        conclusion=tuple(line for line in explanation if line.removeprefix("but ") not in said),
        faults=(),
        left_out=left_out,
    )


def _with_faults(history: History, anomaly: Anomaly, on: Sequence[FaultWindow]) -> Anomaly:
    first, last = span_ns(history, anomaly.graph)
    return Anomaly(
        check=anomaly.check,
        title=anomaly.title,
        graph=anomaly.graph,
        conclusion=anomaly.conclusion,
        faults=tuple(w for w in on if w.begin_ns <= last and w.end_ns >= first),
        left_out=anomaly.left_out,
    )


def span_ns(history: History, graph: Graph) -> tuple[int, int]:
    """From the first beginning to the last moment that the graph shows."""
    times = [
        int(history.time_ns[row])
        for _, data in graph.nodes(data=True)
        for row in (data["row"], data["completed"])
        if row is not None
    ]
    return min(times, default=0), max(times, default=0)


def ops_graph(history: History, rows: Sequence[int]) -> tuple[Graph, int]:
    """A graph of the ops invoked (or notes made) in these rows, no edges, and how many were left out."""
    graph: Graph = nx.DiGraph()
    distinct = list(dict.fromkeys(rows))
    for row in distinct[:MOST_OPS]:
        graph.add_node(row, **_node(history, row))
    if len({data["key"] for _, data in graph.nodes(data=True) if data["key"] is not None}) > 1:
        for row, data in graph.nodes(data=True):
            if data["key"] is not None:
                data["text"] = _short(f"{show_key(history, row)}: {data['text']}")
    return graph, max(0, len(distinct) - MOST_OPS)


def _node(history: History, row: int) -> dict[str, Any]:
    process, done = int(history.process[row]), int(history.partner[row])
    begin_ns = int(history.time_ns[row])
    if process < NEMESIS:
        text = f"{history.f[row]} {show(history.value[row])}"
        lane = of_node(-2 - process)
        return {
            "text": _short(text), "name": f"{lane}: {text}", "lane": lane, "order": process * -1,
            "begin_ns": begin_ns, "end_ns": begin_ns, "fate": "note", "row": row, "completed": None, "key": None,
        }  # fmt: skip
    fate = int(history.type[done]) if done >= 0 else INFO
    ended = fate in (OK, FAIL)
    asked = history.node[row]
    text = op_text(history, row)
    return {
        "text": _short(text),
        "name": text,
        "lane": f"process {process}",
        "order": process,
        "asks": None if asked is None else of_node(int(str(asked))),
        "key": None if history.key[row] is None else of_key(history.key[row]),
        "begin_ns": begin_ns,
        "end_ns": int(history.time_ns[done]) if ended else None,
        "fate": TYPES[fate],
        "row": row,
        "completed": done if done >= 0 else None,
    }


def show_key(history: History, row: int) -> str:
    """A key as it is written where there is little room."""
    key = history.key[row]
    return key if isinstance(key, str) else show(key)


def op_text(history: History, row: int) -> str:
    """An op in few words: what was asked, and what was answered.

    >>> from checker.history import INVOKE, Row
    >>> rows = [Row(1, 0, INVOKE, "read"), Row(2, 0, OK, "read", None, 5), Row(3, 0, INVOKE, "write", None, 7)]
    >>> op_text(History.of(rows), 0), op_text(History.of(rows), 2)
    ('read → 5', 'write 7')
    """
    f, asked, done = history.f[row], history.value[row], int(history.partner[row])
    answered = done >= 0 and history.type[done] == OK
    if f == "txn":
        return f"T{row}: {_micro_ops(history.value[done] if answered else asked)}"
    if f == "cas" and isinstance(asked, list | tuple) and len(asked) == 2:
        return f"cas {show(asked[0])} → {show(asked[1])}"
    if asked is not None:
        return f"{f} {show(asked)}"
    if answered:
        return f"{f} → {show(history.value[done])}"
    return f"{f} → ?"


def _micro_ops(txn: Json) -> str:
    if not isinstance(txn, list | tuple):
        return f"txn {show(txn)}"
    said = []
    for op in txn:
        if not isinstance(op, list | tuple) or len(op) != 3:
            said.append(show(op))
        elif op[0] == "r":
            said.append(f"r {op[1]} {show(op[2])}")
        else:
            said.append(f"{op[0]} {op[1]} {show(op[2])}")
    return " · ".join(said)


def mark(graph: Graph) -> None:
    """Mark the edges that contradict: those of a cycle, and all that the checker itself named."""
    for component in nx.strongly_connected_components(graph):
        for tail, head in graph.subgraph(component).edges if len(component) > 1 else ():
            graph.edges[tail, head]["against"] = True
    hit = {
        node
        for tail, head, data in graph.edges(data=True)
        if data["against"]
        for node in (tail, head)
    }
    for node, data in graph.nodes(data=True):
        data["against"] = node in hit or (not hit and node == next(iter(graph)))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
