"""Locks with fencing tokens, and what they guard: mutual exclusion as the resource sees it.

``acquire`` answers a token; of each lock tokens differ, and grow in real time. ``guarded`` of ``[token,
value]`` is a write to a resource by who believes to hold its lock; it answers what was there before.
The resource keeps the holders apart iff it takes their writes in the order of their tokens: after one
with a higher token none with a lower one (Kleppmann, "How to do distributed locking", 2016). What
was there before makes a chain of the writes: each is followed by one other at most, or one was lost.

All these are necessary; for a chain of answered writes, each of a value of its own, they suffice.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from checker.containers.lock import of_tokens, overtaken
from checker.containers.objects import judge_objects
from checker.history import FAIL, OK, History, Op
from checker.phrases import name_op, show
from checker.shapes import Malformed, answer_row, answers, expect, integer, listed
from checker.values import Json, identity
from checker.verdict import Verdict
from checker.witness import Witness

_RESOURCE = frozenset({"guarded"})


@answers
def check(history: History) -> Verdict:
    """Tokens of locks, and the writes that they guard; one lock or resource a key."""
    return judge_objects(history, _either, what="fenced lock", observers=_RESOURCE)


def _either(history: History, ops: Sequence[Op]) -> list[Witness]:
    if any(op.f == "guarded" for op in ops):
        expect(ops, _RESOURCE, "guarded resource")
        return _resource(history, ops)
    return of_tokens(history, ops)


def _pair(value: Json, row: int, what: str) -> tuple[int, Json]:
    pair = listed(value, row, what)
    if len(pair) != 2:
        raise Malformed(row, f"{what} is [token, value], not {show(value)}")
    return integer(pair[0], row, "a token"), pair[1]


def _resource(history: History, ops: Sequence[Op]) -> list[Witness]:
    written = [op for op in ops if op.type == OK]
    token = {op.invoked: _pair(op.argument, op.invoked, "a write")[0] for op in ops}
    source = {identity(op.argument): op for op in ops if op.type != FAIL}
    found: list[Witness] = []
    successor: dict[Hashable, Op] = {}
    for op in written:
        if (
            op.result is not None
            and _pair(op.result, answer_row(op), "what was there")[0] > (token[op.invoked])
        ):
            found.append(_late(history, op))
        name = identity(op.result)
        if op.result is not None and name not in source:
            found.append(_from_nowhere(history, op))
        elif name in successor:
            found.append(_lost(history, successor[name], op))
        successor[name] = op
    return found + [_against_time(history, *pair) for pair in overtaken(written, token)]


def _late(history: History, op: Op) -> Witness:
    witness = Witness("an older token was let in")
    witness.add(op.invoked)
    witness.lines.append(
        f"{name_op(history, op.invoked)} succeeded (row {op.completed}) where {show(op.result)} was"
        " before, which has a higher token"
    )
    return witness


def _from_nowhere(history: History, op: Op) -> Witness:
    witness = Witness("what nobody wrote")
    witness.add(op.invoked)
    witness.lines.append(
        f"{name_op(history, op.invoked)} found {show(op.result)} (row {op.completed}), which nobody wrote"
    )
    return witness


def _lost(history: History, first: Op, second: Op) -> Witness:
    witness = Witness("a lost update")
    witness.add(first.invoked, second.invoked)
    witness.lines.append(
        f"{name_op(history, first.invoked)} (row {first.completed}) and "
        f"{name_op(history, second.invoked)} (row {second.completed}) both found {show(first.result)}"
    )
    return witness


def _against_time(history: History, greatest: Op, op: Op) -> Witness:
    witness = Witness("an older token was let in")
    witness.precede(history, answer_row(greatest), op.invoked)
    witness.lines.append("but the second, which succeeded, has the lower token")
    return witness
