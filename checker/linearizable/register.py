"""Linearizability of registers: reads, writes and compare-and-set of any JSON values, any keys.

Herlihy, Wing, "Linearizability: A Correctness Condition for Concurrent Objects", TOPLAS 1990;
decided for each key alone (their locality theorem), in n log n by :mod:`checker.linearizable.graph`.

``read`` answers the value, ``write`` takes it, ``cas`` takes [old, new] and succeeds only where it
finds old. A key holds nothing (null) at first. A failed cas says nothing about the register: it is
left out, which never makes a correct history look wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from checker.history import History
from checker.linearizable.columns import READ, Columns, columns
from checker.linearizable.graph import Finding, Judgement, judge
from checker.linearizable.witness import explain
from checker.phrases import of_key, plural, show
from checker.values import Json
from checker.verdict import Outcome, Verdict

_MOST_KEYS = 100
"""So many bad keys are listed in the details; all are counted."""


def check(history: History) -> Verdict:
    """Is there, for each key, one order of its ops that explains every answer?

    *Vacuous* where no read and no cas succeeded; *unknown* for keys where an observed value was
    written more than once, and for ops that are not a register's.
    """
    table = columns(history)
    judged = judge(table)
    details: dict[str, Json] = {
        "ops": len(table.ops.inv),
        "keys": len(table.keys),
        "ops judged": judged.judged,
    }
    if judged.findings:
        return _invalid(history, table, judged, details)
    if table.strange >= 0:
        return _strange(history, table.strange, details)
    if judged.ambiguous.any():
        return _undecided(table, judged, details)
    if not (table.ops.ok & ((table.ops.kind == READ) | (table.ops.old >= 0))).any():
        return Verdict(
            outcome=Outcome.VACUOUS,
            summary="no read succeeded: the history shows nothing of what was written",
            details=details,
        )
    counted = f"{plural(judged.judged, 'op')} on {plural(len(table.keys), 'key')}"
    return Verdict(outcome=Outcome.VALID, summary=f"linearizable: {counted}", details=details)


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


def _undecided(table: Columns, judged: Judgement, details: dict[str, Json]) -> Verdict:
    keys = np.flatnonzero(judged.ambiguous).tolist()
    details["undecided keys"] = [table.keys[k] for k in keys[:_MOST_KEYS]]
    return Verdict(
        outcome=Outcome.UNKNOWN,
        summary=(
            f"{of_key(table.keys[keys[0]])}: a value that was observed was written more than once, "
            f"which the graph cannot decide ({plural(len(keys), 'such key')} of {len(table.keys)})"
        ),
        details=details,
    )
