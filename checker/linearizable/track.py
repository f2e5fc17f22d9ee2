"""The ops of one object as a search needs them: when each began and ended, and of what class it is.

Ops of a class ask and answer the same, so that a model's step tells nothing about one that it does not
tell about all. From a history in columns it is made without an object for each op.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checker.history import FAIL, INFO, INVOKE, OK, History, Op, op_at
from checker.models import Model
from checker.values import Ints, Json, identity

_DENSE = 4
"""Codes up to this many times the number of ops are renumbered by a table, others by sorting."""


@dataclass(frozen=True, eq=False)
class Track:
    """Ops by invocation: ``ended`` is a row, or -1 if nobody knows; ``kind`` a place in ``classes``.

    ``looks`` says of each class whether its ops only observe. Left out are failed ops, unless the
    model asks for them, and observers without an answer, which tell nothing.
    """

    invoked: Ints
    ended: Ints
    kind: NDArray[np.int32]
    classes: Sequence[Op]
    looks: Sequence[bool]
    op: Callable[[int], Op]
    """The op of a place."""

    def __len__(self) -> int:
        return len(self.kind)


def looks(op: Op, model: Model) -> bool:
    """Whether an op only observes: it never changes the state."""
    return op.f in model.observers or op.type == FAIL


def of_ops(ops: Iterable[Op], model: Model) -> Track:
    """The track of one object's ops, given in order of invocation."""
    kept: list[Op] = []
    kinds: list[int] = []
    classes: list[Op] = []
    observing: list[bool] = []
    known: dict[Hashable, int] = {}
    fails, processes = model.fails, model.processes
    for op in ops:
        _, _, process, f, key, argument, fate, result = op
        if fate == FAIL and not fails:
            continue
        name = (
            f,
            fate,
            identity(key),
            identity(argument),
            identity(result) if fate == OK else None,
            process if processes else None,
        )
        kind = known.get(name)
        if kind is None:
            kind = known[name] = len(classes)
            classes.append(op)
            observing.append(looks(op, model))
        if fate == INFO and observing[kind]:
            continue
        kept.append(op)
        kinds.append(kind)
    ended = [-1 if op.type == INFO or op.completed is None else op.completed for op in kept]
    return Track(
        invoked=np.array([op.invoked for op in kept], np.int64),
        ended=np.array(ended, np.int64),
        kind=np.array(kinds, np.int32),
        classes=classes,
        looks=observing,
        op=kept.__getitem__,
    )


def of_history(history: History, model: Model) -> list[tuple[Json, Track]]:
    """The track of each object, with its name, in order of their first ops."""
    rows = np.flatnonzero((history.type == INVOKE) & (history.process >= 0))
    answer = history.partner[rows]
    fate = np.where(answer >= 0, history.type[answer], np.int8(INFO)).astype(np.int64)
    if not model.fails:
        rows, answer, fate = (some[fate != FAIL] for some in (rows, answer, fate))
    kind, first = _classes(history, model, rows, answer, fate)
    classes = [op_at(history, row) for row in rows[first].tolist()]
    look = np.array([looks(op, model) for op in classes], np.bool_)
    if look.any():
        tells = (fate != INFO) | ~look[kind]
        rows, answer, fate, kind = (some[tells] for some in (rows, answer, fate, kind))
    ended = np.where(fate == INFO, -1, answer)
    names, owner = _objects(classes, model)
    if not names:
        return []
    if len(names) == 1:
        return [(names[0], _track(history, rows, ended, kind, classes, look))]
    order = np.argsort(owner[kind], kind="stable")
    ends = np.cumsum(np.bincount(owner[kind], minlength=len(names)))
    found: list[tuple[Json, Track]] = []
    for name, some in zip(names, np.split(order, ends[:-1]), strict=True):
        some_kinds, local = _renumber(kind[some])
        several = [classes[k] for k in some_kinds.tolist()]
        found.append(
            (name, _track(history, rows[some], ended[some], local, several, look[some_kinds]))
        )
    return found


def _track(  # noqa: PLR0917  its columns
    history: History,
    rows: Ints,
    ended: Ints,
    kind: Ints,
    classes: Sequence[Op],
    look: NDArray[np.bool_],
) -> Track:
    return Track(
        invoked=rows,
        ended=ended,
        kind=kind.astype(np.int32),
        classes=classes,
        looks=look.tolist(),
        op=lambda place: op_at(history, int(rows[place])),
    )


def _objects(classes: Sequence[Op], model: Model) -> tuple[list[Json], Ints]:
    """The names of the objects, and of each class the place of its object's."""
    if model.partition is None:
        return [None], np.zeros(len(classes), np.int64)
    places: dict[Hashable, int] = {}
    names: list[Json] = []
    owner: list[int] = []
    for op in classes:
        name = model.partition(op)
        place = places.setdefault(identity(name), len(places))
        if place == len(names):
            names.append(name)
        owner.append(place)
    return names, np.array(owner, np.int64)


def _classes(
    history: History, model: Model, rows: Ints, answer: Ints, fate: Ints
) -> tuple[Ints, Ints]:
    """For each op its class, numbered by first appearance; and of each class its first op."""
    both, size = history.value.codes_of(np.concatenate([rows, answer]))
    value, result = both[: len(rows)], np.where(fate == OK, both[len(rows) :], np.int64(-1))
    parts = [
        (history.f.codes[rows], history.f.size),
        (fate, 4),
        (history.key.codes[rows], history.key.size),
        (value, size),
        (result, size),
    ]
    if model.processes:
        _, process = _renumber(history.process[rows])
        parts.append((process, len(rows)))
    code = np.zeros(len(rows), np.int64)
    span = 1
    for codes, size in parts:
        if size <= 1 and (not size or not len(codes) or codes.min() == codes.max()):
            continue
        if span * (size + 1) > 1 << 62:
            some, code = _renumber(code)
            span = len(some)
        code = code * (size + 1) + (codes + 1)
        span *= size + 1
        if span > 1 << 16:
            some, code = _renumber(code)
            span = len(some)
    some, code = _renumber(code)
    first = np.full(len(some), len(rows), np.int64)
    first[code[::-1]] = np.arange(len(rows))[::-1]
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(some), np.int64)
    rank[order] = np.arange(len(some))
    return rank[code], first[order]


def _renumber(codes: Ints) -> tuple[Ints, Ints]:
    """The codes that occur, ascending, and the place in them of each."""
    most = int(codes.max()) if len(codes) else -1
    if most >= _DENSE * len(codes) + 1024:
        some, places = np.unique(codes, return_inverse=True)
        return some, places
    there = np.zeros(most + 1, np.bool_)
    there[codes] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]
