"""Twins of the checks that account rather than search: their definitions, without any cleverness."""

from collections import Counter
from collections.abc import Iterator
from itertools import permutations

from checker.history import FAIL, NEMESIS, OK, History, Op
from checker.values import identity
from tests.checker.twins import explainable


def ended(op: Op) -> int:
    return op.completed if op.type == OK else 1 << 60


def ok(history: History, *names: str) -> list[Op]:
    return [op for op in history.ops() if op.type == OK and op.f in names]


def set_full(history: History) -> Counter[str]:
    """How many elements are of each of Jepsen's classes; of one key."""
    reads = ok(history, "read")
    adds = {}
    for op in history.ops():
        if op.f == "add":
            adds.setdefault(identity(op.argument), op)
    counts: Counter[str] = Counter()
    for op in reads:
        counts["duplicated"] += len(op.result) - len({identity(v) for v in op.result})
    seen = {identity(v) for op in reads for v in op.result}
    counts["unexpected"] = len(seen - adds.keys())
    for name, add in adds.items():
        has = [op for op in reads if name in {identity(v) for v in op.result}]
        known = min([ended(add), *(ended(op) for op in has)])
        absent = [op for op in reads if op not in has and op.invoked > known]
        last = max((op.invoked for op in has), default=-1)
        gone = max((op.invoked for op in absent), default=-1)
        if has and last > gone:
            counts["ok"] += 1
            counts["stale"] += bool(absent)
            counts["recovered"] += add.type != OK
        else:
            counts["lost" if absent else "never-read"] += 1
    return counts


def set_full_is_fine(history: History) -> bool:
    counts = set_full(history)
    return not counts["lost"] and not counts["stale"] and not counts["unexpected"]


def total_queue(history: History) -> dict[str, int]:
    puts = [op for op in history.ops() if op.f == "enqueue"]
    asked = [op.argument for op in puts if op.type != FAIL]
    acked = [op.argument for op in puts if op.type == OK]
    came = [op.result for op in ok(history, "dequeue") if op.result is not None]
    came += [value for op in ok(history, "drain") for value in op.result]
    counts = dict.fromkeys(("lost", "unexpected", "duplicated", "recovered"), 0)
    for value in {*asked, *came}:
        a, o, c = asked.count(value), acked.count(value), came.count(value)
        counts["lost"] += max(o - c, 0)
        counts["unexpected" if not a else "duplicated"] += max(c - a, 0)
        counts["recovered"] += max(min(a, c) - o, 0)
    return counts


def tokens_grow(history: History) -> bool:
    given = ok(history, "acquire")
    return all(
        a is b or (a.result != b.result and (ended(a) > b.invoked or a.result < b.result))
        for a in given
        for b in given
    )


def fenced_in_order(history: History) -> bool:
    """Each pair of writes by itself: by time, by what the later found, and by what both found."""
    writes = ok(history, "guarded")
    asked = [op.argument for op in history.ops() if op.f == "guarded" and op.type != FAIL]
    return all(
        (a.result is None or (a.result in asked and a.result[0] <= a.argument[0]))
        and all(
            a is b
            or (a.result != b.result and (ended(a) > b.invoked or a.argument[0] <= b.argument[0]))
            for b in writes
        )
        for a in writes
    )


def nobody_holds_with_others(history: History) -> bool:
    """At each ms who believes: none but one token, whoever has refreshed it."""
    times, believed = history.time_ns // 1_000_000, dict[int, set[object]]()
    released = {op.process: op.invoked for op in reversed([*history.ops()]) if op.f == "release"}
    for op in ok(history, "acquire", "refresh"):
        ms = op.argument if op.f == "acquire" else op.argument[1]
        end = times[op.invoked] + ms * 8 // 10
        if released.get(op.process, 0) > op.invoked:
            end = min(end, times[released[op.process]])
        for at in range(times[op.completed], end):
            believed.setdefault(at, set()).add(op.result)
    return tokens_grow(history) and all(len(tokens) == 1 for tokens in believed.values())


def ids_differ(history: History) -> bool:
    given = [identity(op.result) for op in ok(history, "generate")]
    return len(given) == len(set(given))


def in_bounds(history: History) -> bool:
    """Each read of a counter, against the least and greatest sum at each row of its time."""
    adds = [op for op in history.ops() if op.f != "read" and op.type != FAIL]

    def sums(row: int, but: Op) -> tuple[int, int]:
        begun = [op for op in adds if op.invoked <= row and op != but]
        sure = [op.argument for op in begun if ended(op) <= row]
        maybe = [op.argument for op in begun if ended(op) > row]
        return sum(sure) + sum(a for a in maybe if a < 0), sum(sure) + sum(
            a for a in maybe if a > 0
        )

    for op in ok(history, "read", "add-and-get"):
        others = [sums(row, op) for row in range(op.invoked, op.completed)]
        own = 0 if op.f == "read" else op.argument
        low, high = min(a for a, _ in others) + own, max(b for _, b in others) + own
        if not low <= (op.result or 0) <= high:
            return False
    return True


def log_is_fine(history: History) -> bool:
    """Some order of the ops, within real time, is that of a log whose offsets only grow."""
    places: dict[int, set[int]] = {}
    for op in ok(history, "append", "read"):
        entries = op.result if op.f == "read" else [[op.result, op.argument]]
        for offset, value in entries:
            places.setdefault(value, set()).add(offset)
    asked = {op.argument for op in history.ops() if op.f == "append" and op.type != FAIL}
    offsets = [offset for some in places.values() for offset in some]
    if places.keys() - asked or len(offsets) > len(places) or len(set(offsets)) < len(offsets):
        return False

    def step(state: tuple, op: Op) -> tuple | None:
        if op.f == "append":
            (offset,) = places.get(op.argument, {0})  # 0: nobody ever saw where it is
            fits = not state or state[-1] < offset
            return state if not offset else (*state, offset) if fits else None
        saw = sorted(offset for offset, _ in op.result) if op.type == OK else []
        spans = (state[i:j] for i in range(len(state) + 1) for j in range(i, len(state) + 1))
        return state if tuple(saw) in spans else None

    return explainable(history, (), step)


def bank_is_fine(history: History) -> bool:
    found = [op.result for op in ok(history, "read")]
    return all(
        set(b) == set(found[0])
        and None not in b.values()
        and sum(b.values()) == sum(found[0].values())
        and min(b.values()) >= 0
        for b in found
    ) and (not found or None not in found[0].values())


def forks(history: History) -> bool:
    """Two reads of the same keys of which each saw what the other did not; or one of what is not."""
    writes = [op.argument[0] for op in history.ops() if op.type != FAIL]
    written = {key for f, key, _ in writes if f == "w"}
    reads = [
        {key: value for _, key, value in op.result}
        for op in history.ops()
        if op.type == OK and op.result[0][0] == "r"
    ]
    return any(
        v is not None and k not in written for read in reads for k, v in read.items()
    ) or any(
        a.keys() == b.keys()
        and any(a[k] is not None and b[k] is None for k in a)
        and any(b[k] is not None and a[k] is None for k in a)
        for a in reads
        for b in reads
    )


def reversals(history: History) -> bool:
    """A read that saw what nobody had begun to write, or not what had ended before what it saw."""
    writes = {op.argument: op for op in history.ops() if op.f == "write" and op.type != FAIL}
    for op in ok(history, "read"):
        for value in op.result:
            if value not in writes or writes[value].invoked > op.completed:
                return True
            if any(
                ended(other) < writes[value].invoked and name not in op.result
                for name, other in writes.items()
            ):
                return True
    return False


def runs_agree(runs: list[list[object]]) -> bool:
    """Some order of all updates has each run as a subsequence."""
    items = sorted({item for run in runs for item in run})
    return any(
        all([item for item in order if item in run] == run for run in runs)
        for order in permutations(items)
    )


def cuts(run: list[object]) -> Iterator[list[list[object]]]:
    """All ways to cut a run in parts, none of which has an update twice."""
    if not run:
        yield []
    for i in range(1, len(run) + 1):
        if len(set(run[:i])) == i:
            for rest in cuts(run[i:]):
                yield [run[:i], *rest]


def fewest_cuts(run: list[object]) -> list[list[list[object]]]:
    """Those that suppose no more restarts than they must."""
    ways = list(cuts(run))
    return [way for way in ways if len(way) == min(map(len, ways))]


def met_faults(history: History) -> bool:
    """Whether some op was under way while some fault was on, and some op succeeded."""
    windows = []
    for i, row in enumerate(history.rows):
        if row.process == NEMESIS and row.value["phase"] == "begin":
            ends = [
                j
                for j, other in enumerate(history.rows)
                if j > i
                and other.process == NEMESIS
                and other.value == {**row.value, "phase": "end"}
            ]
            windows.append((i, min(ends, default=len(history))))
    return any(op.type == OK for op in history.ops()) and any(
        op.invoked < end and (len(history) if op.completed is None else op.completed) > begin
        for op in history.ops()
        for begin, end in windows
    )
