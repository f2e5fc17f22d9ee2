"""Columns of JSON values that checkers read as small integers, without touching an object.

Most values of most histories are ints, or nothing, or a few strings again and again. So a column
keeps ints in an array, what repeats as a code and a table, and only the rest as the objects they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from operator import is_
from types import NoneType
from typing import Generic, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from checker.values import Ints, Json, encode, identity, objects

Bools = NDArray[np.bool_]
T = TypeVar("T")

_DENSE_SPAN = 4
"""Ints whose range is at most this many times their number are used as codes as they are."""
_MOST_OTHERS = 8
"""A column of ints has at most one other value for so many rows; else it is a list."""


class Column(Sequence[T], ABC, Generic[T]):
    """A sequence with ``codes``: -1 for None, else in [0, ``size``), the same for the same JSON."""

    @abstractmethod
    def take(self, rows: Ints) -> list[T]:
        """The values of these rows, as objects."""

    @abstractmethod
    def _coded(self) -> tuple[Ints, int]: ...

    @cached_property
    def _codes(self) -> tuple[Ints, int]:
        return self._coded()

    @property
    def codes(self) -> Ints:
        return self._codes[0]

    @property
    def size(self) -> int:
        return self._codes[1]

    def codes_of(self, rows: Ints) -> tuple[Ints, int]:
        """Codes of these rows alone, and their ``size``: comparable with each other only."""
        return self.codes[rows], self.size

    def as_ints(self) -> tuple[Ints, Bools]:
        """The ints of 64 bits among the values, and which rows have one."""
        values: list[Json] = list(self.tolist())
        known = np.fromiter(map(_is_int64, values), np.bool_, len(values))
        ints = np.zeros(len(values), np.int64)
        ints[known] = np.array([value for value in values if _is_int64(value)], np.int64)
        return ints, known

    def tolist(self) -> list[T]:
        """All of them; quicker than one by one."""
        return self.take(np.arange(len(self)))

    def __iter__(self) -> Iterator[T]:
        return iter(self.tolist())

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._at(range(len(self))[index])

    @abstractmethod
    def _at(self, row: int) -> T: ...


class Coded(Column[T]):
    """Values that repeat: ``table[codes[i]]``, or None where the code is -1."""

    def __init__(self, codes: Ints, table: Sequence[T]) -> None:
        self.table = table
        self._given = codes

    @classmethod
    def same(cls, value: T | None, rows: int) -> Coded[T]:
        """One value in every row, in no memory."""
        codes = np.broadcast_to(np.int64(-1 if value is None else 0), rows)
        return cls(codes, () if value is None else (value,))

    def __len__(self) -> int:
        return len(self._given)

    def take(self, rows: Ints) -> list[T]:
        table = objects([*self.table, None])
        found: list[T] = table[self._given[rows]].tolist()
        return found

    def _at(self, row: int) -> T:
        code = int(self._given[row])
        return self.table[code] if code >= 0 else cast("T", None)

    def as_ints(self) -> tuple[Ints, Bools]:
        if any(map(_is_int64, self.table)):
            return super().as_ints()
        return np.zeros(len(self), np.int64), np.zeros(len(self), np.bool_)

    def _coded(self) -> tuple[Ints, int]:
        return self._given, len(self.table)


class Numbers(Column[Json]):
    """Mostly ints: ``ints``, 0 where ``nothing`` (None) or where ``others`` has the row's value."""

    def __init__(self, ints: Ints, nothing: Bools, others: Mapping[int, Json]) -> None:
        self.ints, self.nothing, self.others = ints, nothing, others

    def __len__(self) -> int:
        return len(self.ints)

    def take(self, rows: Ints) -> list[Json]:
        found: list[Json] = self.ints[rows].tolist()
        for place in np.flatnonzero(self.nothing[rows]).tolist():
            found[place] = None
        if self.others:
            strange = np.isin(rows, np.fromiter(self.others, np.int64, len(self.others)))
            for place in np.flatnonzero(strange).tolist():
                found[place] = self.others[int(rows[place])]
        return found

    def _at(self, row: int) -> Json:
        if self.nothing[row]:
            return None
        return self.others[row] if row in self.others else int(self.ints[row])

    def as_ints(self) -> tuple[Ints, Bools]:
        some = ~self.nothing
        if self.others:
            some[list(self.others)] = False
        return self.ints, some

    def _coded(self) -> tuple[Ints, int]:
        _, some = self.as_ints()
        ints = self.ints[some]
        low, high = (int(ints.min()), int(ints.max())) if len(ints) else (0, -1)
        size = high - low + 1
        if size <= _DENSE_SPAN * len(self) + 1024:
            codes = self.ints - low
        else:
            known, places = np.unique(ints, return_inverse=True)
            codes, size = np.empty(len(self), np.int64), len(known)
            codes[some] = places
        codes[self.nothing] = -1
        table: dict[object, int] = {}
        for row, value in self.others.items():
            codes[row] = table.setdefault(identity(value), size + len(table))
        return codes, size + len(table)


class Listed(Column[Json]):
    """Values of any kind, coded only if somebody asks."""

    def __init__(self, values: list[Json]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Ints) -> list[Json]:
        return list(map(self.values.__getitem__, rows.tolist()))

    def tolist(self) -> list[Json]:
        return self.values

    def _at(self, row: int) -> Json:
        return self.values[row]

    def codes_of(self, rows: Ints) -> tuple[Ints, int]:
        """Most rows of most histories are nodes' notes, whose values take long to be coded."""
        return encode(self.take(rows))

    def _coded(self) -> tuple[Ints, int]:
        return encode(self.values)


def column(values: list[Json]) -> Column[Json]:
    """The column that suits these values; it may keep the list.

    >>> [type(column(some)).__name__ for some in ([7, None, 9], ["x", "x"], [[1], {}])]
    ['Numbers', 'Coded', 'Listed']
    """
    seen = set(map(type, values))
    if seen <= {NoneType}:
        return Coded.same(None, len(values))
    if seen <= {NoneType, str}:
        return cast("Column[Json]", names(cast("list[str]", values)))
    if seen <= {NoneType, int}:
        return _numbers(values, bools=False) or Listed(values)
    kinds = Counter(map(type, values))
    if (len(values) - kinds[int] - kinds[NoneType]) * _MOST_OTHERS > len(values):
        return Listed(values)
    return _numbers(values, bools=kinds[bool] > 0) or Listed(values)


def names(values: Sequence[str]) -> Coded[str]:
    """A column of strings, and None."""
    seen: dict[str | None, None] = dict.fromkeys(values)
    table = [name for name in seen if name is not None]
    if len(seen) == len(table) == 1:
        return Coded.same(table[0], len(values))
    code: dict[str | None, int] = {name: i for i, name in enumerate(table)}
    code[None] = -1
    return Coded(np.fromiter(map(code.__getitem__, values), np.int64, len(values)), table)


def _numbers(values: list[Json], *, bools: bool) -> Numbers | None:
    """Ints as an array, if most are. ``array`` refuses what is no int, but takes a bool for one, which
    is sought only where there are ``bools``.
    """
    nothing = np.fromiter(map(is_, values, repeat(None)), np.bool_, len(values))
    try:
        raw = array("q", [0 if v is None else v for v in cast("list[int | None]", values)])
    except (TypeError, OverflowError):
        others = {i: v for i, v in enumerate(values) if v is not None and not _is_int64(v)}
        if len(others) * _MOST_OTHERS > len(values):
            return None
        plain = [0 if v is None or not _is_int64(v) else v for v in values]
        raw = array("q", cast("list[int]", plain))
    else:
        others = {}
    ints = np.frombuffer(raw, np.int64)
    if bools:
        for row in np.flatnonzero((ints == 0) | (ints == 1)).tolist():
            if isinstance(values[row], bool):
                others[row] = values[row]
    if len(others) * _MOST_OTHERS > len(values):
        return None
    return Numbers(ints, nothing, others)


def _is_int64(value: Json) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63
