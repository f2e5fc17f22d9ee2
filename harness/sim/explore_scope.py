"""How much of the world is explored: how many nodes, which ops, how often what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protocols.kernel import Command, Replica
from workloads.kernel import Check

ANY = -1
"""Of an op's node: whichever. Of duplicates: without bound."""

KEY = "x"


@dataclass(frozen=True, slots=True)
class Op:
    """An op that a client of its own invokes once, some time, at ``node``. ``f``: read or write."""

    f: str
    node: int


@dataclass(frozen=True, kw_only=True)
class Scope:
    """All that may happen: every order of these events is tried.

    - each of ``ops`` is invoked at any time, or never; writes are of distinct values;
    - messages arrive in any order or never; up to ``duplicates`` of them arrive once more (``ANY``:
      each as often as can be), and a node's to itself arrive once;
    - up to ``timers`` times a timer that is set fires, whatever its time-out;
    - up to ``crashes`` times a node loses all but its disk, and starts again.

    Clocks stand still. ``thrifty``: do without messages that can have no effect any more, which
    leaves out no behaviour and many worlds (see ``explore_world``). ``symmetric``: take nodes that no
    op is asked of as equal, where they prove to be (see ``explore_symmetry``).

    What is not a move of its own, since it is contained: a loss (as a message that never arrives; so
    there is no bound on losses, which could only leave something out),
    a time of being down and a pause (as a node that nothing happens to), a crash within a step
    (what a step persists comes first and at once: the rest is as a loss), requests and answers that
    take time (that only lets a history mean less).
    """

    protocol: type[Replica[Any]]
    ops: tuple[Op, ...]
    nodes: int = 3
    crashes: int = 0
    timers: int = 0
    duplicates: int = 0
    thrifty: bool = True
    symmetric: bool = True
    rtt_ms: int = 20
    protocol_options: Mapping[str, object] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)

    def bystanders(self) -> tuple[int, ...]:
        """The nodes that no op may be asked of."""
        asked = [op.node for op in self.ops]
        return () if ANY in asked else tuple(n for n in range(self.nodes) if n not in asked)

    def commands(self) -> tuple[Command, ...]:
        """What each op asks for. The n-th op's write is of n, and its session is its own."""
        return tuple(
            Command(op.f, KEY, i + 1 if op.f == "write" else None, f"c{i}", 1)
            for i, op in enumerate(self.ops)
        )


def ops_from(text: str, nodes: int) -> tuple[Op, ...]:
    """Ops from ``3`` (write, read, write), or ``write,read@1,read@*``: at which node, or any.

    Without a node, the n-th op is at the n-th node, round robin. Raises ValueError.

    >>> ops_from("2", 3) == ops_from("write@0,read@1", 3)
    True
    >>> ops_from("read@3", 3)
    Traceback (most recent call last):
    ValueError: 'read@3': the nodes are 0 to 2, or * for any
    """
    if text.isdecimal():
        text = ",".join(("write", "read")[i % 2] for i in range(int(text)))
    ops: list[Op] = []
    for i, word in enumerate(text.split(",") if text else []):
        f, at, where = word.strip().partition("@")
        if f not in ("read", "write"):
            raise ValueError(f"{word!r}: an op is read or write, perhaps with @NODE")
        if not at:
            ops.append(Op(f, i % nodes))
        elif where == "*":
            ops.append(Op(f, ANY))
        elif where.isdecimal() and int(where) < nodes:
            ops.append(Op(f, int(where)))
        else:
            raise ValueError(f"{word!r}: the nodes are 0 to {nodes - 1}, or * for any")
    if not ops:
        raise ValueError("there is nothing to explore without an op")
    return tuple(ops)
