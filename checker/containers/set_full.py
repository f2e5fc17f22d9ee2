"""What became of each element added to a set, by what reads of the whole set showed.

The classes are those of Jepsen's ``checker/set-full``. An element is *known* from the end of its add,
or from the first read that has it. By the last read that has it and the last that has not (among
those that began once it was known), it is

- ``ok``: reads have it in the end; *stale* if one that began after it was known had not;
- ``lost``: it was known, and later reads have it no more;
- ``never-read``: no read had it, and none that began after it was known shows that it is lost.

Elements in reads that nobody asked to add are ``unexpected``; *recovered* are those whose add failed
to be acknowledged, and that are there nevertheless; *duplicated* come twice in one read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from checker.containers.objects import by_value
from checker.history import OK, History, Op
from checker.phrases import name_op, of_key, plural, seconds, show
from checker.shapes import answer_row, answers, listed
from checker.stats import quantiles_ms
from checker.values import Ints, Json, identity
from checker.verdict import Outcome, Verdict

_MOST_SHOWN = 20


@dataclass(frozen=True)
class Fate:
    """One element's class. ``lag_ns``: how long after it was known a read still had it not."""

    name: str
    value: Json
    add: Op
    lag_ns: int
    missed: Op | None
    """The last read that had it not, of those that began after it was known."""


@answers
def check(history: History, *, linearizable: bool = True) -> Verdict:
    """*Invalid* with lost or unexpected elements, and with stale ones if it is to be linearizable.

    *Vacuous* where no read succeeded or none had an element. ``details``: how many of each class,
    the ``stale`` and ``lost`` elements (some), and ``stable_latency_ms`` as quantiles.
    """
    parts: dict[Hashable, list[Op]] = {}
    for op in history.ops():
        parts.setdefault(identity(op.key), []).append(op)
    fates: list[Fate] = []
    unexpected: list[tuple[Op, Json]] = []
    counts: Counter[str] = Counter()
    read = 0
    for ops in parts.values():
        reads = [op for op in ops if op.f == "read" and op.type == OK]
        read += len(reads)
        adds = {name: some[0] for name, some in by_value([o for o in ops if o.f == "add"]).items()}
        unexpected += _unexpected(reads, adds)
        counts["duplicated"] += sum(_repeats(op) for op in reads)
        fates += _fates(history, adds, reads)
    counts.update(fate.name for fate in fates)
    counts["unexpected"] = len(unexpected)
    counts["stale"] = sum(fate.name == "ok" and fate.lag_ns > 0 for fate in fates)
    counts["recovered"] = sum(fate.name == "ok" and fate.add.type != OK for fate in fates)
    lags = np.array([fate.lag_ns for fate in fates if fate.name == "ok"], np.int64)
    return _judge(
        history, counts, fates, unexpected, lags=lags, read=read, linearizable=linearizable
    )


def _values(op: Op) -> Sequence[Json]:
    return listed(op.result, answer_row(op), "what is read of a set")


def _repeats(op: Op) -> int:
    return len(_values(op)) - len(set(map(identity, _values(op))))


def _unexpected(reads: Sequence[Op], adds: dict[Hashable, Op]) -> list[tuple[Op, Json]]:
    found: dict[Hashable, tuple[Op, Json]] = {}
    for op in reads:
        for value in _values(op):
            name = identity(value)
            if name not in adds:
                found.setdefault(name, (op, value))
    return list(found.values())


def _fates(history: History, adds: dict[Hashable, Op], reads: Sequence[Op]) -> Iterator[Fate]:
    """One pass over the reads by their beginnings, which finds for each element the last read with
    it; the last without it is the last of all that is not with it.
    """
    first: dict[Hashable, Op] = {}
    has: dict[Hashable, list[int]] = {}
    for place, op in enumerate(reads):
        for name in set(map(identity, _values(op))):
            has.setdefault(name, []).append(place)
            if name not in first or cast("int", op.completed) < cast("int", first[name].completed):
                first[name] = op
    for name, add in adds.items():
        places = has.get(name, [])
        known = [cast("int", op.completed) for op in (add, first.get(name)) if op and op.type == OK]
        missed = _last_missing(reads, places)
        since = min(known, default=None)
        if missed is not None and (since is None or missed.invoked < since):
            missed = None
        lag = 0 if missed is None else int(history.time_ns[missed.invoked] - history.time_ns[since])
        there = bool(places) and (missed is None or reads[places[-1]].invoked > missed.invoked)
        name_of = "ok" if there else "lost" if missed is not None else "never-read"
        yield Fate(name_of, add.argument, add, max(lag, 1) if missed else 0, missed)


def _last_missing(reads: Sequence[Op], places: Sequence[int]) -> Op | None:
    last = len(reads) - 1
    for place in reversed(places):
        if place != last:
            break
        last -= 1
    return reads[last] if last >= 0 else None


def _judge(
    history: History,
    counts: Counter[str],
    fates: Sequence[Fate],
    unexpected: Sequence[tuple[Op, Json]],
    *,
    lags: Ints,
    read: int,
    linearizable: bool,
) -> Verdict:
    lost = [fate for fate in fates if fate.name == "lost"]
    stale = [fate for fate in fates if fate.name == "ok" and fate.lag_ns]
    details: dict[str, Json] = {
        "counts": {name: counts[name] for name in sorted(counts)},
        "lost": [fate.value for fate in lost[:_MOST_SHOWN]],
        "stale": [fate.value for fate in stale[:_MOST_SHOWN]],
        "unexpected": [value for _, value in unexpected[:_MOST_SHOWN]],
        "stable_latency_ms": quantiles_ms(lags),
    }
    wrong = [*lost, *(stale if linearizable else [])]
    if wrong or unexpected:
        kinds = [("lost", len(lost)), ("unexpected", len(unexpected))]
        kinds += [("stale", len(stale))] if linearizable else []
        what = ", ".join(f"{number} {kind}" for kind, number in kinds if number)
        lines, evidence = _explain(history, wrong, unexpected)
        return Verdict(
            outcome=Outcome.INVALID,
            summary=f"elements of the set: {what}",
            evidence=evidence,
            explanation=lines,
            details=details,
        )
    if not counts["ok"]:
        why = "no read had any element" if read else "no read succeeded"
        return Verdict(outcome=Outcome.VACUOUS, summary=why, details=details)
    summary = f"{plural(counts['ok'], 'element')} of {len(fates):,} kept"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _explain(
    history: History, wrong: Sequence[Fate], unexpected: Sequence[tuple[Op, Json]]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The first of them in words."""
    if not wrong:
        op, value = unexpected[0]
        who = f"read by process {op.process} (row {op.completed})"
        rows = (op.invoked, cast("int", op.completed))
        return (f"a {who} had {show(value)}, which nobody added",), rows
    fate = wrong[0]
    assert fate.missed is not None
    end = fate.add.completed
    ended = ", of which nobody knows whether it happened until a read had it,"
    if end is not None and fate.add.type == OK:
        ended = f", which ended at {seconds(int(history.time_ns[end]))} (row {end}),"
    began = seconds(int(history.time_ns[fate.missed.invoked]))
    then = "and no later one had it" if fate.name == "lost" else "though later ones had it"
    line = (
        f"{of_key(fate.add.key)}: the {name_op(history, fate.add.invoked)}{ended} was not in a read "
        f"that began at {began} (row {fate.missed.invoked}), {then}"
    )
    shown = {fate.add.invoked, fate.missed.invoked, cast("int", fate.missed.completed)}
    return (line,), tuple(sorted(shown | ({end} if end is not None else set())))
