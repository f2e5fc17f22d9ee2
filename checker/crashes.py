"""Whether a node ended by itself: an assertion that failed, no memory, no disk.

The heal at the end of a trial on hosts starts whatever does not run, and its row says so:
``{"phase": "heal", "proof": [{"action": {"do": "start", "node": 2}, ...}, ...]}``. A node that no
fault had killed, or given a full disk, should not have needed it. What the clients saw may be right all the same, since
the others carried on: but the system did not keep running, and that is never *valid*.

The simulator sees the failure itself, and notes ``crashed`` with its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checker.history import History
from checker.phrases import of_node
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.windows import nemesis_rows

HEAL = "heal"


def check(history: History) -> Verdict:
    """*Invalid* where a node noted its crash, or the heal started one that no fault had killed."""
    killed: set[Json] = set()
    crashed: dict[int, int] = {}
    texts: dict[int, str] = {}
    for row, node, text in history.notes("crashed"):
        crashed.setdefault(node, row)
        texts.setdefault(node, f"{of_node(node)} failed: {text}")
    for row, value in nemesis_rows(history):
        if value.get("phase") == HEAL:
            for probe in _mappings(value.get("proof")):
                for node in _nodes([probe.get("action")], "start"):
                    if node not in killed:
                        crashed.setdefault(node, row)
        for do in ("kill", "fill-disk"):  # a node whose disk is full may end, and had better
            killed.update(_nodes(value.get("actions"), do))
        killed.difference_update(_nodes(value.get("actions"), "start"))
    if not crashed:
        return Verdict(outcome=Outcome.VALID, summary="no node ended by itself")
    names = {node: of_node(node) for node in sorted(crashed)}
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"{', '.join(names.values())} ended by {'itself' if len(names) == 1 else 'themselves'}",
        evidence=tuple(dict.fromkeys(crashed.values())),
        explanation=tuple(
            texts.get(node)
            or f"no fault had killed {name}, and the heal found it dead: the end of its log says why"
            for node, name in names.items()
        ),
        details={"nodes": sorted(crashed)},
    )


def _nodes(actions: Json, do: str) -> Iterator[int]:
    """The nodes of those actions that are ``do``."""
    for action in _mappings(actions):
        node = action.get("node")
        if action.get("do") == do and isinstance(node, int):
            yield node


def _mappings(value: Json) -> Iterator[Mapping[str, Json]]:
    for each in value if isinstance(value, (list, tuple)) else ():
        if isinstance(each, Mapping):
            yield each
