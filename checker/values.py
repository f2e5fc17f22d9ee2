"""When two JSON values are the same, and values as small integers.

Python says ``True == 1 == 1.0``; JSON does not, and a register that gives 1 for true has lost a
write. So values are compared by *identities*: plain ints, strings and None stand for themselves,
everything else for its canonical JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from itertools import compress, count, repeat
from operator import is_not
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Json: TypeAlias = object
Ints: TypeAlias = NDArray[np.int64]

_PLAIN = frozenset({int, str, type(None)})
_DENSE_SPAN = 4
"""Ints whose range is at most this many times their number are used as codes as they are."""


def canonical(value: Json) -> str:
    """The one JSON text of a value: keys sorted, no blanks; tuples are lists.

    >>> canonical({"b": True, "a": (1, 1.0)})
    '{"a":[1,1.0],"b":true}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


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


def identities(values: Sequence[Json]) -> Sequence[Hashable]:
    """The identity of each; the values themselves, untouched, where all are plain already."""
    if set(map(type, values)) <= _PLAIN:
        return values
    return [identity(v) for v in values]


def encode(values: Sequence[Json]) -> tuple[Ints, int]:
    """A code in [0, n) for each value, None always -1; returns (codes, n). Same code, same value.

    >>> encode([None, "x", 1, True, 1.0, "x"])[0].tolist()
    [-1, 0, 1, 2, 3, 0]
    """
    kinds = set(map(type, values))
    if kinds <= {int, type(None)}:
        dense = _dense(values, type(None) in kinds)
        if dense is not None:
            return dense
    keys = identities(values)
    table: dict[Hashable, int] = dict.fromkeys(keys, -1)
    table.pop(None, None)
    table = dict(zip(table, count(), strict=False))
    size = len(table)
    table[None] = -1
    return np.fromiter(map(table.__getitem__, keys), np.int64, len(keys)), size


def _dense(values: Sequence[Json], nones: bool) -> tuple[Ints, int] | None:
    """Ints as their own codes, shifted to start at 0; None where they are spread too widely."""
    n = len(values)
    try:
        if nones:
            there = np.fromiter(map(is_not, values, repeat(None)), np.bool_, n)
            codes = np.full(n, -1, np.int64)
            some = int(np.count_nonzero(there))
            ints = np.fromiter(compress(values, there.tolist()), np.int64, some)
        else:
            there, codes = np.ones(0, np.bool_), np.empty(0, np.int64)
            ints = np.fromiter(values, np.int64, n)
    except OverflowError:
        return None
    if not len(ints):
        return codes, 0
    low, high = int(ints.min()), int(ints.max())
    if high - low > _DENSE_SPAN * n + 1024:
        return None
    if not nones:
        return ints - low, high - low + 1
    codes[there] = ints - low
    return codes, high - low + 1
