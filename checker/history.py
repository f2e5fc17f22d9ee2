"""A history: what clients asked for and were told, the faults, and what the nodes noted, in columns.

A row is one event of an op: its invocation or its completion. The words are Jepsen's: ``ok`` it
happened, ``fail`` it certainly did not and never will, ``info`` nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Json: TypeAlias = object
Ints: TypeAlias = NDArray[np.int64]

INVOKE, OK, FAIL, INFO = 0, 1, 2, 3
TYPES = ("invoke", "ok", "fail", "info")
NEMESIS = -1


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
    """Rows in columns; the index of a row is its place. Built by :meth:`of`.

    ``partner`` is the row of the matching invocation or completion, or -1. ``key`` and ``value``
    hold JSON values. Row order is real-time order: indices are distinct where times may tie.
    """

    time_ns: Ints
    process: Ints
    type: NDArray[np.int8]
    f: Sequence[str]
    key: Sequence[Json]
    value: Sequence[Json]
    partner: Ints
    rows: Sequence[Row]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> History:
        """Raises ValueError, naming the row, where a process breaks the rules of invoke and reply."""
        rows = list(rows)
        n = len(rows)
        partner = np.full(n, -1, np.int64)
        pending: dict[int, int] = {}
        for i, row in enumerate(rows):
            if row.process < 0:
                continue
            if row.type == INVOKE:
                if row.process in pending:
                    first = pending[row.process]
                    raise ValueError(
                        f"row {i}: process {row.process} invokes again before row {first} completed"
                    )
                pending[row.process] = i
            else:
                invocation = pending.pop(row.process, None)
                if invocation is None:
                    raise ValueError(
                        f"row {i}: process {row.process} completes what it did not invoke"
                    )
                partner[i], partner[invocation] = invocation, i
        return cls(
            time_ns=np.fromiter((r.time_ns for r in rows), np.int64, n),
            process=np.fromiter((r.process for r in rows), np.int64, n),
            type=np.fromiter((r.type for r in rows), np.int8, n),
            f=[r.f for r in rows],
            key=[r.key for r in rows],
            value=[r.value for r in rows],
            partner=partner,
            rows=rows,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def ops(self) -> Iterator[Op]:
        """The clients' ops, in order of invocation; an op without completion is info."""
        invoked = np.flatnonzero((self.type == INVOKE) & (self.process >= 0))
        completed = self.partner[invoked]
        fate = self.type[completed]
        who = self.process[invoked].tolist()
        f, key, value = self.f, self.key, self.value
        for i, j, process, type_ in zip(
            invoked.tolist(), completed.tolist(), who, fate.tolist(), strict=True
        ):
            if j >= 0:
                yield Op(i, j, process, f[i], key[i], value[i], type_, value[j])
            else:
                yield Op(i, None, process, f[i], key[i], value[i], INFO, None)

    def of_nemesis(self) -> list[int]:
        """The indices of the nemesis' rows."""
        return [i for i, row in enumerate(self.rows) if row.process == NEMESIS]

    def notes(self, kind: str) -> Iterator[tuple[int, int, Json]]:
        """(row index, node, value) of the nodes' notes of one kind."""
        for i, row in enumerate(self.rows):
            if row.process < NEMESIS and row.f == kind:
                yield i, -2 - row.process, row.value


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
