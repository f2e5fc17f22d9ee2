"""Causal consistency of registers, with a witness: reads, writes and cas of values written once.

What is decided, and by whom it was found out, is in :mod:`checker.causal.patterns`. Ops of all keys
count together: that is what sets causal consistency apart from guarantees key by key. A process is a
session; a cas counts as a read of what it found and a write right after it; a write of unknown fate
counts if it was seen. Jepsen's ``causal`` workload is read too: ``read-init`` is a read, in which 0
is nothing where nobody wrote 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from checker.causal.order import Events, clocks, events_of, hops
from checker.causal.patterns import MOST_STEPS, Budget, Pattern, consistency, convergence, memory
from checker.history import History
from checker.linearizable.columns import CAS, READ, WRITE, Columns, Ops, columns
from checker.linearizable.graph import effective
from checker.phrases import name_op, of_key, plural
from checker.values import Json, identity
from checker.verdict import Outcome, Verdict

LEVELS = ("CC", "CCv", "CM")
NAMES = {"CC": "causally consistent", "CCv": "causally convergent", "CM": "a causal memory"}
_MOST_CLOCKS = 100_000_000
"""Ops times processes: so many entries of 4 bytes are kept."""
_MOST_SHOWN = 8
_BESIDE = 300_000
"""Steps for CM where another level is asked for."""
_INITIAL = "read-init"


def check(history: History, *, level: str = "CC", steps: int | None = None) -> Verdict:
    """*Invalid* where ``level`` (CC, CCv or CM) is broken; all three are told, whichever it is.

    *Unknown* where a value that was seen was written more than once, where there are ops that are not
    a register's, where ops times processes exceed 100 million, and where CM is asked for and takes
    more than so many ``steps``, each an op looked at; 3 million unless told. *Vacuous* where no read succeeded. Raises ValueError for another level.
    ``details``: ``levels`` (kept, broken or unknown), ``pattern``, ``ops``, ``processes``.
    """
    if level not in LEVELS:
        raise ValueError(f"no such level of causality: {level}")
    history = _of_jepsen(history)
    table = columns(history)
    ops, ambiguous = effective(table)
    if table.strange >= 0 or ambiguous.any():
        return _unknown("causality is judged of registers whose observed values were written once")
    if not (ops.ok & (ops.kind != WRITE)).any():
        return Verdict(outcome=Outcome.VACUOUS, summary="no read succeeded")
    if thin := _thin_air(history, table, ops):
        return thin
    events = events_of(history, table, ops)
    if len(events) * events.processes > _MOST_CLOCKS:
        return _unknown(
            f"{plural(len(events), 'op')} of {plural(events.processes, 'process', 'processes')} are "
            "more than causality is judged of"
        )
    if steps is None:
        steps = MOST_STEPS if level == "CM" else _BESIDE
    found = _patterns(events, Budget(steps))
    told = {name: _word(found, name) for name in LEVELS}
    details: dict[str, Json] = {
        "levels": told,
        "ops": len(ops.inv),
        "processes": events.processes,
    }
    pattern = found.get(level)
    if pattern is None:
        if told[level] != "kept":
            return Verdict(
                outcome=Outcome.UNKNOWN,
                summary=f"whether this is {NAMES[level]} takes longer than was allowed",
                details=details,
            )
        summary = f"{NAMES[level]}: {plural(len(ops.inv), 'op')}"
        return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
    return _invalid(history, events, pattern, NAMES[level], details)


convergent = partial(check, level="CCv")
causal_memory = partial(check, level="CM")


def _of_jepsen(history: History) -> History:
    """The same rows, with Jepsen's ``read-init`` as what it means."""
    if _INITIAL not in history.f:
        return history
    zeros = {identity(r.key) for r in history.rows if r.f == "write" and identity(r.value) == 0}
    rows = [
        row
        if row.f != _INITIAL
        else row._replace(
            f="read",
            value=None
            if identity(row.value) == 0 and identity(row.key) not in zeros
            else row.value,
        )
        for row in history.rows
    ]
    return History.of(rows)


def _patterns(events: Events, budget: Budget) -> dict[str, Pattern | None]:
    """What breaks each model; a model that is missing was not decided."""
    found, cyclic = clocks(events)
    if plain := consistency(events, found, cyclic):
        return dict.fromkeys(LEVELS, plain)
    broken: dict[str, Pattern | None] = {"CC": None, "CCv": convergence(events, found)}
    pattern = memory(events, found, budget)
    if pattern is not None or budget.left >= 0:
        broken["CM"] = pattern
    return broken


def _word(found: dict[str, Pattern | None], model: str) -> str:
    if model not in found:
        return "unknown"
    return "kept" if found[model] is None else "broken"


def _unknown(why: str) -> Verdict:
    return Verdict(outcome=Outcome.UNKNOWN, summary=why)


def _thin_air(history: History, table: Columns, ops: Ops) -> Verdict | None:
    """A value that nobody wrote, or only an op that failed."""
    there = np.zeros(table.slots.count, np.bool_)
    there[ops.new[ops.kind != READ]] = True
    there[table.slots.first_nil :] = True
    seen = np.where(ops.kind == CAS, ops.old, ops.new)
    bad = np.flatnonzero(~there[seen] & (ops.kind != WRITE))
    if not len(bad):
        return None
    op = int(ops.inv[bad[0]])
    failed = bool(np.isin(seen[bad[0]], table.failed.new))
    why = "only a failed op would have written" if failed else "nobody wrote"
    line = f"{of_key(history.key[op])}: {name_op(history, op)} (row {op}) saw what {why}"
    return Verdict(
        outcome=Outcome.INVALID,
        summary=line,
        evidence=_rows(history, [op]),
        explanation=(line,),
        details={"levels": dict.fromkeys(LEVELS, "broken"), "pattern": "ThinAirRead"},
    )


def _invalid(
    history: History, events: Events, pattern: Pattern, name: str, details: dict[str, Json]
) -> Verdict:
    steps = [step for path in pattern.ways for step in hops(events, list(path))]
    shown = {pattern.read, *(e for a, b, _ in steps[:_MOST_SHOWN] for e in (a, b))}
    shown |= {b for path in pattern.ways for b in (path[0], path[-1])}
    read = events.op[pattern.read]
    lines = list(_lines(history, events, pattern))
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"not {name}: {of_key(history.key[read])}, {name_op(history, read)} (row {read}), "
        f"{_SHORT[pattern.name]}",
        evidence=_rows(history, [events.op[e] for e in shown]),
        explanation=tuple(lines),
        details=details | {"pattern": pattern.name},
    )


_SHORT = {
    "CyclicCO": "was seen to depend on itself",
    "WriteCOInitRead": "found nothing although it depends on a write",
    "WriteCORead": "found what it depends on having been replaced",
    "CyclicCF": "fits no one order of the writes that all agree on",
    "WriteHBInitRead": "found nothing, but its process must have seen a write before",
    "CyclicHB": "fits no order in which its process can have seen the writes",
}


def _lines(history: History, events: Events, pattern: Pattern) -> Iterator[str]:
    """One sentence a step, way by way; then what follows."""
    for path in pattern.ways:
        steps = hops(events, list(path))
        for step in steps[:_MOST_SHOWN]:
            yield _step(history, events, pattern, step)
        if len(steps) > _MOST_SHOWN:
            yield f"and {plural(len(steps) - _MOST_SHOWN, 'more step')}"
    read = _named(history, events, pattern.read)
    match pattern.name:
        case "CyclicCO" | "CyclicCF" | "CyclicHB":
            yield "so each of these comes before the others, going round"
        case "WriteCORead":
            first, second = (_named(history, events, path[0]) for path in pattern.ways)
            yield f"so {read} came after {second}, which had replaced {first}"
        case _:
            yield f"so {read} came after {_named(history, events, pattern.ways[0][0])}"


def _step(history: History, events: Events, pattern: Pattern, step: tuple[int, int, str]) -> str:
    a, b, kind = step
    one, other = _named(history, events, a), _named(history, events, b)
    if kind == "process":
        return f"process {int(history.process[events.op[a]])}: {one}, later {other}"
    if kind == "reads":
        return f"{other} saw {one}"
    assert pattern.because is not None
    read = _named(history, events, pattern.because[a, b])
    return f"{read} came after {one} and saw {other}, so {one} comes before {other}"


def _named(history: History, events: Events, event: int) -> str:
    op = events.op[event]
    key = history.key[op]
    at = "" if key is None else f" on {of_key(key)}"
    return f"{name_op(history, op)}{at} (row {op})"


def _rows(history: History, ops: Sequence[int]) -> tuple[int, ...]:
    ends = {int(history.partner[op]) for op in ops}
    return tuple(sorted({*ops, *(end for end in ends if end >= 0)}))
