"""When two JSON values are the same, and values as small integers.

Python says ``True == 1 == 1.0``; JSON does not, and a register that gives 1 for true has lost a
write. So values are compared by *identities*: plain ints, strings and None stand for themselves,
everything else for its canonical JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from itertools import count
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Json: TypeAlias = object
Ints: TypeAlias = NDArray[np.int64]
Objects: TypeAlias = NDArray[np.object_]

_PLAIN = frozenset({int, str, type(None)})
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_NOTHING = np.array(None, object)
_DENSE_SPAN = 4
"""Ints whose range is at most this many times their number are used as codes as they are."""


def canonical(value: Json) -> str:
    """The one JSON text of a value: keys sorted, no blanks; tuples are lists.

    >>> canonical({"b": True, "a": (1, 1.0)})
    '{"a":[1,1.0],"b":true}'
    """
    return _ENCODE(value)


def identity(value: Json) -> Hashable:
    """Equal exactly when two values are the same JSON, and usable as a key of a dict.

    >>> len({identity(v) for v in (1, 1.0, True, "1", "true", [1], (1,), None)})
    7
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and kind is not bool:
        return int(value)
    return ("json", canonical(value))


def objects(values: Sequence[Json]) -> Objects:
    """A sequence as an array of its very objects: lists in it stay lists."""
    return np.fromiter(values, object, len(values))


def encode(values: Sequence[Json] | Objects) -> tuple[Ints, int]:
    """A code in [0, n) for each value, None always -1; returns (codes, n). Same code, same value.

    >>> encode([None, "x", 1, True, 1.0, "x"])[0].tolist()
    [-1, 0, 1, 2, 3, 0]
    """
    if not isinstance(values, np.ndarray):
        values = objects(values)
    listed = values.tolist()
    kinds = set(map(type, listed))
    if kinds <= {int, type(None)}:
        dense = _dense(values, nones=type(None) in kinds)
        if dense is not None:
            return dense
    keys = listed if kinds <= _PLAIN else [identity(v) for v in listed]
    table: dict[Hashable, int] = dict.fromkeys(keys, -1)
    table.pop(None, None)
    table = dict(zip(table, count(), strict=False))
    size = len(table)
    table[None] = -1
    return np.fromiter(map(table.__getitem__, keys), np.int64, len(keys)), size


def _dense(values: Objects, *, nones: bool) -> tuple[Ints, int] | None:
    """Ints as their own codes, shifted to start at 0; None where they are spread too widely."""
    there = np.not_equal(values, _NOTHING) if nones else np.ones(len(values), np.bool_)
    try:
        ints = (values[there] if nones else values).astype(np.int64)
    except OverflowError:
        return None
    low, high = (int(ints.min()), int(ints.max())) if len(ints) else (0, -1)
    if high - low > _DENSE_SPAN * len(values) + 1024:
        return None
    if not nones:
        return ints - low, high - low + 1
    codes = np.full(len(values), -1, np.int64)
    codes[there] = ints - low
    return codes, high - low + 1
