"""Append-only logs with offsets: ``append`` answers the offset, ``read`` [[offset, value], ...].

The offsets are the order, so nothing needs to be searched: an offset has one value, appends get
offsets in the order of real time, and a read from an offset on leaves out nothing that was
acknowledged below the last that it saw (total order broadcast: Cachin, Guerraoui, Rodrigues, 2011,
section 6.1). n log n.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import cast

from checker.containers.objects import judge_objects
from checker.history import OK, History, Op
from checker.phrases import name_op, show
from checker.values import Json, identity
from checker.verdict import Verdict
from checker.witness import Witness


def check(history: History) -> Verdict:
    """One log a key. Offsets are ints; they may have gaps, where nobody is known to have appended."""
    return judge_objects(history, _find, what="log", observers=frozenset({"read"}))


def _find(history: History, ops: Sequence[Op]) -> list[Witness]:
    appends = [op for op in ops if op.f == "append" and op.type == OK]
    reads = [op for op in ops if op.f == "read" and op.type == OK]
    asked = {identity(op.argument) for op in ops if op.f == "append"}
    return [
        *_contents(history, appends, reads, asked),
        *_real_time(history, appends),
        *_gaps(history, appends, reads),
    ]


def _entries(op: Op) -> Iterator[tuple[int, Json]]:
    if op.f == "append":
        yield cast("int", op.result), op.argument
        return
    for entry in cast("Sequence[Sequence[Json]]", op.result or []):
        yield cast("int", entry[0]), entry[1]


def _contents(
    history: History, appends: Sequence[Op], reads: Sequence[Op], asked: set[Hashable]
) -> Iterator[Witness]:
    """An offset has the same value to everybody, and somebody appended it."""
    known: dict[int, tuple[Op, Json]] = {}
    for op in (*appends, *reads):
        for offset, value in _entries(op):
            first, other = known.setdefault(offset, (op, value))
            if identity(other) != identity(value):
                witness = Witness("two values at one offset")
                witness.add(first.invoked, op.invoked)
                witness.lines.append(
                    f"offset {offset} held {show(other)} for {name_op(history, first.invoked)} "
                    f"(row {first.completed}) and {show(value)} for {name_op(history, op.invoked)} "
                    f"(row {op.completed})"
                )
                yield witness
            elif identity(value) not in asked:
                witness = Witness("value never appended")
                witness.add(op.invoked)
                witness.lines.append(
                    f"{name_op(history, op.invoked)} (row {op.completed}) had {show(value)} at offset "
                    f"{offset}, but nobody appended it"
                )
                yield witness


def _real_time(history: History, appends: Sequence[Op]) -> Iterator[Witness]:
    """Sweep by the beginnings, keeping the greatest offset of the appends that had ended by then."""
    ended = sorted(appends, key=lambda op: cast("int", op.completed))
    place, greatest = 0, None
    for op in appends:
        while place < len(ended) and cast("int", ended[place].completed) < op.invoked:
            candidate = ended[place]
            if greatest is None or cast("int", candidate.result) > cast("int", greatest.result):
                greatest = candidate
            place += 1
        if greatest is not None and cast("int", op.result) <= cast("int", greatest.result):
            witness = Witness("offsets against real time")
            witness.precede(history, cast("int", greatest.completed), op.invoked)
            witness.lines.append(
                f"but the first got offset {show(greatest.result)} and the second {show(op.result)}"
            )
            yield witness


def _gaps(history: History, appends: Sequence[Op], reads: Sequence[Op]) -> Iterator[Witness]:
    """A read that jumps over the offset of an append that had been acknowledged when it began."""
    by_offset = {cast("int", op.result): op for op in appends}
    offsets = sorted(by_offset)
    rank = {offset: i for i, offset in enumerate(offsets)}
    for read in reads:
        seen = sorted(offset for offset, _ in _entries(read))
        there = [rank[offset] for offset in seen if offset in rank]
        if not there or there[-1] - there[0] + 1 == len(there):
            continue
        has = set(seen)
        for place in range(there[0], there[-1]):
            op = by_offset[offsets[place]]
            if offsets[place] not in has and cast("int", op.completed) < read.invoked:
                witness = Witness("acknowledged append skipped")
                witness.precede(history, cast("int", op.completed), read.invoked)
                witness.lines.append(
                    f"but the read went past offset {offsets[place]} without {show(op.argument)}"
                )
                yield witness
                break
