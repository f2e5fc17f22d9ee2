"""When two JSON values are the same, and values as small integers.

Python says ``True == 1 == 1.0``; JSON does not, and a register that gives 1 for true has lost a
write. So values are compared by *identities*: plain ints, strings and None stand for themselves,
everything else for its canonical JSON text.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Hashable, Sequence
from itertools import count
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Json: TypeAlias = object
Ints: TypeAlias = NDArray[np.int64]
Objects: TypeAlias = NDArray[np.object_]

_PLAIN = frozenset({int, str, type(None)})
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
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
    dense = _dense(listed)
    if dense is not None:
        return dense
    kinds = set(map(type, listed))
    keys = listed if kinds <= _PLAIN else [identity(v) for v in listed]
    table: dict[Hashable, int] = dict.fromkeys(keys, -1)
    table.pop(None, None)
    table = dict(zip(table, count(), strict=False))
    size = len(table)
    table[None] = -1
    return np.fromiter(map(table.__getitem__, keys), np.int64, len(keys)), size


def _dense(values: list[Json]) -> tuple[Ints, int] | None:
    """Ints as their own codes, shifted to start at 0; None if some are none, or spread too widely.

    One pass, since memory is what this waits for: ``array`` refuses what is no int, but takes a bool
    for one, and needs some int in the place of a None. Both are sought only where they can be.
    """
    some = next((value for value in values if value is not None), 0)
    if type(some) is not int:
        return None
    try:
        raw = array("q", [some if v is None else v for v in cast("list[int | None]", values)])
    except (TypeError, OverflowError):
        return None
    ints = np.frombuffer(raw, np.int64)
    low, high = (int(ints.min()), int(ints.max())) if len(ints) else (0, -1)
    if high - low > _DENSE_SPAN * len(values) + 1024:
        return None
    codes = ints - low
    for place in np.flatnonzero((ints == some) | (ints == 0) | (ints == 1)).tolist():
        value = values[place]
        if value is None:
            codes[place] = -1
        elif isinstance(value, bool):
            return None
    return codes, high - low + 1
