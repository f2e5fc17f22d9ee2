"""A history: what clients asked for and were told, the faults, and what the nodes noted, in columns.

A row is one event of an op: its invocation or its completion. The words are Jepsen's: ``ok`` it
happened, ``fail`` it certainly did not and never will, ``info`` nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from checker.column import Coded, Column, column, names

Json: TypeAlias = object
Ints: TypeAlias = NDArray[np.int64]
T = TypeVar("T")

INVOKE, OK, FAIL, INFO = 0, 1, 2, 3
TYPES = ("invoke", "ok", "fail", "info")
NEMESIS = -1
NOBODY = -(1 << 40)
"""The process of a row that does not count: no client, no node, not the nemesis."""


def node_process(node: int) -> int:
    """The process number under which node ``node`` (0-based) writes its notes: -2 - node."""
    return -2 - node


class Row(NamedTuple):
    """One row, as people and interpreters see it. ``time_ns`` counts from the start of the trial."""

    time_ns: int
    process: int
    type: int
    f: str
    key: Json = None
    value: Json = None
    error: str | None = None
    node: int | None = None
    intended_ns: int | None = None
    """When an open-loop op should have been invoked; latencies count from here."""


@dataclass(frozen=True, eq=False)
class History:
    """Rows in columns; the index of a row is its place. Built by :meth:`of` or :meth:`made`.

    ``partner`` is the row of the matching invocation or completion, or -1. Columns of JSON values
    have codes too (:mod:`checker.column`). Row order is real-time order: indices are distinct where
    times may tie.
    """

    time_ns: Ints
    process: Ints
    type: NDArray[np.int8]
    f: Coded[str]
    key: Column[Json]
    value: Column[Json]
    error: Column[str | None]
    node: Column[Json]
    intended_ns: Column[Json]
    partner: Ints
    found: dict[str, Any] = field(init=False, repr=False, default_factory=dict)
    """What functions that are ``once`` have found in it."""

    @classmethod
    def of(cls, rows: Iterable[Row]) -> History:
        """Raises ValueError, naming the row, where a process breaks the rules of invoke and reply."""
        rows = list(rows)
        fields = zip(*rows, strict=True) if rows else ((),) * len(Row._fields)
        times, process, types, f, key, value, error, node, intended_ns = fields
        return cls.made(
            time_ns=np.array(times, np.int64),
            process=np.array(process, np.int64),
            type=np.array(types, np.int8),
            f=names(f),
            key=column(list(key)),
            value=column(list(value)),
            error=cast("Column[str | None]", column(list(error))),
            node=column(list(node)),
            intended_ns=column(list(intended_ns)),
        )

    @classmethod
    def made(
        cls,
        *,
        time_ns: Ints,
        process: Ints,
        type: NDArray[np.int8],
        f: Coded[str],
        key: Column[Json],
        value: Column[Json],
        error: Column[str | None],
        node: Column[Json],
        intended_ns: Column[Json],
    ) -> History:
        """A history of its columns. Raises ValueError as ``of`` does."""
        return cls(
            time_ns=time_ns,
            process=process,
            type=type,
            f=f,
            key=key,
            value=value,
            error=error,
            node=node,
            intended_ns=intended_ns,
            partner=_partners(process, type),
        )

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, each made when it is looked at."""
        return Rows(self)

    def __len__(self) -> int:
        return len(self.time_ns)

    def ops(self) -> Iterator[Op]:
        """The clients' ops, in order of invocation; an op without completion is info."""
        invoked = np.flatnonzero((self.type == INVOKE) & (self.process >= 0))
        completed = self.partner[invoked]
        fate = self.type[completed]
        who = self.process[invoked].tolist()
        f, key, value = self.f.tolist(), self.key.tolist(), self.value.tolist()
        for i, j, process, type_ in zip(
            invoked.tolist(), completed.tolist(), who, fate.tolist(), strict=True
        ):
            if j >= 0:
                yield Op(i, j, process, f[i], key[i], value[i], type_, value[j])
            else:
                yield Op(i, None, process, f[i], key[i], value[i], INFO, None)

    def of_nemesis(self) -> list[int]:
        """The indices of the nemesis' rows."""
        return _of_nemesis(self)

    def notes(self, kind: str) -> Iterator[tuple[int, int, Json]]:
        """(row index, node, value) of the nodes' notes of one kind."""
        if kind not in self.f.table:
            return
        of_nodes = (self.process < NEMESIS) & (self.process > NOBODY)
        noted = np.flatnonzero(of_nodes & (self.f.codes == self.f.table.index(kind)))
        nodes = (-2 - self.process[noted]).tolist()
        yield from zip(noted.tolist(), nodes, self.value.take(noted), strict=True)


def once(find: Callable[[History], T]) -> Callable[[History], T]:
    """The same function, which looks at each history once: several checks ask the same of it. Nobody may
    change what it gives.
    """
    name = f"{find.__module__}.{find.__qualname__}"

    @wraps(find)
    def kept(history: History) -> T:
        if name not in history.found:
            history.found[name] = find(history)
        found: T = history.found[name]
        return found

    return kept


@once
def _of_nemesis(history: History) -> list[int]:
    found: list[int] = np.flatnonzero(history.process == NEMESIS).tolist()
    return found


class Rows(Sequence[Row]):
    """A history as rows. Equal to another if the rows are, as lists are."""

    def __init__(self, history: History) -> None:
        self.history = history

    def __len__(self) -> int:
        return len(self.history)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows(slice(None)))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return self._rows(index)
        place = range(len(self))[index]
        return self._rows(slice(place, place + 1))[0]

    def _rows(self, some: slice) -> list[Row]:
        h = self.history
        ints = (h.time_ns[some].tolist(), h.process[some].tolist(), h.type[some].tolist())
        rest = (h.f, h.key, h.value, h.error, h.node, h.intended_ns)
        return list(map(Row, *ints, *(column[some] for column in rest)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def _partners(process: Ints, type_: NDArray[np.int8]) -> Ints:
    """For each client's row the one that it answers, or that answers it; else -1.

    A process asks and is answered by turns, so that of its rows in order each is the partner of the
    one beside it. Raises ValueError, naming the row, for the first that breaks this.
    """
    partner = np.full(len(process), -1, np.int64)
    rows = np.flatnonzero(process >= 0)
    rows = rows[_stable_order(process[rows])]
    asks = type_[rows] == INVOKE
    follows = np.zeros(len(rows), np.bool_)
    follows[1:] = process[rows[1:]] == process[rows[:-1]]
    pending = np.zeros(len(rows), np.bool_)
    pending[1:] = follows[1:] & asks[:-1]
    wrong = np.flatnonzero(asks == pending)
    if len(wrong):
        place = wrong[rows[wrong].argmin()]
        row, who = rows[place], process[rows[place]]
        if asks[place]:
            first = rows[place - 1]
            raise ValueError(f"row {row}: process {who} invokes again before row {first} completed")
        raise ValueError(f"row {row}: process {who} completes what it did not invoke")
    answers = np.flatnonzero(~asks)
    asked, answered = rows[answers - 1], rows[answers]
    partner[asked], partner[answered] = answered, asked
    return partner


def _stable_order(keys: Ints) -> Ints:
    """Like a stable argsort of ints from 0 up, in linear time where they are below 2^32.

    NumPy sorts ints of 16 bits by counting; so first by the low half, then by the high one.
    """
    most = int(keys.max()) if len(keys) else 0
    if most >= 1 << 32:
        return np.argsort(keys, kind="stable")
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    if most >= 1 << 16:
        order = order[np.argsort((keys[order] >> 16).astype(np.uint16), kind="stable")]
    return order


class Op(NamedTuple):
    """An invocation with its completion. ``invoked`` and ``completed`` are rows of it."""

    invoked: int
    completed: int | None
    process: int
    f: str
    key: Json
    argument: Json
    type: int
    result: Json


def op_at(history: History, invoked: int) -> Op:
    """The op that was invoked in this row."""
    completed = int(history.partner[invoked])
    return Op(
        invoked=invoked,
        completed=completed if completed >= 0 else None,
        process=int(history.process[invoked]),
        f=history.f[invoked],
        key=history.key[invoked],
        argument=history.value[invoked],
        type=int(history.type[completed]) if completed >= 0 else INFO,
        result=history.value[completed] if completed >= 0 else None,
    )
