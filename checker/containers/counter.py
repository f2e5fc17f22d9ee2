"""Counters: ``add`` of an int, ``read`` of the sum.

Jepsen's ``checker/counter``: each read lies between what was certainly added before it began and
what can have been added before it ended. That is necessary and not sufficient; where the adds are
all 1 or more of a few, the general search (model ``counter``) decides exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from checker.containers.objects import judge_objects
from checker.history import FAIL, INVOKE, OK, History, Op
from checker.phrases import name_op, seconds, show
from checker.verdict import Verdict
from checker.witness import Witness


def check(history: History) -> Verdict:
    """Bounds of each read; one counter a key. Adds of less than 0 widen the bounds downward."""
    return judge_objects(history, _find, what="counter", observers=frozenset({"read"}))


def _find(history: History, ops: Sequence[Op]) -> list[Witness]:
    """Replay the rows of this counter, with the least and the greatest that its sum can be.

    An add counts for the bound that it moves outward from its beginning, and for the other from its
    acknowledged end. A read's own bounds are the least and greatest of its time.
    """
    events: list[tuple[int, int, Op]] = []
    for op in ops:
        if op.f not in ("add", "read"):
            raise ValueError(f"row {op.invoked}: a counter does not know {op.f!r}")
        events.append((op.invoked, INVOKE, op))
        if op.completed is not None and op.type == OK:
            events.append((op.completed, OK, op))
    low = high = 0
    open_reads: dict[int, tuple[int, int]] = {}
    found = []
    for _, kind, op in sorted(events, key=lambda event: event[0]):
        if op.f == "read":
            if kind == INVOKE:
                if op.type == OK:
                    open_reads[op.invoked] = low, high
            else:
                least, most = open_reads.pop(op.invoked)
                if not least <= cast("int", op.result) <= most:
                    found.append(_witness(history, op, least, most))
            continue
        if op.type == FAIL:
            continue
        amount = cast("int", op.argument)
        outward = kind == INVOKE
        low += amount if (amount < 0) is outward else 0
        high += amount if (amount > 0) is outward and amount else 0
        for name, (least, most) in open_reads.items():
            open_reads[name] = min(least, low), max(most, high)
    return found


def _witness(history: History, op: Op, least: int, most: int) -> Witness:
    assert op.completed is not None
    witness = Witness("sum out of bounds")
    witness.add(op.invoked)
    at = seconds(int(history.time_ns[op.completed]))
    witness.lines.append(
        f"{name_op(history, op.invoked)} finished at {at} (row {op.completed}), but {show(least)} at "
        f"least were added before it began, and {show(most)} at most before it ended"
    )
    return witness
