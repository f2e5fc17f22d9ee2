"""Last in, first out: ``push`` a value, ``pop`` one, or null from an empty stack.

Lee, Mathur, "Efficient Decrease-and-Conquer Linearizability Monitoring", OOPSLA 2025: with unique
values, a value can be left out of the history if its push and its pop each contain a moment at which
nothing else is certainly inside (then it can lie at the bottom, around all that remains), and the
history is linearizable iff all values can be left out so, one after the other. n log n.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.containers.counts import DONE, Counts, Stabbing, cover_counts
from checker.containers.objects import Ambiguous, judge_objects
from checker.containers.pairs import Pair, pairs
from checker.containers.queue import empties
from checker.history import INFO, History, Op
from checker.linearizable.frontier import Budget
from checker.models import STACK
from checker.phrases import name_op, show
from checker.shapes import answers, expect
from checker.verdict import Verdict
from checker.witness import Witness

_MOST_VALUES = 3

_KNOWN = frozenset({"push", "pop"})


@answers
def check(history: History, *, budget: Budget | None = None) -> Verdict:
    """Linearizability of stacks, one a key."""
    return judge_objects(
        history, _find, what="stack", observers=frozenset({"pop"}), model=STACK, budget=budget
    )


def _find(history: History, ops: Sequence[Op]) -> list[Witness]:
    expect(ops, _KNOWN, "stack")
    if any(op.f == "pop" and op.type == INFO for op in ops):
        raise Ambiguous("nobody knows what a pop took")
    values, found = pairs(history, ops, put="push", take="pop")
    if found := found or empties(history, values, ops, "pop"):
        return found
    left = peel(values)
    return [_witness(history, _smallest(left))] if left else []


def peel(values: Sequence[Pair]) -> list[Pair]:
    """What remains when all values are left out that can be.

    Counts only fall, so each moment becomes free once, and frees the pushes and pops around it once.
    What is never popped is popped at the very end, where nothing covers it: it only needs its push.
    """
    rows = {row for v in values for row in (v.put_begin, v.put_end, v.take_begin, v.take_end)}
    place = {row: i for i, row in enumerate(sorted(rows))}
    certain = [
        (place[v.put_end], place[v.take_begin]) if v.put_end < v.take_begin else (0, 0)
        for v in values
    ]
    counts = cover_counts(len(place), certain)
    stabbing = Stabbing(len(place))
    for i, v in enumerate(values):
        stabbing.add(place[v.put_begin], place[v.put_end], 2 * i)
        if v.take is not None:
            stabbing.add(place[v.take_begin], place[v.take_end], 2 * i + 1)
    free = [moment for moment, count in enumerate(counts) if count == 0]
    tree = Counts([count or DONE for count in counts])
    blocked = [2 if v.take is not None else 1 for v in values]
    freed = [False] * (2 * len(values))
    while (moment := free.pop() if free else tree.take_zero()) is not None:
        for name in stabbing.take(moment):
            if freed[name]:
                continue
            freed[name] = True
            blocked[name // 2] -= 1
            begin, end = certain[name // 2]
            if not blocked[name // 2] and begin < end:
                tree.add(begin, end, -1)
    return [v for i, v in enumerate(values) if blocked[i]]


def _smallest(values: list[Pair]) -> list[Pair]:
    """Few of these values that by themselves cannot be a stack's; none of them can be spared.

    To leave more out never hurts, so the shortest bad prefix ends in a value that is needed; with
    the needed ones put first the same is asked again (after Junker, "QuickXplain", AAAI 2004).
    """
    needed: list[Pair] = []
    while not needed or not peel(needed):
        low, high = 1, len(values)
        while low < high:
            middle = (low + high) // 2
            if peel([*needed, *values[:middle]]):
                high = middle
            else:
                low = middle + 1
        needed.append(values[low - 1])
        values = values[: low - 1]
    return needed


def _witness(history: History, values: list[Pair]) -> Witness:
    witness = Witness("values out of order")
    shown = sorted(values, key=lambda v: v.put_begin)[:_MOST_VALUES]
    for v in shown:
        witness.add(v.put.invoked)
        until = "was never taken"
        if v.take is not None:
            witness.add(v.take.invoked)
            until = f"was taken in rows {v.take_begin} to {v.take_end} by {name_op(history, v.take.invoked)}"
        witness.lines.append(
            f"{show(v.value)} was put in in rows {v.put.invoked} to {v.put_end} "
            f"by {name_op(history, v.put.invoked)}, and {until}"
        )
    more = f" (and {len(values) - len(shown)} more)" if len(values) > len(shown) else ""
    names = ", ".join(show(v.value) for v in shown)
    witness.lines.append(f"none of {names}{more} can lie under the others all that time")
    return witness
