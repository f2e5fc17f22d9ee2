"""The transactions of a history: f ``txn``, value [["append", k, v], ["r", k, v], ["w", k, v], ...].

Jepsen names some by what they do: f ``read`` and ``write`` are taken too.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from checker.history import FAIL, INFO, OK, History, Op
from checker.shapes import Malformed
from checker.values import Json, identity

Mop = tuple[str, Hashable, Json]
"""A micro-operation: what it does, the identity of its key, its value."""

READ, WRITE, APPEND = "r", "w", "append"
_PLAIN = (int, str)
_WORDS = (READ, WRITE, APPEND)
_NAMES = ("txn", "read", "write")


class Txn(NamedTuple):
    """``number`` is its place among the transactions that may have taken effect (-1: failed)."""

    number: int
    op: Op
    mops: Sequence[Mop]

    @property
    def ok(self) -> bool:
        return self.op.type == OK


@dataclass(frozen=True)
class Transactions:
    """``txns`` may have taken effect, by invocation; ``failed`` certainly did not."""

    txns: list[Txn]
    failed: list[Txn]
    keys: dict[Hashable, Json]
    misanswered: list[Txn]
    """Those of ``txns`` whose client was answered with another transaction than it had asked for. What
    became of its own nobody knows: it is INFO there."""


def transactions(history: History) -> Transactions:
    """Raises Malformed, naming the row, for what is no transaction. Reads of unanswered ones are
    left out, since nobody knows what they saw. An answer is of the question if it has the same
    micro-operations, but for what was read; where the question is not told, any is.
    """
    txns: list[Txn] = []
    failed: list[Txn] = []
    misanswered: list[Txn] = []
    keys: dict[Hashable, Json] = {}
    for op in history.ops():
        if op.f not in _NAMES:
            raise Malformed(op.invoked, f"not a transaction: {op.f!r}")
        value = op.result if op.type == OK else op.argument
        mops = _mops(op, value, keys)
        if op.type == FAIL:
            failed.append(Txn(-1, op, mops))
            continue
        if op.type == OK and not _is_of(value, op.argument):
            op = op._replace(type=INFO, result=None)  # noqa: PLW2901
            misanswered.append(Txn(len(txns), op, _mops(op, op.argument, keys)))
            txns.append(misanswered[-1])
        else:
            txns.append(Txn(len(txns), op, mops))
    return Transactions(txns, failed, keys, misanswered)


def _is_of(answer: Json, question: Json) -> bool:
    """Whether what was answered, which is a transaction, is the one that was asked for, done."""
    if not isinstance(question, (list, tuple)):
        return True
    told, asked = cast("Sequence[Mop]", answer), cast("Sequence[Mop]", question)
    try:
        for (f, key, value), (g, other, wanted) in zip(told, asked, strict=True):
            if f != g or (key != other and identity(key) != identity(other)):
                return False
            if f != READ and value != wanted and identity(value) != identity(wanted):
                return False
    except (TypeError, ValueError):  # more, or fewer; or the question is none
        return False
    return True


def _mops(op: Op, value: Json, keys: dict[Hashable, Json]) -> Sequence[Mop]:
    row = op.invoked if op.completed is None else op.completed
    if not isinstance(value, (list, tuple)):
        raise Malformed(row, "a transaction is a list of micro-operations")
    mops = cast("Sequence[Mop]", value)
    plain = op.type == OK
    for mop in mops:
        try:
            f, key, _ = mop
        except (TypeError, ValueError):
            raise Malformed(row, "a micro-operation is [f, key, value]") from None
        if f not in _WORDS:
            raise Malformed(row, f"a transaction does not know {f!r}")
        name = key
        if type(key) not in _PLAIN:
            plain, name = False, identity(key)
        if name not in keys:
            keys[name] = key
    if plain:  # the usual: nothing to be made anew
        return mops
    return [(f, identity(k), v) for f, k, v in mops if op.type == OK or f != READ]
