"""2-atomicity of registers: each read sees the last value written or the one before it.

Aiyer, Alvisi, Bazzi, "On the Availability of Non-strict Quorum Systems", DISC 2005. Decided exactly
by LBT, *limited backtracking*, of Golab, Li, Shah, "Analyzing Consistency Properties for Fun and
Profit", PODC 2011, section 4: an order of the writes is built from its end. A write can be the last of
those that remain if none of them began after its end; what then must have been read after it may be of
it and of one other, which comes right before it. Where nothing is forced any more the choice is not
regretted: with a write and all its reads left out, what was 2-atomic still is. k-atomicity holds for a
history iff it does for each key. Quadratic in what goes on at once, linear else but for sorting.

A write of unknown fate counts if it was read, and has ended when the first read of it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from checker.history import History
from checker.linearizable.columns import CAS, READ, Columns, Ops, columns
from checker.linearizable.graph import effective, judge
from checker.phrases import moments, name_op, of_key, plural
from checker.values import Json
from checker.verdict import Outcome, Verdict

T = TypeVar("T")
_MOST_STEPS = 20_000_000
_MOST_READS = 2_000

Span = tuple[int, int]
"""Rows: an op's beginning and end."""


@dataclass(frozen=True)
class Value:
    """A write and the reads of its value; ``begin`` is -1 for the initial nothing."""

    begin: int
    end: int
    reads: tuple[Span, ...]

    def settled(self) -> int:
        """When the write has ended, at the latest: when the first read of it has."""
        return min([self.end, *(end for _, end in self.reads)])


def check(history: History) -> Verdict:
    """*Invalid* where some key is not 2-atomic, *vacuous* where no read succeeded.

    *Unknown* where a value that was seen was written more than once, and for keys with cas that are
    not atomic, since 2-atomicity is of reads and writes. ``details``: ``ops``, ``keys``, how many of
    them are ``atomic``, ``2-atomic`` only, ``neither`` and ``undecided``.
    """
    table = columns(history)
    ops, ambiguous = effective(table)
    if table.strange >= 0 or ambiguous.any():
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary="2-atomicity is judged of registers whose observed values were written once",
        )
    if not (ops.ok & (ops.kind == READ)).any():
        return Verdict(outcome=Outcome.VACUOUS, summary="no read succeeded")
    grades = grade(table, ops)
    bad = [key for key, fine in grades.items() if fine is False]
    undecided = [key for key, fine in grades.items() if fine is None]
    details: dict[str, Json] = {
        "ops": len(ops.inv),
        "keys": len(table.keys),
        "atomic": len(table.keys) - len(grades),
        "2-atomic": len(grades) - len(bad) - len(undecided),
        "neither": len(bad),
        "undecided": len(undecided),
    }
    if bad:
        return _invalid(history, table, ops, bad, details)
    if undecided:
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary=f"{of_key(table.keys[undecided[0]])}: not atomic; whether 2-atomic was not decided",
            details=details,
        )
    counted = f"{plural(len(ops.inv), 'op')} on {plural(len(table.keys), 'key')}"
    more = f", of which {len(grades):,} not atomic" if grades else ""
    return Verdict(outcome=Outcome.VALID, summary=f"2-atomic: {counted}{more}", details=details)


def grade(table: Columns, ops: Ops) -> dict[int, bool | None]:
    """Of each key (code) that is not atomic whether it is 2-atomic; None where not decided."""
    suspects = {int(k) for finding in judge(table).findings for k in finding.key}
    swapped = set(ops.key[ops.kind == CAS].tolist())
    found: dict[int, bool | None] = {}
    for key in sorted(suspects):
        if key in swapped:
            found[key] = None
            continue
        values, orphans = values_of(table, ops, key)
        found[key] = False if orphans else two_atomic(values)
    return found


def values_of(table: Columns, ops: Ops, key: int) -> tuple[list[Value], list[Span]]:
    """A key's values by the beginning of their writes, the initial nothing first; and the reads of
    what was not written, or only after they had ended.
    """
    mine = np.flatnonzero(ops.key == key)
    reads: defaultdict[int, list[Span]] = defaultdict(list)
    writes: list[tuple[int, int, int]] = [(-1, -1, table.slots.first_nil + key)]
    for i in mine.tolist():
        span = int(ops.inv[i]), int(ops.ret[i])
        if ops.kind[i] == READ:
            reads[int(ops.new[i])].append(span)
        else:
            writes.append((*span, int(ops.new[i])))
    values, orphans = [], []
    for begin, end, slot in writes:
        some = reads.pop(slot, [])
        orphans += [span for span in some if span[1] < begin]
        values.append(Value(begin, end, tuple(span for span in some if span[1] > begin)))
    return values, sorted([*orphans, *(span for some in reads.values() for span in some)])


def two_atomic(values: Sequence[Value]) -> bool | None:
    """Whether some order of these values explains their reads; None where it takes too long."""
    line = _Line(values)
    while line.remain:
        if not any(line.place(value) for value in line.candidates()):
            return None if line.steps > _MOST_STEPS else False
    return True


class _Line:
    """The values and reads that are not placed yet, each in order; places are taken from the end."""

    def __init__(self, values: Sequence[Value]) -> None:
        self.begin = [value.begin for value in values]
        self.end = [value.settled() for value in values]
        self.by_begin = sorted(range(len(values)), key=self.begin.__getitem__)
        self.by_end = sorted(range(len(values)), key=self.end.__getitem__)
        reads = sorted((begin, v) for v, value in enumerate(values) for begin, _ in value.reads)
        self.read_begin = [begin for begin, _ in reads]
        self.read_of = [v for _, v in reads]
        self.reads: list[list[int]] = [[] for _ in values]
        for r, v in enumerate(self.read_of):
            self.reads[v].append(r)
        self.placed = [False] * len(values)
        self.read = [False] * len(reads)
        self.remain = len(values)
        self.unread = len(reads)
        self.steps = 0

    def candidates(self) -> list[int]:
        """The values that can be last: none that remains was begun after their end."""
        self._shorten()
        latest = self.begin[self.by_begin[-1]]
        found = []
        for value in reversed(self.by_end):
            if self.end[value] < latest:
                break
            if not self.placed[value]:
                found.append(value)
        return found

    def _shorten(self) -> None:
        for order in (self.by_begin, self.by_end):
            while order and self.placed[order[-1]]:
                order.pop()
        while self.unread and self.read[self.unread - 1]:
            self.unread -= 1

    def place(self, value: int) -> bool:
        """Place a value last, and all that this forces right before it; or change nothing."""
        placed: list[int] = []
        taken: list[int] = []
        top, after = len(self.by_begin) - 1, self.unread - 1
        next_value: int | None = value
        while next_value is not None and self.steps <= _MOST_STEPS:
            value, next_value = next_value, None
            self.placed[value] = True
            placed.append(value)
            while top >= 0 and self.placed[self.by_begin[top]]:
                top -= 1
            fits = top < 0 or self.begin[self.by_begin[top]] < self.end[value]
            for r in self.reads[value]:
                if not self.read[r]:
                    self.read[r] = True
                    taken.append(r)
            while fits and after >= 0 and self.read_begin[after] > self.end[value]:
                self.steps += 1
                if not self.read[after]:
                    other = self.read_of[after]
                    fits = next_value in (None, other)
                    next_value = other
                    self.read[after] = True
                    taken.append(after)
                after -= 1
            self.steps += 1
            if not fits:
                break
        else:
            if self.steps <= _MOST_STEPS:
                self.remain -= len(placed)
                return True
        for v in placed:
            self.placed[v] = False
        for r in taken:
            self.read[r] = False
        return False


def smallest(items: Sequence[T], bad: Callable[[Sequence[T]], bool]) -> list[T]:
    """Few of the items that are bad together, none of which can be spared.

    To leave more out never makes them bad. After Junker, "QuickXplain", AAAI 2004.
    """
    needed: list[T] = []
    left = list(items)
    while not bad(needed):
        low, high = 1, len(left)
        while low < high:
            middle = (low + high) // 2
            if bad([*needed, *left[:middle]]):
                high = middle
            else:
                low = middle + 1
        needed.append(left[low - 1])
        left = left[: low - 1]
    return needed


def contradiction(values: Sequence[Value]) -> list[Value]:
    """Few values with few of their reads that are not 2-atomic by themselves."""
    few = smallest(values, lambda some: two_atomic(some) is False)
    pairs = [(v, read) for v, value in enumerate(few) for read in value.reads]
    if len(pairs) > _MOST_READS:
        return few

    def having(some: Sequence[tuple[int, Span]]) -> list[Value]:
        kept: defaultdict[int, list[Span]] = defaultdict(list)
        for v, read in some:
            kept[v].append(read)
        return [Value(x.begin, x.end, tuple(sorted(kept[v]))) for v, x in enumerate(few)]

    return having(smallest(pairs, lambda some: two_atomic(having(some)) is False))


def _invalid(
    history: History, table: Columns, ops: Ops, bad: Sequence[int], details: dict[str, Json]
) -> Verdict:
    """The first bad key is explained: by a read of what was not there, or by a few values."""
    key = bad[0]
    values, orphans = values_of(table, ops, key)
    more = f"; and {plural(len(bad) - 1, 'other key')}" if len(bad) > 1 else ""
    if orphans:
        rows: Sequence[Span] = orphans[:1]
        title = "a read of what was never written, or only later"
        end = ["whatever the order of writes, no read can see what was not written when it ended"]
    else:
        few = contradiction(values)
        spans = [(v.begin, v.end) for v in few if v.begin >= 0] + [r for v in few for r in v.reads]
        rows = sorted(spans)
        title = "a read that is two writes late or more"
        end = ["in no order of these writes does each read see the last value or the one before it"]
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"not 2-atomic: {of_key(table.keys[key])}, {title}{more}",
        evidence=tuple(sorted({row for span in rows for row in span if row < len(history)})),
        explanation=(*(_line(history, *span) for span in rows), *end),
        details=details,
    )


def _line(history: History, begin: int, end: int) -> str:
    name = name_op(history, begin)
    if end >= len(history):
        (since,) = moments(int(history.time_ns[begin]))
        return f"{name} began at {since} (row {begin}), and nobody knows when it ended"
    since, until = moments(int(history.time_ns[begin]), int(history.time_ns[end]))
    return f"{name} lasted from {since} (row {begin}) to {until} (row {end})"
