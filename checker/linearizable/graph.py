"""The graph over values that decides linearizability of registers in n log n.

Gibbons, Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997. Nodes are not ops but
*chains* of values: a write, the reads of its value, and whatever successful cas made of it. A
chain must hold the register without interruption. With ``first_end`` the first response among its
ops and ``last_begin`` the last invocation, chain x must come before chain y iff
``first_end(x) < last_begin(y)``: some op of x ended before some op of y began. A history is
linearizable iff each chain's forced inner order agrees with real time and this graph has no cycle;
and if it has one it has one of two chains: in any cycle take x with the greatest ``last_begin``;
its successor y and y's successor z give first_end(y) < last_begin(z) <= last_begin(x), so y must
come before x too. With zones (a chain is *forward* on [first_end, last_begin], else *backward* on
[last_begin, first_end]) two-cycles are the overlapping forward zones and the backward zones inside
forward ones, found by one sort and one bisection.

Each value that was observed must have been written once. Values are coded by ``columns``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum

import numpy as np

from checker.linearizable.columns import CAS, READ, WRITE, Bools, Columns, Ops, without_keys
from checker.values import Ints


class Kind(Enum):
    """What can be wrong. The value is how people call it."""

    PHANTOM = "value never written"
    FAILED = "read of a failed write"
    FUTURE = "read from the future"
    FORK = "two successful cas from one value"
    ROOTLESS = "cas chain without a beginning"
    ORDER = "cas chain against real time"
    STALE = "stale read"


@dataclass(frozen=True)
class Finding:
    """Contradictions of one kind. ``rows`` has a line each; the columns depend on the kind.

    PHANTOM, FAILED: invocation of the op that observed the value. FUTURE: completion of the read,
    invocation of the write. FORK: invocations of both cas. ROOTLESS: invocation of a cas that comes
    from a cycle. ORDER: completion of the op that ended too early, and invocation of the op before
    it in the chain that began later. STALE: for two chains x and y: first end of x (a completion),
    last begin of y (an invocation), first end of y, last begin of x; an end of -1 is the beginning.
    ``seen`` is the row at which the contradiction was complete.
    """

    kind: Kind
    key: Ints
    seen: Ints
    rows: Ints


@dataclass(frozen=True)
class Judgement:
    """``ambiguous[k]``: an observed value of key k was written more than once.

    Such keys are held only to what is plain (values never written, reads from the future), and
    ``open_ops`` are theirs, without those that cannot matter.
    """

    findings: tuple[Finding, ...]
    ambiguous: Bools
    judged: int
    open_ops: Ops


@dataclass(frozen=True)
class Values:
    """One entry for each written value, then one for each key's initial nothing.

    ``write`` and ``write_end`` are rows of its writer (-1: the beginning, ``never``: unknown);
    ``read_begin`` and ``read_end`` the last invocation (-1: none) and the first response
    (``never``: none) of its reads; ``parent`` the value that a cas made it from, or -1.
    """

    key: Ints
    write: Ints
    write_end: Ints
    read_begin: Ints
    read_end: Ints
    parent: Ints
    never: int


def judge(table: Columns) -> Judgement:
    """Find every contradiction in a register history of observed values written once."""
    keys = len(table.keys)
    kept, ambiguous = effective(table)
    ops, open_ops = without_keys(kept, ambiguous), without_keys(kept, ~ambiguous)
    values, orphans = _values(table, ops)
    findings = [
        *_unwritten(table, ops, orphans),
        *_from_the_future(values),
        *_forks(values),
        *_plain(table, open_ops),
    ]
    root, depth = _chains(values)
    findings += _rootless(values, root)
    findings += _inner_order(values, root, depth)
    findings += _zones(values, root, keys)
    return Judgement(tuple(f for f in findings if len(f.key)), ambiguous, len(ops.inv), open_ops)


def effective(table: Columns) -> tuple[Ops, Bools]:
    """The ops that matter, and the keys whose observed values were written more than once.

    An unobserved op of unknown fate may be left out: whatever order explains the history with it
    explains it without. What an answered op observed did happen, and so did what that needed.
    """
    ops, slots = table.ops, table.slots
    updates = ops.kind != READ
    observed = np.zeros(slots.count, np.bool_)
    observed[ops.new[~updates]] = True
    observed[ops.old[(ops.kind == CAS) & ops.ok]] = True
    _needed(ops, observed)
    writers = np.bincount(ops.new[updates], minlength=slots.count)
    writers[slots.first_nil :] += 1
    ambiguous = np.zeros(len(table.keys), np.bool_)
    ambiguous[slots.key[(writers > 1) & observed]] = True
    keep = ops.ok | observed[ops.new]
    return (ops if keep.all() else ops.take(keep)), ambiguous


def _needed(ops: Ops, observed: Bools) -> None:
    """Mark the values that observed values were made from by cas of unknown fate."""
    unsure = np.flatnonzero((ops.kind == CAS) & ~ops.ok)
    sources: defaultdict[int, list[int]] = defaultdict(list)
    for new, old in zip(ops.new[unsure].tolist(), ops.old[unsure].tolist(), strict=True):
        sources[new].append(old)
    work = [new for new in sources if observed[new]]
    while work:
        for old in sources.pop(work.pop(), ()):
            observed[old] = True
            if old in sources:
                work.append(old)


def _values(table: Columns, ops: Ops) -> tuple[Values, Bools]:
    """Gather each value's writer and reads; and which ops observed a value that has no writer."""
    never, keys = table.rows, len(table.keys)
    reads = ops.kind == READ
    updates = np.flatnonzero(~reads)
    written = len(updates)
    of_slot = np.full(table.slots.count, -1, np.int64)
    of_slot[ops.new[updates]] = np.arange(written)
    of_slot[table.slots.first_nil :] = written + np.arange(keys)
    orphans = np.zeros(len(ops.inv), np.bool_)

    parent = np.full(written + keys, -1, np.int64)
    swaps = np.flatnonzero(ops.kind[updates] == CAS)
    if len(swaps):
        parent[swaps] = of_slot[ops.old[updates[swaps]]]
        orphans[updates[swaps]] = parent[swaps] < 0
    of_read = of_slot[ops.new[reads]]
    orphans[reads] = of_read < 0
    begins, ends = ops.inv[reads], ops.ret[reads]
    if orphans.any():
        matched = of_read >= 0
        of_read, begins, ends = of_read[matched], begins[matched], ends[matched]
    read_begin = np.full(written + keys, -1, np.int64)
    read_begin[of_read] = begins  # ascending: the last one stays
    read_end = np.full(written + keys, never, np.int64)
    np.minimum.at(read_end, of_read, ends)
    start = np.full(keys, -1, np.int64)
    return Values(
        key=np.concatenate([ops.key[updates], np.arange(keys)]),
        write=np.concatenate([ops.inv[updates], start]),
        write_end=np.concatenate([ops.ret[updates], start]),
        read_begin=read_begin,
        read_end=read_end,
        parent=parent,
        never=never,
    ), orphans


def _unwritten(table: Columns, ops: Ops, orphans: Bools) -> list[Finding]:
    """Ops that observed what nobody wrote, or what only a failed op would have written."""
    if not orphans.any():
        return []
    at = np.flatnonzero(orphans)
    slot = _found(ops, at)
    by_failed = np.isin(slot, table.failed.new)
    return [
        Finding(kind, ops.key[some], ops.ret[some], ops.inv[some, None])
        for kind, some in ((Kind.PHANTOM, at[~by_failed]), (Kind.FAILED, at[by_failed]))
    ]


def _found(ops: Ops, at: Ints) -> Ints:
    """The slots that these ops found: a read's own, a cas's old one."""
    return np.where(ops.kind[at] == READ, ops.new[at], ops.old[at])


def _plain(table: Columns, ops: Ops) -> list[Finding]:
    """What needs no order to be wrong: ops that observed a value before any write of it began."""
    if not len(ops.inv):
        return []
    updates = ops.kind != READ
    first = np.full(table.slots.count, table.rows, np.int64)
    np.minimum.at(first, ops.new[updates], ops.inv[updates])
    first[table.slots.first_nil :] = -1
    orphans = np.zeros(len(ops.inv), np.bool_)
    at = np.flatnonzero(ops.ok & (ops.kind != WRITE))
    written = first[_found(ops, at)]
    orphans[at] = written == table.rows
    bad = at[(written < table.rows) & (written > ops.ret[at])]
    rows = np.stack([ops.ret[bad], first[_found(ops, bad)]], axis=1)
    return [*_unwritten(table, ops, orphans), Finding(Kind.FUTURE, ops.key[bad], rows[:, 1], rows)]


def _from_the_future(values: Values) -> list[Finding]:
    """Values read before their write began. ``read_end`` still holds a completion here."""
    bad = np.flatnonzero(values.read_end < values.write)
    rows = np.stack([values.read_end[bad], values.write[bad]], axis=1)
    return [Finding(Kind.FUTURE, values.key[bad], values.write[bad], rows)]


def _forks(values: Values) -> list[Finding]:
    """Two cas that took effect on the same value, which was there once."""
    made = np.flatnonzero(values.parent >= 0)
    if not len(made):
        return []
    made = made[np.argsort(values.parent[made], kind="stable")]
    same = np.flatnonzero(values.parent[made[1:]] == values.parent[made[:-1]])
    first, second = made[same], made[same + 1]
    rows = np.stack([values.write[first], values.write[second]], axis=1)
    return [Finding(Kind.FORK, values.key[first], rows.max(axis=1), rows)]


def _chains(values: Values) -> tuple[Ints, Ints]:
    """(root, depth) of each value by pointer doubling; on a cycle the root is -1."""
    size = len(values.parent)
    root = np.arange(size)
    depth = np.zeros(size, np.int64)
    made = np.flatnonzero(values.parent >= 0)
    if not len(made):
        return root, depth
    up = root.copy()
    up[made] = values.parent[made]
    depth[made] = 1
    for _ in range(size.bit_length()):
        if (up[made] == up[up[made]]).all():
            break
        depth[made] += depth[up[made]]
        up[made] = up[up[made]]
    looping = made[values.parent[up[made]] >= 0]
    up[looping] = -1
    return up, depth


def _rootless(values: Values, root: Ints) -> list[Finding]:
    bad = np.flatnonzero(root < 0)
    return [Finding(Kind.ROOTLESS, values.key[bad], values.write[bad], values.write[bad, None])]


def _inner_order(values: Values, root: Ints, depth: Ints) -> list[Finding]:
    """Ops of a chain that ended before one that comes before them in the chain began.

    In a chain the order of writes and groups of reads is forced. Scan it, keeping the last
    invocation so far; the offset of each chain keeps the scan of one from reaching the next.
    """
    chained = np.flatnonzero((values.parent >= 0) & (root >= 0))
    if not len(chained):
        return []
    heads = np.zeros(len(root), np.bool_)
    heads[root[chained]] = True
    heads[chained] = True
    order = np.flatnonzero(heads)
    order = order[np.lexsort((depth[order], root[order]))]
    begins = np.stack([values.write[order], values.read_begin[order]], axis=1).ravel()
    ends = np.stack([values.write_end[order], values.read_end[order]], axis=1).ravel()
    chain = np.repeat(np.cumsum(depth[order] == 0), 2)
    stride = values.never + 2
    latest = np.maximum.accumulate(begins + chain * stride) - chain * stride
    bad = 1 + np.flatnonzero((ends[1:] < latest[:-1]) & (chain[1:] == chain[:-1]))
    bad = bad[(bad % 2 == 0) | (ends[bad] >= begins[bad - 1])]  # else a read from the future
    rows = np.stack([ends[bad], latest[bad - 1]], axis=1)
    return [Finding(Kind.ORDER, values.key[order[bad // 2]], rows[:, 1], rows)]


def _zones(values: Values, root: Ints, keys: int) -> list[Finding]:
    """Pairs of chains that must each come before the other.

    Keys are laid end to end on one axis, so that one sort serves them all.
    """
    end = np.minimum(values.write_end, values.read_end)
    begin = np.maximum(values.write, values.read_begin)
    inner = np.flatnonzero((values.parent >= 0) & (root >= 0))
    if len(inner):
        np.minimum.at(end, root[inner], end[inner])
        np.maximum.at(begin, root[inner], begin[inner])
    head = values.parent < 0
    base = values.key * (values.never + 2) + 1 if keys > 1 else np.int64(1)
    low, high = end + base, begin + base
    ahead = _by_key(values, np.flatnonzero(head & (low < high)), keys)
    back = _by_key(values, np.flatnonzero(head & (low >= high)), keys)
    ahead = ahead[np.argsort(low[ahead], kind="stable")]
    overlap = np.flatnonzero(high[ahead[:-1]] > low[ahead[1:]])
    first, second = ahead[overlap], ahead[overlap + 1]
    if keys > 1:
        same = values.key[first] == values.key[second]
        first, second = first[same], second[same]
    findings = [_stale(values, end, begin, first, second)]
    if len(ahead):
        last = np.searchsorted(low[ahead], high[back]) - 1
        outer = ahead[np.maximum(last, 0)]
        inside = (last >= 0) & (low[back] < high[outer]) & (values.key[outer] == values.key[back])
        found = np.flatnonzero(inside)
        found = found[np.argsort(back[found])]  # as they were written
        findings.append(_stale(values, end, begin, outer[found], back[found]))
    return findings


def _by_key(values: Values, some: Ints, keys: int) -> Ints:
    """These values one key after the other, so that sorting and searching do not jump about: the times
    within a key are nearly in order already. (Small numbers are sorted by radix.)
    """
    if keys == 1:
        return some
    key = values.key[some]
    return some[np.argsort(key.astype(np.uint16) if keys <= 1 << 16 else key, kind="stable")]


def _stale(values: Values, end: Ints, begin: Ints, x: Ints, y: Ints) -> Finding:
    rows = np.stack([end[x], begin[y], end[y], begin[x]], axis=1)
    return Finding(Kind.STALE, values.key[x], np.maximum(begin[x], begin[y]), rows)
