"""How fast the checkers are: ops per CPU second, peak memory, and how many times a plain twin's speed.

    python benchmarks/checkers.py [LARGEST [CASE]]

From 10^4 ops by tens to LARGEST (default 10^6; 10^7 takes 2 GB), only cases with CASE in their name.

The histories are made, not recorded: 100 clients (20 for the search), half reads, half writes of
unique values, 5 % of ops of unknown fate; ``stale`` has one stale read at 95 %. Each case runs in a
process of its own, and its peak is that of the check, history included. CPU time, the best of three,
after the history is in memory, where ints, names and keys are coded as it is made (``made`` tells
how long that takes); ``graph alone`` leaves out what else prepares the columns. ``harness check`` is
the command on a file, with all that a process needs to begin and to load it.

Absolute figures depend on the machine and on who else uses it. So the same run times a plain Python
twin of the register graph on as many ops, and the column *twins* is in those.
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, cast

import numpy as np

from checker import agreement, graded, sessions, stats
from checker.column import Coded, Listed, Numbers
from checker.containers import priority_queue, queue, stack
from checker.history import INFO, INVOKE, OK, History, Row, node_process
from checker.linearizable import check as linearizable
from checker.linearizable.columns import columns
from checker.linearizable.frontier import Budget
from checker.linearizable.graph import judge
from checker.linearizable.search import search
from checker.models import REGISTER
from checker.transactional import list_append, rw_register
from checker.verdict import Verdict
from harness.store.journal import write_rows

REPEATS = 3
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
TWIN = "plain twin, one key"
CHECK = "harness check, "


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
    op, done = order % n, order >= n
    write, lost = write[op], lost[op]
    seen = np.where(write, value[op], np.where(done & ~lost, found[op], 0))
    return History.made(
        time_ns=np.arange(2 * n) * 1000,
        process=op,
        type=np.where(done, np.where(lost, INFO, OK), INVOKE).astype(np.int8),
        f=Coded(write.astype(np.int64), ["read", "write"]),
        key=Coded(key[op], [f"k{k}" for k in range(plan.keys)]),
        value=Numbers(seen, seen == 0, {}),
        error=Coded.same(None, 2 * n),
        node=Coded.same(None, 2 * n),
        intended_ns=Coded.same(None, 2 * n),
    )


def fresh(history: History) -> History:
    """The same history, nothing of it coded yet but what loading codes."""
    value = history.value
    assert isinstance(value, Numbers)
    return replace(history, value=Numbers(value.ints, value.nothing, value.others))


def containers(ops: int, put: str, take: str, clients: int = 20) -> History:
    """Puts and takes that overlap, as a correct object would answer them."""
    random = Random(1)
    inside: list[int] = []
    rows: list[tuple[float, Row]] = []
    asked: int | None
    answered: int | None
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


def as_registers(count: int) -> History:
    """The same transactions, where an append is a write, and a read is of the last one."""
    history = transactions(count)
    values = [[_as_register(mop) for mop in cast("Any", txn)] for txn in history.value]
    return replace(history, value=Listed(cast("Any", values)))


def _as_register(mop: list[Any]) -> list[object]:
    f, key, value = mop
    return ["w", key, value] if f == "append" else ["r", key, value[-1] if value else None]


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


@dataclass(frozen=True)
class Case:
    """``prepare(ops)`` gives what is timed; ``history`` is held beside it."""

    prepare: Callable[[int], Callable[[], object]]
    ops: tuple[int, ...] = SIZES
    twin: bool = False


def register_case(check: Callable[[History], object], **plan: Any) -> Case:
    def prepare(ops: int) -> Callable[[], object]:
        history = registers(Plan(ops, **plan))
        return lambda: check(fresh(history))

    return Case(prepare, twin=True)


def graph_case(**plan: Any) -> Case:
    def prepare(ops: int) -> Callable[[], object]:
        table = columns(registers(Plan(ops, **plan)))
        return lambda: judge(table)

    return Case(prepare, twin=True)


def made_case(**plan: Any) -> Case:
    def prepare(ops: int) -> Callable[[], object]:
        rows = list(registers(Plan(ops, **plan)).rows)
        return lambda: History.of(rows)

    return Case(prepare, ops=SIZES[:3])


def container_case(check: Callable[[History], Verdict], put: str, take: str) -> Case:
    def prepare(ops: int) -> Callable[[], object]:
        history = containers(ops, put, take)
        assert check(history).valid
        return lambda: check(history)

    return Case(prepare, ops=(30_000,))


def search_case(clients: int) -> Case:
    def prepare(ops: int) -> Callable[[], object]:
        history = registers(Plan(ops, clients=clients, values=5, info=0.01))
        return lambda: search(history, REGISTER, budget=Budget())

    return Case(prepare, ops=(10_000,))


def of(check: Callable[[History], Any], make: Callable[[int], History], *ops: int) -> Case:
    def prepare(size: int) -> Callable[[], object]:
        history = make(size)
        return lambda: check(history)

    return Case(prepare, ops=ops)


def file_case(**plan: Any) -> Case:
    """``harness check`` of a file. Its CPU time and peak are those of the process that it is."""

    def prepare(ops: int) -> Callable[[], object]:
        folder = TemporaryDirectory()
        path = Path(folder.name) / "history.jsonl"
        write_rows(path, registers(Plan(ops, **plan)).rows)

        def run() -> object:
            command = [sys.executable, "-m", "harness", "check", str(path)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return folder

        return run

    return Case(prepare, ops=SIZES[:3])


_SOME = (10_000, 100_000)
CASES: dict[str, Case] = {
    TWIN: Case(lambda ops: partial(twin, registers(Plan(ops))), ops=SIZES[:3]),
    "registers, one key": register_case(linearizable),
    "registers, one key, one stale read": register_case(linearizable, stale=True),
    "registers, 100 keys": register_case(linearizable, keys=100),
    "graph alone, one key": graph_case(),
    "graph alone, 100 keys": graph_case(keys=100),
    "history made of rows, one key": made_case(),
    CHECK + "one key": file_case(),
    CHECK + "100 keys": file_case(keys=100),
    "stats": of(stats.check, lambda n: registers(Plan(n)), *_SOME),
    "staleness": of(graded.check, lambda n: registers(Plan(n)), *_SOME),
    "sequential": of(sessions.sequential, lambda n: registers(Plan(n)), *_SOME),
    "search, 5 clients, 5 values": search_case(5),
    "search, 20 clients, 5 values": search_case(20),
    "queue": container_case(queue.check, "enqueue", "dequeue"),
    "stack": container_case(stack.check, "push", "pop"),
    "priority queue": container_case(priority_queue.check, "insert", "poll"),
    "list-append transactions": of(list_append.check, transactions, *SIZES[:3]),
    "rw-register transactions": of(rw_register.check, as_registers, *SIZES[:3]),
    "agreement, notes": of(agreement.check, notes, 100_000),
}


def measure(case: str, ops: int) -> tuple[float, float]:
    """CPU seconds, the best of three, and the peak in MiB: this process's, or the command's."""
    run = CASES[case].prepare(ops)
    who = resource.RUSAGE_CHILDREN if case.startswith(CHECK) else resource.RUSAGE_SELF
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    best = float("inf")
    for _ in range(REPEATS):
        gc.collect()
        began = cpu_s(who)
        run()
        best = min(best, cpu_s(who) - began)
    if who == resource.RUSAGE_CHILDREN:
        return best, resource.getrusage(who).ru_maxrss / 1024
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return best, int(peak.split()[1]) / 1024


def cpu_s(who: int) -> float:
    if who == resource.RUSAGE_SELF:
        return process_time()
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def main(largest: int, only: str) -> None:
    print(f"{'':44} {'ops':>10} {'CPU s':>8} {'k op/s':>9} {'twins':>6} {'MiB':>7}")
    twins: dict[int, float] = {}
    for name, case in CASES.items():
        for ops in case.ops:
            if ops > largest or (only not in name and name != TWIN):
                continue
            command = [sys.executable, __file__, "--case", name, str(ops)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            took, peak = map(float, done.stdout.split())
            if name == TWIN:
                twins[ops] = took
            base = twins.get(ops) if case.twin else None
            times = f"{base / took:6.1f}" if base else f"{'':6}"
            rate = ops / took / 1000
            print(f"{name:44} {ops:>10,} {took:8.3f} {rate:9,.0f} {times} {peak:7,.0f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(*measure(sys.argv[2], int(sys.argv[3])))
    else:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000,
            sys.argv[2] if len(sys.argv) > 2 else "",
        )
