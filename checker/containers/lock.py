"""Locks: ``acquire`` and ``release``; with fencing tokens, ``acquire`` answers a number.

A hold is the acquire of a process and its next release. It is certain from the end of the acquire to
the beginning of the release, and a mutex's history is linearizable iff no two holds are certain at
the same moment: the zones of Gibbons and Korach (1997) with a hold for a value. n log n.

A lock that expires may be held by two who think so; what must hold then is that *tokens* grow in the
order of the acquires: Kleppmann, "How to do distributed locking", 2016.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from checker.containers.objects import FOREVER, judge_objects
from checker.history import FAIL, INFO, OK, History, Op
from checker.phrases import name_op, seconds, show
from checker.shapes import answer_row, answers, expect, integer
from checker.verdict import Verdict
from checker.witness import Witness

_KNOWN = frozenset({"acquire", "release"})
_ACQUIRED = frozenset({"acquire"})


@dataclass(frozen=True)
class Hold:
    """Certain between the rows ``begin`` and ``end``; ``end`` is FOREVER if it was not released."""

    acquire: Op
    release: Op | None
    begin: int
    end: int


@answers
def check(history: History) -> Verdict:
    """Mutual exclusion, and that nobody releases what he does not hold; one lock a key."""
    return judge_objects(history, _mutex, what="mutex", observers=_ACQUIRED)


@answers
def check_fenced(history: History) -> Verdict:
    """Tokens only: they differ, and grow from an acquire to one that began after it had ended."""
    return judge_objects(history, of_tokens, what="fenced lock", observers=_ACQUIRED)


def holds(history: History, ops: Sequence[Op]) -> tuple[list[Hold], list[Witness]]:
    """The certain holds, and the releases of what was not held.

    A process whose acquire is of unknown fate is no more, so nobody saw it hold the lock: that can be
    left out. A release of unknown fate may have freed the lock, from its beginning on.
    """
    held: dict[int, Op] = {}
    found: list[Hold] = []
    wrong: list[Witness] = []
    expect(ops, _KNOWN, "lock")
    for op in ops:
        if op.type == FAIL or (op.f == "acquire" and op.type == INFO):
            continue
        if op.f == "acquire":
            if op.process in held:  # it never let go, and got it again
                found.append(_hold(held[op.process], None))
            held[op.process] = op
        elif op.process in held:
            found.append(_hold(held.pop(op.process), op))
        elif op.type == OK:
            witness = Witness("released what it did not hold")
            witness.add(op.invoked)
            witness.lines.append(
                f"{name_op(history, op.invoked)} succeeded (row {op.completed}), "
                "but that process did not hold the lock"
            )
            wrong.append(witness)
    found += [_hold(op, None) for op in held.values()]
    return found, wrong


def _hold(acquire: Op, release: Op | None) -> Hold:
    assert acquire.completed is not None
    end = FOREVER if release is None else release.invoked
    return Hold(acquire, release, acquire.completed, end)


def _mutex(history: History, ops: Sequence[Op]) -> list[Witness]:
    certain, found = holds(history, ops)
    certain.sort(key=lambda hold: hold.begin)
    longest: Hold | None = None
    for hold in certain:
        if longest is not None and longest.end > hold.begin:
            found.append(_both(history, longest, hold))
        if longest is None or hold.end > longest.end:
            longest = hold
    return found


def _both(history: History, first: Hold, second: Hold) -> Witness:
    witness = Witness("held by two at once")
    for hold in (first, second):
        witness.add(hold.acquire.invoked)
        since = seconds(int(history.time_ns[hold.begin]))
        until = "and never released it"
        if hold.release is not None:
            witness.add(hold.release.invoked)
            until = f"and began to release it at {seconds(int(history.time_ns[hold.end]))} (row {hold.end})"
        witness.lines.append(
            f"process {hold.acquire.process} held it from {since} (row {hold.begin}) {until}"
        )
    return witness


def of_tokens(history: History, ops: Sequence[Op]) -> list[Witness]:
    """Tokens that were given twice, or against real time. What a holder does meanwhile is no matter."""
    expect(ops, _KNOWN | {"refresh"}, "lock")
    acquires = [op for op in ops if op.f == "acquire" and op.type == OK]
    tokens = {op.invoked: integer(op.result, answer_row(op), "a token") for op in acquires}
    found = [
        _same(history, a, b)
        for a, b in pairwise(sorted(acquires, key=lambda op: tokens[op.invoked]))
        if tokens[a.invoked] == tokens[b.invoked]
    ]
    for greatest, op in overtaken(acquires, tokens):
        witness = Witness("token against real time")
        witness.precede(history, answer_row(greatest), op.invoked)
        witness.lines.append(f"but the second got {show(op.result)}, which is less")
        found.append(witness)
    return found


def overtaken(ops: Sequence[Op], tokens: Mapping[int, int]) -> Iterator[tuple[Op, Op]]:
    """Of ok ops, in order, each that has a lower token than one that ended before it began; and that
    one. Sweep by the beginnings, keeping the greatest token of the ops that had ended by then.
    """
    ended = sorted(ops, key=answer_row)
    place, greatest = 0, None
    for op in ops:
        while place < len(ended) and answer_row(ended[place]) < op.invoked:
            if greatest is None or tokens[ended[place].invoked] > tokens[greatest.invoked]:
                greatest = ended[place]
            place += 1
        if greatest is not None and tokens[op.invoked] < tokens[greatest.invoked]:
            yield greatest, op


def _same(history: History, a: Op, b: Op) -> Witness:
    witness = Witness("token given twice")
    witness.add(a.invoked, b.invoked)
    witness.lines.append(
        f"{name_op(history, a.invoked)} (row {a.completed}) and "
        f"{name_op(history, b.invoked)} (row {b.completed}) both got {show(a.result)}"
    )
    return witness
