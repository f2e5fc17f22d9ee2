"""The windows in which faults were on, read from the nemesis' rows.

A row's ``f`` is the fault's name and its value {"phase": "begin" | "end", "window": n, ...}. A row
is written when its actions are done, so a window counts from its begin row, and its cure from its
end row; ``started_ns`` in the value says when the actions began.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checker.history import NEMESIS, History, once
from checker.values import Json, identity

AMNESIA = "amnesia"
"""The note of a node that has lost its disk and is silent for good."""


@dataclass(frozen=True)
class FaultWindow:
    """``begin`` and ``end`` are rows; ``end`` is None where the history ends with the fault on.

    ``end_ns`` is then the time of the last row, not counting the nodes' notes.
    """

    fault: str
    begin: int
    end: int | None
    begin_ns: int
    end_ns: int


@once
def windows(history: History) -> list[FaultWindow]:
    """In order of their beginnings. An end without its beginning is left out."""
    found: list[FaultWindow] = []
    opened: dict[object, list[int]] = {}
    ends: dict[int, int] = {}
    for row, value in nemesis_rows(history):
        name = (history.f[row], identity(value.get("window")))
        if value.get("phase") == "begin":
            opened.setdefault(name, []).append(row)
        elif value.get("phase") == "end" and opened.get(name):
            ends[opened[name].pop(0)] = row
    for begin in sorted([*ends, *(row for rows in opened.values() for row in rows)]):
        end = ends.get(begin)
        begin_ns = int(history.time_ns[begin])
        end_ns = last_ns(history) if end is None else int(history.time_ns[end])
        found.append(FaultWindow(history.f[begin], begin, end, begin_ns, end_ns))
    return found


@once
def last_ns(history: History) -> int:
    """The time of the last row of a client or the nemesis: nodes have clocks of their own."""
    return int(history.time_ns[history.process >= NEMESIS].max(initial=0))


def value_of(history: History, row: int) -> Mapping[str, Json]:
    """The value of a nemesis row; empty where it is no object."""
    value = history.value[row]
    return value if isinstance(value, Mapping) else {}


@once
def nemesis_rows(history: History) -> list[tuple[int, Mapping[str, Json]]]:
    """The rows of the nemesis, with their values."""
    return [(row, value_of(history, row)) for row in history.of_nemesis()]


def actions_of(value: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """What a row of the nemesis says that it did."""
    listed = value.get("actions")
    for action in listed if isinstance(listed, (list, tuple)) else ():
        if isinstance(action, Mapping):
            yield action


def proofs_of(
    value: Mapping[str, Json],
) -> Iterator[tuple[Mapping[str, Json], Mapping[str, Json]]]:
    """What a row of the nemesis says that was seen: the action, and the whole proof."""
    proofs = value.get("proof")
    for proof in proofs if isinstance(proofs, (list, tuple)) else ():
        action = proof.get("action") if isinstance(proof, Mapping) else None
        if isinstance(action, Mapping):
            yield action, proof


@once
def excused(history: History) -> list[int]:
    """The nodes that need not answer when all is over: left dead, or no members any more.

    The members are those that the nodes noted of the highest version; where none noted any, all.
    """
    version, members = -1, None
    for _, _, value in history.notes("members"):
        match value:
            case [int(noted), [*nodes]] if noted > version:
                version, members = noted, nodes
    known, is_known = history.node.as_ints()
    seen = sorted(set(known[is_known].tolist()))
    outside = [] if members is None else [node for node in seen if node not in members]
    return sorted({*left_dead(history), *outside})


def calm_ns(history: History, last: FaultWindow) -> int:
    """When the last fault was over: at its end, or when the heal killed who is to stay dead. What was
    answered between those says nothing of the core that was left.
    """
    found = last.end_ns
    for row, value in nemesis_rows(history):
        actions = value.get("actions")
        if value.get("phase") == "heal" and isinstance(actions, (list, tuple)) and actions:
            found = max(found, int(history.time_ns[row]))
    return found


@once
def left_dead(history: History) -> list[int]:
    """The nodes that were dead when all was over: killed, and not started again even by the heal, or
    silent for good, having lost their disk (``protocols.amnesia`` notes it).

    A row of the heal (``phase`` ``heal``) has the whole cluster alive, but for those that it kills
    itself, where only a core is healed.
    """
    dead: dict[int, None] = {}
    for _, value in nemesis_rows(history):
        if value.get("phase") == "heal":
            dead.clear()
        for action in actions_of(value):
            if isinstance(node := action.get("node"), int):
                if action.get("do") == "kill":
                    dead[node] = None
                elif action.get("do") == "start":
                    dead.pop(node, None)
    for _, node, _ in history.notes(AMNESIA):
        dead[node] = None
    return sorted(dead)
