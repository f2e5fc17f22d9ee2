"""The edges that values make between the ops of a register, and what is wrong in one sentence.

The argument is that of :mod:`checker.linearizable.graph` (Gibbons, Korach 1997): all ops that found
or left one value lie together, those of another value before them or after them. So where an op of
one value ended before an op of another began, and the other way round, too, something is wrong. For
people it is closed to a cycle: what still found the old value must have come before the write of
the new one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING

from checker.history import OK, History
from checker.phrases import name_op, of_key, show
from checker.values import Json, identity
from harness.report.edges import REALTIME, VALUE, add

if TYPE_CHECKING:
    from harness.report.anomaly import Graph

OPS = ("read", "write", "cas")


def add_edges(history: History, graph: Graph) -> None:
    """From each write to those that found its value; and from the stale op to what replaced its value."""
    zones = _zones(history, graph)
    for back, newer, writer in list(_contradictions(history, graph, zones))[:1]:
        old, new = show(found(history, back)), show(left(history, newer))
        said = (
            f"{name_op(history, back)} found {old}, so it comes before the "
            f"{name_op(history, writer)}: {_why_older(history, graph, zones, back, newer)}"
        )
        add(graph, back, writer, VALUE, f"still {old}, not {new}", said, against=True)
    for op in list(graph):
        if history.f[op] == "write":
            continue
        seen = identity(found(history, op))
        for other in list(graph):
            if (
                other != op
                and history.f[other] != "read"
                and identity(left(history, other)) == seen
            ):
                said = (
                    f"{name_op(history, op)} found what the {name_op(history, other)} had put there"
                )
                add(graph, other, op, VALUE, "was read by", said, against=False)


def _contradictions(
    history: History, graph: Graph, zones: dict[int, Hashable]
) -> Iterator[tuple[int, int, int]]:
    """(an op, one of a newer value that had ended before it, the write of that newer value)."""
    edges = [(a, b) for a, b, data in graph.edges(data=True) if data["kind"] == REALTIME]
    for newer, back in edges:
        if history.f[back] == "write" or zones[newer] == zones[back]:
            continue
        older = found(history, back) is None or any(
            zones[a] == zones[back] and zones[b] == zones[newer] for a, b in edges
        )
        writers = [op for op in graph if history.f[op] != "read" and zones[op] == zones[newer]]
        if older and writers and back not in writers:
            yield back, newer, writers[0]


def _why_older(
    history: History, graph: Graph, zones: dict[int, Hashable], back: int, newer: int
) -> str:
    old, new = show(found(history, back)), show(left(history, newer))
    if found(history, back) is None:
        return "nothing was there only at the start"
    for a, b, data in graph.edges(data=True):
        if data["kind"] == REALTIME and zones[a] == zones[back] and zones[b] == zones[newer]:
            return f"{old} was there before {new} ({data['number']}), and each was written once"
    return f"{new} replaced {old}"


def _zones(history: History, graph: Graph) -> dict[int, Hashable]:
    """The value of each op, those that a cas links being one."""
    same: dict[Hashable, Hashable] = {}

    def root(name: Hashable) -> Hashable:
        while name in same:
            name = same[name]
        return name

    for op in graph:
        if history.f[op] == "cas":
            a, b = root(identity(found(history, op))), root(identity(left(history, op)))
            if a != b:
                same[a] = b
    return {op: root(identity(left(history, op))) for op in graph}


def title(history: History, graph: Graph, kind: str) -> str | None:
    """What is wrong, in a sentence; None for a kind that is not known here."""
    ops = list(graph)
    key = of_key(history.key[ops[0]])
    first = ops[0]
    closing = next(
        (
            (a, b)
            for a, b, d in graph.edges(data=True)
            if d["kind"] == VALUE and d["label"].startswith("still ")
        ),
        None,
    )
    if closing is not None:
        old, new = show(found(history, closing[0])), show(left(history, closing[1]))
        return f"{key}: " + {
            "stale read": f"{old} was read after {new} had replaced it",
            "lost write": f"the write of {new} was lost: {old} was read after it",
            "new-old inversion": f"{new} was read, and then {old} again, which is older",
            "initial value after a write": f"{old} was read after {new} had been written",
        }.get(kind, f"{old} came back after {new} had replaced it")
    value = show(found(history, first))
    sentence = {
        "value never written": f"{value} was read, and nobody ever wrote it",
        "read of a failed write": f"{value} was read, and its write had failed",
        "read from the future": f"{value} was read before anybody had begun to write it",
        "two successful cas from one value": "two cas found the same value, and both replaced it",
        "cas chain without a beginning": "each of these took effect on what another of them wrote",
        "cas chain against real time": "a cas made this value from one that was seen only later",
    }.get(kind)
    return None if sentence is None else f"{key}: {sentence}"


def found(history: History, op: int) -> Json:
    """What an op saw there: a read's result, a cas's old value; a write is asked for none."""
    if history.f[op] == "cas":
        return _pair(history, op)[0]
    return left(history, op)


def left(history: History, op: int) -> Json:
    """What was there right after it: what it read or wrote."""
    if history.f[op] == "read":
        done = int(history.partner[op])
        return history.value[done] if done >= 0 and history.type[done] == OK else None
    return _pair(history, op)[1] if history.f[op] == "cas" else history.value[op]


def _pair(history: History, op: int) -> tuple[Json, Json]:
    value = history.value[op]
    if isinstance(value, list | tuple) and len(value) == 2:
        return value[0], value[1]
    return value, value
