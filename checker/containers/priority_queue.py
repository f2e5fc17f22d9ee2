"""``insert`` a number, ``poll`` the greatest, or null from an empty queue.

Lee, Mathur, "Efficient Decrease-and-Conquer Linearizability Monitoring", OOPSLA 2025: with unique
values, from the greatest down, each poll must contain a moment at which no greater value is certainly
inside. n log n.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.containers.cover import Cover, chain
from checker.containers.objects import FOREVER, Ambiguous, judge_objects
from checker.containers.pairs import Pair, pairs
from checker.containers.queue import empties, rows_of
from checker.history import INFO, History, Op
from checker.linearizable.frontier import Budget
from checker.models import PRIORITY_QUEUE
from checker.phrases import name_op, show
from checker.shapes import answers, expect, integer
from checker.verdict import Verdict
from checker.witness import Witness

_MOST_SHOWN = 4

_KNOWN = frozenset({"insert", "poll"})


@answers
def check(history: History, *, budget: Budget | None = None) -> Verdict:
    """Linearizability of priority queues, one a key."""
    return judge_objects(
        history,
        _find,
        what="priority queue",
        observers=frozenset({"poll"}),
        model=PRIORITY_QUEUE,
        budget=budget,
    )


def _find(history: History, ops: Sequence[Op]) -> list[Witness]:
    expect(ops, _KNOWN, "priority queue")
    for op in ops:
        if op.f == "insert":
            integer(op.argument, op.invoked, "a priority")
    if any(op.f == "poll" and op.type == INFO for op in ops):
        raise Ambiguous("nobody knows what a poll took")
    values, found = pairs(history, ops, put="insert", take="poll")
    if found := found or empties(history, values, ops, "poll"):
        return found
    cover = Cover([FOREVER, *rows_of(ops)])
    inside: list[tuple[int, int, int]] = []
    values.sort(key=lambda pair: int(str(pair.value)), reverse=True)
    for i, pair in enumerate(values):
        if pair.take is not None and not cover.has_free(pair.take_begin, pair.take_end):
            found.append(_passed(history, pair, values, inside))
        if pair.put_end < pair.take_begin:
            cover.add(pair.put_end, pair.take_begin)
            inside.append((pair.put_end, pair.take_begin, i))
    return found


def _passed(
    history: History, pair: Pair, values: Sequence[Pair], inside: list[tuple[int, int, int]]
) -> Witness:
    assert pair.take is not None
    witness = Witness("a greater value was passed over")
    witness.add(pair.put.invoked, pair.take.invoked)
    held = [values[i] for _, _, i in chain(inside, pair.take_begin, pair.take_end)[:_MOST_SHOWN]]
    witness.add(*(value.put.invoked for value in held))
    names = ", then ".join(show(value.value) for value in held)
    witness.lines.append(
        f"{name_op(history, pair.take.invoked)} (rows {pair.take_begin} to {pair.take_end}) took "
        f"{show(pair.value)}, but all that time it certainly held {names}"
    )
    return witness
