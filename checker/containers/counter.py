"""Counters: ``add`` of an int, ``read`` of the sum, ``add-and-get`` of the sum with what was added.

Jepsen's ``checker/counter``: each read lies between what was certainly added before it began and
what can have been added before it ended. That is necessary and not sufficient; the general search
(model ``counter``) decides exactly. A read of null, of a counter that is not there yet, is a read
of 0: that is what its sum is, and a system that forgot a counter is caught by its bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.containers.objects import judge_objects
from checker.history import FAIL, INVOKE, OK, History, Op
from checker.phrases import name_op, seconds, show
from checker.shapes import answer_row, answers, expect, integer
from checker.verdict import Verdict
from checker.witness import Witness

_KNOWN = frozenset({"add", "read", "add-and-get"})


@answers
def check(history: History) -> Verdict:
    """Bounds of each read; one counter a key. Adds of less than 0 widen the bounds downward."""
    return judge_objects(
        history, _find, what="counter", observers=frozenset({"read", "add-and-get"})
    )


def _find(history: History, ops: Sequence[Op]) -> list[Witness]:
    """Replay the rows of this counter, with the least and the greatest that its sum can be.

    An add counts for the bound that it moves outward from its beginning, and for the other from its
    acknowledged end. A read's own bounds are the least and greatest of its time.
    """
    expect(ops, _KNOWN, "counter")
    events: list[tuple[int, int, Op]] = []
    for op in ops:
        events.append((op.invoked, INVOKE, op))
        if op.completed is not None and op.type == OK:
            events.append((op.completed, OK, op))
    low = high = 0
    open_reads: dict[int, tuple[int, int]] = {}
    found = []
    for _, kind, op in sorted(events, key=lambda event: event[0]):
        if op.type == FAIL:
            continue
        amount = 0 if op.f == "read" else integer(op.argument, op.invoked, "what is added")
        if kind == OK and op.f != "add":
            least, most = open_reads.pop(op.invoked)
            # Of its own add, one bound has counted nothing all the time that it was open.
            least, most = least + max(amount, 0), most + min(amount, 0)
            if not least <= _sum(op) <= most:
                found.append(_witness(history, op, least, most))
        outward = kind == INVOKE
        low += amount if (amount < 0) is outward else 0
        high += amount if (amount > 0) is outward and amount else 0
        for name, (least, most) in open_reads.items():
            open_reads[name] = min(least, low), max(most, high)
        if outward and op.type == OK and op.f != "add":
            open_reads[op.invoked] = low, high
    return found


def _sum(op: Op) -> int:
    """What was read; nothing there is 0."""
    if op.result is None and op.f == "read":
        return 0
    return integer(op.result, answer_row(op), "the sum of a counter")


def _witness(history: History, op: Op, least: int, most: int) -> Witness:
    assert op.completed is not None
    witness = Witness("sum out of bounds")
    witness.add(op.invoked)
    at = seconds(int(history.time_ns[op.completed]))
    got = f" and got {show(op.result)}" if op.f == "add-and-get" else ""
    witness.lines.append(
        f"{name_op(history, op.invoked)} finished at {at} (row {op.completed}){got}, but all "
        f"that time the sum was {show(least)} at least and {show(most)} at most"
    )
    return witness
