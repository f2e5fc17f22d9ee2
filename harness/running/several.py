"""The same op at several nodes: whom a word such as ``majority`` names, and what their answers say together.

Paxi's MultiGet, QuorumGet, LocalQuorumGet and QuorumPut. Each node is asked by a client of its own, so that a
protocol which claims linearizability never answers two different things while nobody writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.running import words

SEVERAL = ("all", "majority")


def targets(
    at: str, names: Sequence[str], zones: Callable[[], Sequence[str]]
) -> tuple[list[int], int] | None:
    """Whom ``all``, ``majority``, ``n1,n2`` or a zone (a majority of it) asks, and how many of these must have
    answered; None for one node. ``zones`` is asked only where it matters.

    >>> targets("majority", ["n1", "n2", "n3"], tuple)
    ([0, 1, 2], 2)
    >>> targets("eu", ["n1", "n2", "n3"], lambda: ("eu", "us", "eu"))
    ([0, 2], 2)
    """
    nodes = list(range(len(names)))
    if at == "all":
        return nodes, len(nodes)
    if at == "majority":
        return nodes, len(nodes) // 2 + 1
    if "," in at:
        nodes = [words.node(each, names) for each in dict.fromkeys(at.split(","))]
        return nodes, len(nodes)
    if at in names or at.removeprefix("n").isdecimal():
        return None
    inside = [number for number, zone in enumerate(zones()) if zone == at]
    return (inside, len(inside) // 2 + 1) if inside else None


@dataclass(frozen=True)
class Answers:
    """What several nodes answered to the same op, of whom ``need`` are enough."""

    answers: Sequence[dict[str, Any]]
    """As ``harness.running.invoking`` says them: outcome, value or error, node, ms."""
    need: int

    @property
    def values(self) -> dict[str, object]:
        """What was answered, by node's name; of those that did not there is nothing."""
        return {seen["node"]: seen["value"] for seen in self.answers if seen["outcome"] == "ok"}

    @property
    def same(self) -> bool:
        """Whether no two answered different things."""
        return len({json.dumps(value) for value in self.values.values()}) <= 1

    @property
    def enough(self) -> bool:
        return len(self.values) >= self.need

    def __str__(self) -> str:
        verdict = (
            "they differ"
            if not self.same
            else "the same"
            if len(self.values) > 1
            else "no two to compare"
        )
        return f"{len(self.values)} of {len(self.answers)} ok, {self.need} needed: {verdict}"
