"""Each value with the op that put it in and the one that took it out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from checker.containers.objects import FOREVER, Ambiguous, by_value, end_of
from checker.history import FAIL, OK, History, Op
from checker.phrases import name_op, seconds, show
from checker.values import Json, identity
from checker.witness import Witness


@dataclass(frozen=True)
class Pair:
    """Rows, tightened: a put ends before its take does, and a take begins after its put does.

    ``take`` is None for what was never taken; its rows are FOREVER then.
    """

    value: Json
    put: Op
    take: Op | None
    put_begin: int
    put_end: int
    take_begin: int
    take_end: int


def pairs(
    history: History, ops: Sequence[Op], *, put: str, take: str
) -> tuple[list[Pair], list[Witness]]:
    """The values that were certainly in, and what is wrong with them already.

    A put of unknown fate whose value nobody took is left out: deleting it from an explanation leaves
    one. Raises Ambiguous where a value was put twice.
    """
    puts = by_value([op for op in ops if op.f == put and op.type != FAIL])
    failed = by_value([op for op in ops if op.f == put and op.type == FAIL])
    takes = [op for op in ops if op.f == take and op.type == OK and op.result is not None]
    taken: dict[Hashable, Op] = {}
    found: list[Witness] = []
    for op in takes:
        name = identity(op.result)
        if name in taken:
            found.append(_twice(history, op, taken[name], puts.get(name, [])))
        elif name not in puts:
            found.append(_unknown(history, op, failed.get(name, [])))
        taken.setdefault(name, op)
    values = []
    for name, several in puts.items():
        out = taken.get(name)
        if out is None:
            values += [_tighten(op, None) for op in several if op.type == OK]
            continue
        if len(several) > 1:
            raise Ambiguous(f"{show(several[0].argument)} was put in more than once")
        pair = _tighten(several[0], out)
        if end_of(out) < pair.put_begin:
            found.append(_early(history, out, several[0]))
        values.append(pair)
    return values, found


def _tighten(put: Op, take: Op | None) -> Pair:
    if take is None:
        return Pair(put.argument, put, None, put.invoked, end_of(put), FOREVER, FOREVER)
    end = end_of(take)
    return Pair(
        value=put.argument,
        put=put,
        take=take,
        put_begin=put.invoked,
        put_end=min(end_of(put), end),
        take_begin=max(take.invoked, put.invoked),
        take_end=end,
    )


def _finished(history: History, op: Op) -> str:
    assert op.completed is not None
    at = seconds(int(history.time_ns[op.completed]))
    return f"{name_op(history, op.invoked)} finished at {at} (row {op.completed})"


def _twice(history: History, op: Op, first: Op, puts: Sequence[Op]) -> Witness:
    if len(puts) > 1:
        raise Ambiguous(f"{show(op.result)} was put in more than once")
    witness = Witness("value taken twice")
    witness.add(*(put.invoked for put in puts), first.invoked, op.invoked)
    witness.lines.append(
        f"{_finished(history, first)}, and {_finished(history, op)}: both took {show(op.result)}"
    )
    return witness


def _unknown(history: History, op: Op, failed: Sequence[Op]) -> Witness:
    witness = Witness("value never put in")
    witness.add(op.invoked)
    why = f"but nobody ever put {show(op.result)} in"
    if failed:
        witness = Witness("value of a failed op")
        witness.add(op.invoked, failed[0].invoked)
        why = f"but the {name_op(history, failed[0].invoked)} failed (row {failed[0].completed})"
    witness.lines.append(f"{_finished(history, op)}, {why}")
    return witness


def _early(history: History, take: Op, put: Op) -> Witness:
    witness = Witness("value taken before it was put in")
    assert take.completed is not None
    witness.precede(history, take.completed, put.invoked)
    return witness
