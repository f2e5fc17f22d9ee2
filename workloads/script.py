"""Ops written down beforehand, each with its time: what a shrunk trial's clients ask for.

As JSON, a list of ``[at_ms, client, f, key, value]`` or ``[at_ms, client, f, key, value, node]``,
for ``--ops``. ``at_ms`` may have a fraction (to the ns); ``client`` is a thread; ``node`` is the
one to ask, by default the thread's own. An op whose client still waits for an answer comes after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from checker.history import Row
from workloads.kernel import At, Invoke, Poll

MS = 1_000_000


class Malformed(ValueError):  # noqa: N818
    """This JSON is not a list of ops; the sentence names the op, counted from 0, and the field."""


class ScriptedOp(NamedTuple):
    """One op; ``node`` None means the thread's own."""

    at_ns: int
    thread: int
    f: str
    key: str
    value: object = None
    node: int | None = None


class Script:
    """Asks for these ops, each at its time or as soon after as its client is free; ends at ``end_ns``.

    >>> script = Script([ScriptedOp(5, 0, "write", "x", 1), ScriptedOp(5, 0, "read", "x")], 20)
    >>> script.poll(0, (0, 1)), script.poll(5, (0, 1)).f, script.poll(5, (1,))
    (At(time_ns=5), 'write', At(time_ns=20))
    >>> script.poll(9, (0, 1)).f, script.poll(9, (1,)), script.poll(20, (0, 1))
    ('read', At(time_ns=20), None)
    """

    def __init__(self, ops: Iterable[ScriptedOp], end_ns: int) -> None:
        self._end_ns = end_ns
        self._queues: dict[int, deque[tuple[int, int, ScriptedOp]]] = {}
        for number, op in enumerate(sorted(ops, key=lambda op: op.at_ns)):
            self._queues.setdefault(op.thread, deque()).append((op.at_ns, number, op))

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        if now_ns >= self._end_ns:
            return None
        first = min((self._queues[t][0] for t in idle if t in self._queues), default=None)
        if first is None:
            return At(self._end_ns)
        at_ns, _, op = first
        if at_ns > now_ns:
            return At(min(at_ns, self._end_ns))
        self._queues[op.thread].popleft()
        if not self._queues[op.thread]:
            del self._queues[op.thread]
        return Invoke(op.thread, op.f, op.key, op.value, at_ns, op.node)

    def update(self, thread: int, row: Row) -> None:
        """Nothing that happens changes what is asked."""


def ops_to_json(ops: Iterable[ScriptedOp]) -> list[list[object]]:
    """As :func:`ops_from_json` reads it.

    >>> ops_to_json([ScriptedOp(1_500_000, 0, "write", "x", 1), ScriptedOp(2 * MS, 1, "read", "x")])
    [[1.5, 0, 'write', 'x', 1], [2, 1, 'read', 'x', None]]
    """
    return [
        [_ms(op.at_ns), op.thread, op.f, op.key, op.value, *([] if op.node is None else [op.node])]
        for op in ops
    ]


def _ms(time_ns: int) -> int | float:
    """A double holds every ns of the first hundred days."""
    return time_ns // MS if time_ns % MS == 0 else time_ns / MS


def ops_from_json(value: object, *, threads: int, nodes: int) -> tuple[ScriptedOp, ...]:
    """Raises Malformed for what is no list of ops, or one for other clients and nodes than these.

    >>> ops_from_json([[0, 7, "read", "x", None]], threads=2, nodes=3)
    Traceback (most recent call last):
    workloads.script.Malformed: op 0: there is no client 7: there are 0 to 1
    """
    if not isinstance(value, list):
        raise Malformed(f"ops are a list, not {type(value).__name__}")
    ops = []
    for number, item in enumerate(value):
        try:
            ops.append(_op(item, threads, nodes))
        except Malformed as error:
            raise Malformed(f"op {number}: {error}") from error
    return tuple(ops)


def _op(item: object, threads: int, nodes: int) -> ScriptedOp:
    if not isinstance(item, list) or len(item) not in (5, 6):
        raise Malformed("an op is [at_ms, client, f, key, value] or the same with a node behind")
    at_ms, thread, f, key, value = item[:5]
    node = item[5] if len(item) == 6 else None
    if type(at_ms) not in (int, float) or not 0 <= at_ms < 1e12:
        raise Malformed(f"at_ms is {at_ms!r}, not a time in ms")
    if type(f) is not str or type(key) is not str:
        raise Malformed(f"f and key are {f!r} and {key!r}, not two strings")
    if type(thread) is not int or not 0 <= thread < threads:
        raise Malformed(f"there is no client {thread!r}: there are 0 to {threads - 1}")
    if node is not None and (type(node) is not int or not 0 <= node < nodes):
        raise Malformed(f"there is no node {node!r}: there are 0 to {nodes - 1}")
    return ScriptedOp(round(at_ms * MS), thread, f, key, value, node)
