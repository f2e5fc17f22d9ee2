"""Causal reversal: a write is seen without one that had ended before it began.

Jepsen's ``causal-reverse`` workload: ``write`` of values that each is a row of its own (an insert),
``read`` of all that are there. A strictly serializable system never shows a write without all writes
that were acknowledged before it was begun; one that is serializable only, in which real time does not
count across transactions, may. A read that is only late, and lacks the newest writes, passes: other
checks (``set-full``) are for that. n log n, beside the size of what was read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from checker.containers.objects import by_value, end_of, judge_objects
from checker.history import FAIL, OK, History, Op
from checker.phrases import name_op, show
from checker.shapes import Malformed, answer_row, answers, expect, listed
from checker.values import identity
from checker.verdict import Verdict
from checker.witness import Witness

_KNOWN = frozenset({"read", "write"})


@answers
def check(history: History) -> Verdict:
    """One table a key. *Unknown* where a value is written twice; *vacuous* where no read succeeded."""
    return judge_objects(history, _find, what="order of inserts", observers=frozenset({"read"}))


@dataclass(frozen=True)
class _Writes:
    """``of`` by what was written; ``ended``: names of the acknowledged ones by their end, and ``ends``."""

    of: dict[Hashable, Op]
    failed: dict[Hashable, Op]
    ended: Sequence[Hashable]
    ends: Sequence[int]


def _find(history: History, ops: Sequence[Op]) -> list[Witness]:
    expect(ops, _KNOWN, "table of inserts")
    writes = _writes(ops)
    reads = [op for op in ops if op.f == "read" and op.type == OK]
    return [witness for op in reads if (witness := _reversed(history, op, writes))]


def _writes(ops: Sequence[Op]) -> _Writes:
    """Raises Malformed where a value was written twice."""
    by = by_value([op for op in ops if op.f == "write" and op.type != FAIL])
    failed = by_value([op for op in ops if op.f == "write" and op.type == FAIL])
    for several in by.values():
        if len(several) > 1:
            again = several[1]
            raise Malformed(again.invoked, f"{show(again.argument)} is written a second time")
    of = {name: several[0] for name, several in by.items()}
    ended = sorted((name for name, op in of.items() if op.type == OK), key=lambda n: end_of(of[n]))
    firsts = {name: several[0] for name, several in failed.items()}
    return _Writes(of, firsts, ended, [end_of(of[name]) for name in ended])


def _reversed(history: History, read: Op, writes: _Writes) -> Witness | None:
    """Of all that the read saw, the one begun last needs the most."""
    row = answer_row(read)
    values = listed(read.result, row, "what is read of a table")
    who = f"the read by process {read.process} (row {row})"
    for value in values:
        name = identity(value)
        if name not in writes.of:
            witness = Witness("value never written")
            witness.add(read.invoked)
            why = f"saw {show(value)}, which nobody wrote"
            if name in writes.failed:
                witness.add(writes.failed[name].invoked)
                why = (
                    f"saw {show(value)}, but {name_op(history, writes.failed[name].invoked)} failed"
                )
            witness.lines.append(f"{who} {why}")
            return witness
    saw = {identity(value) for value in values}
    if not saw:
        return None
    last = max((writes.of[name] for name in saw), key=lambda op: op.invoked)
    if row < last.invoked:
        witness = Witness("seen before it was written")
        witness.precede(history, row, last.invoked)
        return witness
    needed = bisect_left(writes.ends, last.invoked)
    if needed <= len(saw) and needed == sum(end_of(writes.of[n]) < last.invoked for n in saw):
        return None
    missing = writes.of[next(name for name in writes.ended[:needed] if name not in saw)]
    witness = Witness("a later write seen without an earlier one")
    witness.precede(history, answer_row(missing), last.invoked)
    witness.add(read.invoked)
    witness.lines.append(f"but {who} saw {show(last.argument)} without {show(missing.argument)}")
    return witness
