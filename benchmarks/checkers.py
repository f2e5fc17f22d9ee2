"""How fast the checkers are: ops per CPU second, and how many times a plain twin's speed.

    python benchmarks/checkers.py [LARGEST]

The histories are made, not recorded: 100 clients (20 for the search), half reads, half writes of
unique values, 5 % of ops of unknown fate; ``stale`` has one stale read at 95 %. CPU time, the best
of three, after the history is in memory. ``graph`` leaves out the coding of values as ints.

Absolute figures depend on the machine and on who else uses it. So the same run times a plain Python
twin of the register graph on the same history, and the last column is in those: *twins*.
"""

from __future__ import annotations

import gc
import resource
import sys
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from time import process_time

import numpy as np

from checker import agreement, graded, sessions, stats
from checker.containers import priority_queue, queue, stack
from checker.history import INFO, INVOKE, OK, History, Row, node_process
from checker.linearizable import check as linearizable
from checker.linearizable.columns import columns
from checker.linearizable.frontier import Budget
from checker.linearizable.graph import judge
from checker.linearizable.search import search
from checker.models import REGISTER
from checker.transactional import list_append

REPEATS = 3
TWIN_OPS = 100_000


@dataclass(frozen=True)
class Plan:
    """One history: each op takes effect at its number, and lasts about ``clients`` of them."""

    ops: int
    clients: int = 100
    keys: int = 1
    info: float = 0.05
    values: int = 0  # 0: unique
    stale: bool = False


def registers(plan: Plan) -> History:
    """A linearizable history, but for the stale read."""
    random = np.random.default_rng(1)
    n = plan.ops
    effect = np.arange(n, dtype=float)
    begin = effect - random.random(n) * plan.clients / 2
    end = effect + random.random(n) * plan.clients / 2
    key = random.integers(0, plan.keys, n)
    write = random.random(n) < 0.5
    value = np.arange(n) + 1 if not plan.values else random.integers(1, plan.values + 1, n)
    found = np.zeros(n, np.int64)
    for k in range(plan.keys):
        at = np.flatnonzero(key == k)
        last = np.maximum.accumulate(np.where(write[at], at, -1))
        found[at] = np.where(last >= 0, value[np.maximum(last, 0)], 0)
    lost = random.random(n) < plan.info
    if plan.stale:
        reads = np.flatnonzero(~write & ~lost)
        late = reads[int(len(reads) * 0.95)]
        same = reads[key[reads] == key[late]]
        found[late] = found[same[len(same) // 10]]
    order = np.argsort(np.concatenate([begin, end]), kind="stable")
    rows = []
    names = [f"k{k}" for k in range(plan.keys)]
    for time_ns, i in enumerate(order.tolist()):
        op, done = i % n, i >= n
        f = "write" if write[op] else "read"
        seen = int(value[op]) if write[op] else int(found[op]) if done and not lost[op] else 0
        fate = INVOKE if not done else INFO if lost[op] else OK
        rows.append(Row(time_ns * 1000, op, fate, f, names[key[op]], seen or None))
    return History.of(rows)


def containers(ops: int, put: str, take: str, clients: int = 20) -> History:
    """Puts and takes that overlap, as a correct object would answer them."""
    random = Random(1)
    inside: list[int] = []
    rows: list[tuple[float, Row]] = []
    for i in range(ops):
        begin, end = i - random.random() * clients / 2, i + random.random() * clients / 2
        if random.random() < 0.5:
            inside.append(i + 1)
            inside.sort() if take == "poll" else None
            f, asked, answered = put, i + 1, i + 1
        else:
            where = 0 if take == "dequeue" else -1
            f, asked, answered = take, None, inside.pop(where) if inside else None
        rows += [
            (begin, Row(int(begin * 1000), i, INVOKE, f, "x", asked)),
            (end, Row(int(end * 1000), i, OK, f, "x", answered)),
        ]
    rows.sort(key=lambda row: row[0])
    return History.of(row for _, row in rows)


def transactions(count: int) -> History:
    """Serializable list-append of up to four micro-operations, 10 keys at a time, 100 appends each."""
    random = Random(1)
    lists: dict[int, list[int]] = {}
    keys, following = list(range(10)), 10
    pending: dict[int, list[list[object]]] = {}
    rows: list[Row] = []
    begun = 0
    while begun < count or pending:
        client = random.randrange(20)
        if client in pending:
            rows.append(Row(len(rows), client, OK, "txn", None, pending.pop(client)))
            continue
        if begun == count:
            continue
        begun += 1
        mops: list[list[object]] = []
        for _ in range(random.randint(1, 4)):
            place = random.randrange(10)
            key = keys[place]
            held = lists.setdefault(key, [])
            if random.random() < 0.5:
                mops.append(["r", key, list(held)])
                continue
            held.append(len(held) + 1)
            mops.append(["append", key, held[-1]])
            if len(held) == 100:
                keys[place], following = following, following + 1
        asked = [[f, key, None if f == "r" else value] for f, key, value in mops]
        rows.append(Row(len(rows), client, INVOKE, "txn", None, asked))
        pending[client] = mops
    return History.of(rows)


def notes(count: int) -> History:
    rows = []
    for i in range(count // 10):
        for node in range(5):
            rows.append(Row(i, node_process(node), INFO, "decided", None, [i, f"s{i}/1"]))
            rows.append(
                Row(i, node_process(node), INFO, "executed", None, [f"k{i % 5}", f"s{i}/1"])
            )
    return History.of(rows)


def twin(history: History) -> bool:
    """The register graph as one would write it without arrays (one key, unique values, no cas)."""
    first: dict[object, int] = {None: -1}
    last: dict[object, int] = {None: -1}
    written: dict[object, int] = {None: -1}
    reads: list[tuple[object, int, int]] = []
    never = len(history)
    for op in history.ops():
        end = op.completed if op.type == OK and op.completed is not None else never
        if op.f == "write":
            written[op.argument] = op.invoked
            first[op.argument], last[op.argument] = end, op.invoked
        elif op.type == OK:
            reads.append((op.result, op.invoked, end))
    for value, begin, end in reads:
        if value not in written or end < written[value]:
            return False
        first[value] = min(first[value], end)
        last[value] = max(last[value], begin)
    zones = [(first[v], last[v]) for v in first if first[v] < never]
    forward = sorted(zone for zone in zones if zone[0] < zone[1])
    if any(a[1] > b[0] for a, b in pairwise(forward)):
        return False
    starts = [zone[0] for zone in forward]
    for end, begin in zones:
        if end >= begin:
            at = bisect_right(starts, begin) - 1
            if at >= 0 and end < forward[at][1]:
                return False
    return True


def timed(run: Callable[[], object]) -> float:
    """CPU seconds, the best of some."""
    best = float("inf")
    for _ in range(REPEATS):
        gc.collect()
        began = process_time()
        run()
        best = min(best, process_time() - began)
    return best


def line(what: str, ops: int, run: Callable[[], object], base: float | None) -> None:
    took = timed(run)
    rate = ops / took
    times = f"{rate / base:8.1f}" if base else f"{'':8}"
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{what:44} {ops:>10,} {took:9.3f} {rate / 1000:10,.0f} {times} {rss:>8,}", flush=True)


def of_registers(ops: int, base: float) -> None:
    for name, plan in (
        ("one key", Plan(ops)),
        ("one key, one stale read", Plan(ops, stale=True)),
        ("100 keys", Plan(ops, keys=100)),
    ):
        history = registers(plan)
        line(f"registers, {name}", ops, lambda h=history: linearizable(h), base)
        table = columns(history)
        line(f"registers, {name}: graph alone", ops, lambda t=table: judge(t), base)
        if ops <= 100_000:
            line(f"stats, {name}", ops, lambda h=history: stats.check(h), None)
            line(f"staleness, {name}", ops, lambda h=history: graded.check(h), None)
            line(f"sequential, {name}", ops, lambda h=history: sessions.sequential(h), None)


def main(largest: int) -> None:
    print(f"{'':44} {'ops':>10} {'CPU s':>9} {'k op/s':>10} {'twins':>8} {'RSS MB':>8}")
    history = registers(Plan(TWIN_OPS))
    assert twin(history)
    base = TWIN_OPS / timed(lambda: twin(history))
    line("plain twin, one key", TWIN_OPS, lambda: twin(history), base)
    ops = 10_000
    while ops <= largest:
        of_registers(ops, base)
        ops *= 10
    for clients in (5, 20):
        some = registers(Plan(10_000, clients=clients, values=5, info=0.01))
        name = f"search, {clients} clients, 5 values"
        line(name, 10_000, lambda h=some: search(h, REGISTER, budget=Budget()), None)
    for name, check, put, take in (
        ("queue", queue.check, "enqueue", "dequeue"),
        ("stack", stack.check, "push", "pop"),
        ("priority queue", priority_queue.check, "insert", "poll"),
    ):
        held = containers(30_000, put, take)
        assert check(held).valid, name
        line(name, 30_000, lambda h=held, c=check: c(h), None)
    for count in (10_000, min(largest, 100_000)):
        txns = transactions(count)
        assert list_append.check(txns).valid
        line("list-append transactions", count, lambda h=txns: list_append.check(h), None)
    noted = notes(100_000)
    line("agreement, notes", 100_000, lambda: agreement.check(noted), None)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
