"""The clients' ops of a register history, in columns of small integers.

This is the common preparation of every register checker: failed ops are set aside, ops whose fate
nobody knows end at the end of time, and values are coded per key, so that equal codes mean the
same JSON value of the same key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checker.history import FAIL, INFO, INVOKE, OK, History
from checker.values import Ints, Json, Objects, encode, objects

Bools = NDArray[np.bool_]

READ, WRITE, CAS, OTHER = 0, 1, 2, 3
KINDS = {"read": READ, "write": WRITE, "cas": CAS}


@dataclass(frozen=True)
class Slots:
    """Values per key: a slot is one value of one key; slot ``first_nil + k`` is key k's nothing."""

    count: int
    first_nil: int
    key: Ints
    """The key of each slot, as a code."""


@dataclass(frozen=True)
class Ops:
    """Reads that were answered, and updates that took or may have taken effect, by invocation.

    ``inv`` and ``ret`` are rows; ``ret`` is the length of the history where nobody knows. ``new``
    is the slot written (a read's: the slot read), ``old`` the slot that a cas found, else -1.
    """

    inv: Ints
    ret: Ints
    kind: NDArray[np.int8]
    ok: Bools
    key: Ints
    new: Ints
    old: Ints

    def take(self, keep: Bools) -> Ops:
        return Ops(
            inv=self.inv[keep],
            ret=self.ret[keep],
            kind=self.kind[keep],
            ok=self.ok[keep],
            key=self.key[keep],
            new=self.new[keep],
            old=self.old[keep],
        )


@dataclass(frozen=True)
class Columns:
    """``ops`` count; ``failed`` certainly had no effect. ``keys`` gives a key's code its value."""

    rows: int
    ops: Ops
    failed: Ops
    slots: Slots
    keys: Sequence[Json]
    strange: int
    """The first row with an ``f`` that is not a register's or a cas without [old, new]; or -1."""


def columns(history: History) -> Columns:
    """Prepare a history. Linear time, but for the coding of values that are not small ints."""
    n = len(history)
    inv = np.flatnonzero((history.type == INVOKE) & (history.process >= 0))
    ret = history.partner[inv]
    fate = np.where(ret >= 0, history.type[ret], np.int8(INFO))
    ret = np.where(fate == OK, ret, n)
    kind = _kinds(objects(history.f)[inv])
    strange = inv[kind == OTHER]
    counts = (kind != OTHER) & ~((kind == READ) & (fate != OK))
    inv, ret, fate, kind = inv[counts], ret[counts], fate[counts], kind[counts]
    key, keys = _keys(objects(history.key)[inv])
    values = objects(history.value)
    new = values[np.where(kind == READ, np.minimum(ret, n - 1), inv)] if n else values
    swaps = np.flatnonzero(kind == CAS)
    pairs = new[swaps].tolist()
    wrong = [i for i, pair in enumerate(pairs) if not _is_pair(pair)]
    if wrong:
        strange = np.append(strange, inv[swaps[wrong]])
        pairs = [pair if _is_pair(pair) else (None, None) for pair in pairs]
    old = objects([pair[0] for pair in pairs])
    new[swaps] = objects([pair[1] for pair in pairs])
    slots, new_slot, old_slot = _slots(new, old, key, key[swaps], len(keys))
    olds = np.full(len(inv), -1, np.int64)
    olds[swaps] = old_slot
    ops = Ops(inv, ret, kind, fate == OK, key, new_slot, olds)
    happened = fate != FAIL
    return Columns(
        rows=n,
        ops=ops if happened.all() else ops.take(happened),
        failed=ops.take(~happened),
        slots=slots,
        keys=keys,
        strange=int(strange.min()) if len(strange) else -1,
    )


def without_keys(ops: Ops, dropped: Bools) -> Ops:
    """The ops of the keys (codes) that are not dropped."""
    if not len(ops.inv) or not dropped.any():
        return ops
    return ops.take(~dropped[ops.key])


def _is_pair(value: Json) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2


def _kinds(names: Objects) -> NDArray[np.int8]:
    kinds = np.full(len(names), OTHER, np.int8)
    left = np.arange(len(names))
    for f, kind in KINDS.items():
        same = names[left] == f
        kinds[left[same]] = kind
        left = left[~same]
        if not len(left):
            break
    return kinds


def _keys(values: Objects) -> tuple[Ints, list[Json]]:
    """A code for each op's key, and the keys in order of their codes; None is a key like others."""
    listed = values.tolist()
    if listed and isinstance(listed[0], str) and listed.count(listed[0]) == len(listed):
        return np.zeros(len(listed), np.int64), listed[:1]  # the usual, without hashing each
    codes, size = encode(values)
    first = np.full(size + 1, len(codes), np.int64)
    np.minimum.at(first, codes, np.arange(len(codes)))  # None's code, -1, is the last
    seen = np.flatnonzero(first < len(codes))
    rank = np.full(size + 1, -1, np.int64)
    rank[seen] = np.arange(len(seen))
    return rank[codes], [listed[i] for i in first[seen]]


def _slots(
    new: Objects,
    old: Objects,
    key: Ints,
    old_key: Ints,
    keys: int,
) -> tuple[Slots, Ints, Ints]:
    """Code values per key. Where each value is one key's only (the usual), no sorting is needed."""
    code, size = encode(np.concatenate([new, old]) if len(old) else new)
    owner = np.concatenate([key, old_key]) if len(old) else key
    nothing = code < 0
    some = ~nothing if nothing.any() else slice(None)
    value, of = code[some], owner[some]
    slot_key = np.zeros(size, np.int64)
    if keys > 1:
        slot_key[value] = of
        if (slot_key[value] != of).any():
            pairs, value = np.unique(of * size + value, return_inverse=True)
            slot_key, size = pairs // size, len(pairs)
    slot = np.empty(len(code), np.int64)
    slot[some] = value
    slot[nothing] = size + owner[nothing]
    slots = Slots(size + keys, size, np.concatenate([slot_key, np.arange(keys)]))
    return slots, slot[: len(new)], slot[len(new) :]
