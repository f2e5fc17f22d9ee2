"""Linearizability of registers: reads, writes and compare-and-set of any JSON values, any keys.

Herlihy, Wing, "Linearizability: A Correctness Condition for Concurrent Objects", TOPLAS 1990;
decided for each key alone (their locality theorem), in n log n by :mod:`checker.linearizable.graph`.

``read`` answers the value, ``write`` takes it, ``cas`` takes [old, new] and succeeds only where it
finds old. A key holds nothing (null) at first. A failed cas says nothing about the register: it is
left out, which never makes a correct history look wrong. What the graph cannot decide, since values
were written twice, goes to the general search of :mod:`checker.linearizable.frontier`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from checker.history import History, Op, op_at
from checker.linearizable.columns import CAS, READ, Columns, Ops, columns, without_keys
from checker.linearizable.frontier import Budget, decide_all
from checker.linearizable.graph import Finding, Judgement, judge
from checker.linearizable.search import summarize
from checker.linearizable.track import of_ops
from checker.linearizable.witness import explain
from checker.models import CAS_REGISTER, REGISTER, Model
from checker.phrases import of_key, plural, show
from checker.values import Json
from checker.verdict import Outcome, Verdict

_MOST_KEYS = 100
"""So many bad keys are listed in the details; all are counted."""


def check(
    history: History, *, budget: Budget | None = None, observe_failed_cas: bool = False
) -> Verdict:
    """Is there, for each key, one order of its ops that explains every answer?

    *Vacuous* where no read and no cas succeeded. Keys of which an observed value was written more
    than once are searched within the budget, and *unknown* when that is spent; so are, with
    ``observe_failed_cas``, keys with failed cas, which then mean that the old value was not there.
    *Unknown* too where there are ops that are not a register's.

    ``details``: ``ops``, ``keys``, ``searched`` (keys); where invalid also ``bad keys``,
    ``bad key names``, ``contradictions`` by kind, and the ``witness``.
    """
    table = columns(history)
    judged = judge(table)
    details: dict[str, Json] = {
        "ops": len(table.ops.inv),
        "keys": len(table.keys),
        "searched": int(judged.ambiguous.sum()),
    }
    if judged.findings:
        return _invalid(history, table, judged, details)
    if table.strange >= 0:
        return _strange(history, table.strange, details)
    swaps = table.failed.kind == CAS
    if judged.ambiguous.any() or (observe_failed_cas and swaps.any()):
        if observe_failed_cas:
            open_keys = judged.ambiguous.copy()
            open_keys[table.failed.key[swaps]] = True
            some = [without_keys(ops, ~open_keys) for ops in (table.ops, table.failed.take(swaps))]
            model = CAS_REGISTER
        else:
            some, model = [judged.open_ops], REGISTER
        verdict = _searched(history, table, some, model, budget or Budget())
        if not verdict.valid:
            return replace(verdict, details=details | dict(verdict.details))
    if not (table.ops.ok & ((table.ops.kind == READ) | (table.ops.old >= 0))).any():
        return Verdict(
            outcome=Outcome.VACUOUS,
            summary="no read succeeded: the history shows nothing of what was written",
            details=details,
        )
    counted = f"{plural(len(table.ops.inv), 'op')} on {plural(len(table.keys), 'key')}"
    return Verdict(outcome=Outcome.VALID, summary=f"linearizable: {counted}", details=details)


def _searched(
    history: History, table: Columns, parts: Sequence[Ops], model: Model, budget: Budget
) -> Verdict:
    """What the general search says of the ops of some keys, key by key."""
    by_key: defaultdict[int, list[Op]] = defaultdict(list)
    for part in parts:
        for key, row in zip(part.key.tolist(), part.inv.tolist(), strict=True):
            by_key[key].append(op_at(history, row))
    tracks = [
        (table.keys[key], of_ops(sorted(ops, key=lambda op: op.invoked), model))
        for key, ops in sorted(by_key.items())
    ]
    decided = decide_all(tracks, model, budget)
    return summarize(history, model, decided, lambda place: tracks[place][1])


def _invalid(
    history: History, table: Columns, judged: Judgement, details: dict[str, Json]
) -> Verdict:
    """All findings are counted; the one that was complete first is explained."""
    first, place = _first(judged.findings)
    witness = explain(history, table, first, place)
    bad = np.unique(np.concatenate([f.key for f in judged.findings])).tolist()
    key = int(first.key[place])
    rows = witness.rows(history)
    others = len(bad) - 1
    counts: dict[str, int] = {}
    for finding in judged.findings:
        counts[finding.kind.value] = counts.get(finding.kind.value, 0) + len(finding.key)
    details |= {
        "bad keys": len(bad),
        "bad key names": [table.keys[k] for k in bad[:_MOST_KEYS]],
        "contradictions": counts,
        "witness": witness.to_json(history),
    }
    more = f"; and {plural(others, 'other key')}" if others else ""
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"not linearizable: {of_key(table.keys[key])}, {witness.title}{more}",
        evidence=rows,
        explanation=tuple(witness.lines),
        details=details,
    )


def _first(findings: Sequence[Finding]) -> tuple[Finding, int]:
    """The contradiction that was complete first; of the same moment the one of the plainest kind."""
    places = [int(finding.seen.argmin()) for finding in findings]
    best = min(range(len(findings)), key=lambda i: int(findings[i].seen[places[i]]))
    return findings[best], places[best]


def _strange(history: History, row: int, details: dict[str, Json]) -> Verdict:
    f, value = history.f[row], history.value[row]
    why = (
        f"a cas takes [old, new], not {show(value)}"
        if f == "cas"
        else f"a register does not know {f!r}"
    )
    return Verdict(
        outcome=Outcome.UNKNOWN, summary=f"row {row}: {why}", evidence=(row,), details=details
    )
