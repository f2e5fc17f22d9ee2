"""``jepsen.independent``: many keys in one history, each value being [key, value].

In a file such a tuple looks like any vector of two, so it takes all ops of a history to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeGuard

from checker.history import INVOKE, OK, Row

Json: TypeAlias = object
_MICRO_OPS = frozenset({"r", "w", "append"})


def are_tuples(rows: Sequence[Row]) -> bool:
    """Whether the clients' values are [key, value], beyond doubt.

    Each value that is certain (asked for, or answered with ok) is a pair with a plain key, and some
    op could be nothing else: it asks with [key, null], a cas with [key, [old, new]], a transaction
    with [key, [[f, k, v], ...]].
    """
    shown = False
    for row in rows:
        if row.process < 0 or row.type not in (INVOKE, OK):
            continue
        value = row.value
        if row.key is not None or not _is_pair(value) or isinstance(value[0], (list, dict)):
            return False
        if row.type == INVOKE:
            inner = value[1]
            if row.f == "cas" and not _is_pair(inner):
                return False
            if row.f == "txn" and not _is_txn(inner):
                return False
            shown = shown or inner is None or row.f in ("cas", "txn")
    return shown


def split(rows: Sequence[Row]) -> list[Row]:
    """The rows with key and value apart. A completion is of the key that was asked for.

    Raises ValueError with (row, problem) for an invocation or an ok that has no key, or another.
    """
    asked: dict[int, Json] = {}
    found = []
    for i, row in enumerate(rows):
        value = row.value
        if row.process < 0 or row.key is not None:
            found.append(row)
        elif row.type == INVOKE:
            if not _is_pair(value):
                raise ValueError(i, "this op has no [key value]")
            asked[row.process] = value[0]
            found.append(row._replace(key=value[0], value=value[1]))
        else:
            key = asked[row.process]
            same = _is_pair(value) and value[0] == key
            if row.type == OK and not same:
                raise ValueError(i, f"this op was asked of key {key!r} and answers without it")
            found.append(row._replace(key=key, value=value[1] if same else value))  # type: ignore[index]
    return found


def _is_pair(value: Json) -> TypeGuard[list[Json]]:
    return isinstance(value, list) and len(value) == 2


def _is_txn(value: Json) -> bool:
    return isinstance(value, list) and all(
        isinstance(op, list) and len(op) == 3 and op[0] in _MICRO_OPS for op in value
    )
