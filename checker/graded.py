"""How far from linearizable a register's reads are: how many, how late, how many versions behind.

After Golab, Li, Shah, "Analyzing Consistency Properties for Fun and Profit", PODC 2011 (staleness
in time), and Golab, Hurwitz, Li, "On the k-Atomicity-Verification Problem", ICDCS 2013 (in
versions). A read is *stale* if, when it began, some write had ended that had begun after the write
of what it read had ended: then that value was certainly replaced. Its staleness is the time since
the first such end. It is at least as many *versions* behind as there are writes that lie, for
certain and one after the other, between. A read is *anomalous* if it is stale, or read what nobody
wrote, what only a failed op wrote, or what was written later. Linear but for sorting.

Of the whole, *delta* is the least time such that, were each read begun so much earlier, the history
would be atomic (Golab, Li, Shah: Delta-atomicity); and it is *k*-atomic if in some order of the writes
each read sees one of the last k values (:mod:`checker.two_atomic`).

A measurement, not a judgement: *valid* whatever it finds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from checker.history import History
from checker.linearizable.columns import CAS, READ, Columns, Ops, columns
from checker.linearizable.graph import effective
from checker.phrases import name_op, plural
from checker.stats import quantiles_ms
from checker.two_atomic import grade, values_of
from checker.values import Ints, Json
from checker.verdict import Outcome, Verdict
from checker.witness import Witness

_DEEPEST = 1000
"""Reads more versions behind than this are counted as being so many behind."""


def check(history: History) -> Verdict:
    """``details``: ``reads`` (and cas), ``anomalous``, ``unwritten``, ``future``, ``stale``,
    ``stale_rate``, ``staleness_ms`` as quantiles of the stale ones, and ``versions_behind``, how many
    reads are at least so many versions behind; ``k_at_least``: the history is not k-atomic for less;
    ``2-atomic``: yes, no or undecided; ``delta_ms``: None where no time is enough, since something
    was read that was not there, or where that was not decided, since a key with cas is not atomic; and
    the stalest read as a ``witness``.

    *Unknown* where an observed value was written more than once, *vacuous* where nothing was read.
    """
    table = columns(history)
    ops, ambiguous = effective(table)
    if table.strange >= 0 or ambiguous.any():
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary="staleness is measured of registers whose observed values were written once",
        )
    reads = np.flatnonzero(ops.ok & ((ops.kind == READ) | (ops.kind == CAS)))
    if not len(reads):
        return Verdict(outcome=Outcome.VACUOUS, summary="no read succeeded")
    begun, ended = _writer(table, ops, reads)
    unwritten = begun == table.rows
    future = ~unwritten & (begun > ops.ret[reads])
    normal = np.flatnonzero(~unwritten & ~future)
    gone, behind = _behind(table, ops, reads[normal], ended[normal])
    stale = np.flatnonzero(behind)
    lag = history.time_ns[ops.inv[reads[normal[stale]]]] - history.time_ns[gone[stale]]
    anomalous = int(unwritten.sum() + future.sum()) + len(stale)
    deepest = int(behind.max(initial=0))
    grades = grade(table, ops)
    two = "no" if False in grades.values() else "undecided" if None in grades.values() else "yes"
    delta = delta_ns(history, table, ops, list(grades))
    counts = np.bincount(np.minimum(behind[stale], 10), minlength=1)
    details: dict[str, Json] = {
        "reads": len(reads),
        "anomalous": anomalous,
        "unwritten": int(unwritten.sum()),
        "future": int(future.sum()),
        "stale": len(stale),
        "stale_rate": round(len(stale) / len(reads), 9),
        "staleness_ms": quantiles_ms(lag),
        "versions_behind": {str(k): int(n) for k, n in enumerate(counts) if n},
        "k_at_least": 3 if two == "no" and deepest < 2 else max(deepest + 1, 2 if grades else 1),
        "2-atomic": two,
        "delta_ms": None if delta is None else round(delta / 1e6, 6),
    }
    summary = f"{anomalous:,} of {plural(len(reads), 'read')} are anomalous"
    if len(lag):
        worst = int(stale[np.argmax(lag)])
        place = int(normal[worst])
        read = int(ops.inv[reads[place]])
        witness = stalest(history, int(ended[place]), int(gone[worst]), read, int(lag.max()))
        details["witness"] = witness.to_json(history)
        summary += (
            f", stale by {int(lag.max()) / 1e6:,.1f} ms and {plural(deepest, 'version')} at most"
        )
    if grades:
        summary += "; not atomic, " + (
            {"yes": "but 2-atomic", "no": "and not 2-atomic"}.get(
                two, "whether 2-atomic is undecided"
            )
        )
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def stalest(history: History, ended: int, gone: int, read: int, lag_ns: int) -> Witness:
    """The read of row ``read``, whose value was there by row ``ended`` (-1: from the beginning), and was
    replaced by row ``gone``.
    """
    witness = Witness("the stalest read")
    if ended >= 0:
        witness.precede(history, ended, int(history.partner[gone]))
    witness.precede(history, gone, read)
    found = f"{name_op(history, read)} found what had been replaced"
    witness.lines.append(f"so {found} for {lag_ns / 1e6:,.3f} ms")
    return witness


def delta_ns(history: History, table: Columns, ops: Ops, keys: Sequence[int]) -> int | None:
    """The Delta of these keys, which are all that are not atomic; found by bisection.

    Moments in time, unlike rows, may be the same: what ended then did not end before what began.
    """
    worst = 0
    swapped = set(ops.key[ops.kind == CAS].tolist())
    for key in keys:
        values, orphans = values_of(table, ops, key)
        if orphans or key in swapped:
            return None
        time = history.time_ns.tolist()
        settled = [-1 if v.begin < 0 else time[v.settled()] for v in values]
        begun = [-1 if v.begin < 0 else time[v.begin] for v in values]
        read = [max((time[begin] for begin, _ in v.reads), default=-1) for v in values]
        low, high = max(worst, 1), max(read) + 2
        while low < high:
            middle = (low + high) // 2
            ends = [max(b, r - middle) for b, r in zip(begun, read, strict=True)]
            if _conflict(settled, ends):
                low = middle + 1
            else:
                high = middle
        worst = max(worst, low)
    return worst


def _conflict(first_end: Sequence[int], last_begin: Sequence[int]) -> bool:
    """Whether of some two values each must come before the other: zones (Gibbons, Korach 1997)."""
    zones = sorted(zip(first_end, last_begin, strict=True))
    forward = [zone for zone in zones if zone[0] < zone[1]]
    if any(a[1] > b[0] for a, b in pairwise(forward)):
        return True
    starts = [zone[0] for zone in forward]
    for end, begin in zones:
        if end >= begin:
            place = bisect_left(starts, begin) - 1
            if place >= 0 and end < forward[place][1]:
                return True
    return False


def _writer(table: Columns, ops: Ops, reads: Ints) -> tuple[Ints, Ints]:
    """Rows of the beginning and the end of the write of what each op found.

    A write of unknown fate has ended, for this, when a read of it first has.
    """
    slots = table.slots
    updates = np.flatnonzero(ops.kind != READ)
    begin = np.full(slots.count, table.rows, np.int64)
    begin[ops.new[updates]] = ops.inv[updates]
    begin[slots.first_nil :] = -1
    end = np.full(slots.count, table.rows, np.int64)
    end[ops.new[updates]] = ops.ret[updates]
    end[slots.first_nil :] = -1
    found = np.where(ops.kind[reads] == READ, ops.new[reads], ops.old[reads])
    np.minimum.at(end, found, ops.ret[reads])
    return begin[found], end[found]


def _behind(table: Columns, ops: Ops, reads: Ints, ended: Ints) -> tuple[Ints, Ints]:
    """In which row what each op found was first replaced for certain, and by how many versions.

    Keys are laid end to end. Among the writes by their beginning, those that began after ``ended``
    are a suffix; the least end in it is when the value was certainly gone. A chain of writes, each
    begun after the one before had ended, is counted by jumping from end to end.
    """
    stride = table.rows + 2
    updates = np.flatnonzero((ops.kind != READ) & ops.ok)
    begin = ops.key[updates] * stride + ops.inv[updates]
    end = ops.key[updates] * stride + ops.ret[updates]
    order = np.argsort(begin)
    begin, end = begin[order], end[order]
    far = np.int64(stride) * (len(table.keys) + 1)
    first_end = np.append(np.minimum.accumulate(end[::-1])[::-1], far)
    limit = ops.key[reads] * stride + ops.inv[reads]
    at = ops.key[reads] * stride + ended
    # Bounded: a register that is never refreshed would otherwise cost its length for each read.
    behind = np.zeros(len(reads), np.int64)
    gone = np.zeros(len(reads), np.int64)
    going = np.arange(len(reads))
    for _ in range(_DEEPEST):
        at[going] = first_end[np.searchsorted(begin, at[going], side="right")]
        going = going[at[going] < limit[going]]
        fresh = going[behind[going] == 0]
        gone[fresh] = at[fresh] % stride
        behind[going] += 1
    return gone, behind
