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

from checker.column import Column
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
    kind = np.array([KINDS.get(f, OTHER) for f in history.f.table], np.int8)[history.f.codes[inv]]
    strange = inv[kind == OTHER]
    counts = (kind != OTHER) & ~((kind == READ) & (fate != OK))
    if not counts.all():
        inv, ret, fate, kind = inv[counts], ret[counts], fate[counts], kind[counts]
    key, first = _keys(history.key.codes[inv])
    keys = history.key.take(inv[first])
    at = np.where(kind == READ, ret, inv)
    swaps = np.flatnonzero(kind == CAS)
    olds = np.full(len(inv), -1, np.int64)
    if len(swaps):
        new, old, wrong = _pairs(history.value, at, swaps)
        strange = np.append(strange, inv[swaps[wrong]])
        slots, new_slot, olds[swaps] = _slots(new, old, key, key[swaps], len(keys))
    else:
        slots, new_slot = _slots_of(*history.value.codes_of(at), key, len(keys))
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


def _keys(codes: Ints) -> tuple[Ints, Ints]:
    """A number for each op's key, without gaps, and the first op of each key."""
    ranked = codes - codes.min(initial=0)
    first = np.full(int(ranked.max(initial=-1)) + 1, -1, np.int64)
    first[ranked[::-1]] = np.arange(len(codes))[::-1]  # the last one assigned stays
    seen = np.flatnonzero(first >= 0)
    if len(seen) == 1:
        return np.zeros(len(codes), np.int64), first[seen]
    rank = np.empty(len(first), np.int64)
    rank[seen] = np.arange(len(seen))
    return rank[ranked], first[seen]


def _pairs(values: Column[Json], at: Ints, swaps: Ints) -> tuple[Objects, Objects, list[int]]:
    """What ops wrote or read, what each cas found, and the places of cas without [old, new]."""
    new = objects(values.take(at))
    pairs = new[swaps].tolist()
    wrong = [i for i, pair in enumerate(pairs) if not _is_pair(pair)]
    for i in wrong:
        pairs[i] = (None, None)
    new[swaps] = objects([pair[1] for pair in pairs])
    return new, objects([pair[0] for pair in pairs]), wrong


def _is_pair(value: Json) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2


def _slots(
    new: Objects, old: Objects, key: Ints, old_key: Ints, keys: int
) -> tuple[Slots, Ints, Ints]:
    """The slots of what was written or read, and of what each cas found."""
    code, size = encode(np.concatenate([new, old]))
    slots, slot = _slots_of(code, size, np.concatenate([key, old_key]), keys)
    return slots, slot[: len(new)], slot[len(new) :]


def _slots_of(code: Ints, size: int, owner: Ints, keys: int) -> tuple[Slots, Ints]:
    """Code values per key. Where each value is one key's only (the usual), no sorting is needed."""
    if keys <= 1:
        slot = np.where(code < 0, size, code)
        return Slots(size + keys, size, np.zeros(size + keys, np.int64)), slot
    some = code >= 0
    value, of = code[some], owner[some]
    slot_key = np.zeros(size, np.int64)
    slot_key[value] = of
    if (slot_key[value] != of).any():
        pairs, value = np.unique(of * size + value, return_inverse=True)
        slot_key, size = pairs // size, len(pairs)
    slot = size + owner
    slot[some] = value
    return Slots(size + keys, size, np.concatenate([slot_key, np.arange(keys)])), slot
