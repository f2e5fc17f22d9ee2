"""The verdict on transactions: anomalies by name, each with its transactions and its words."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from checker.history import History
from checker.phrases import moments, plural, show
from checker.transactional.graph import EDGE_NAMES, PROCESS, REALTIME, Cycle
from checker.transactional.lattice import IMPLIED_ANOMALIES, closure, refuted, strongest
from checker.transactional.transactions import Transactions, Txn
from checker.values import Json
from checker.verdict import Outcome, Verdict

MISANSWERED = "misanswered"
"""Not Elle's, which looks at answers alone: an answer that is none to what was asked."""
_MOST_EXAMPLES = 8
_LONGEST = 12


@dataclass
class Anomalies:
    """By name: how many, and some of them as (transactions, sentences)."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[tuple[list[Txn], list[str]]]] = field(default_factory=dict)

    def add(self, name: str, txns: Sequence[Txn], *lines: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        examples = self.examples.setdefault(name, [])
        if len(examples) < _MOST_EXAMPLES:
            examples.append((list(txns), list(lines)))


def name_txn(txn: Txn) -> str:
    row = txn.op.invoked if txn.op.completed is None else txn.op.completed
    return f"T{txn.op.invoked} (process {txn.op.process}, row {row})"


def told_another(history: History, txn: Txn) -> str:
    """In words, that the answer is none to what was asked."""
    assert txn.op.completed is not None
    answer = show(history.value[txn.op.completed])
    return f"{name_txn(txn)} asked for {show(txn.op.argument)}, and was answered with {answer}"


def judge(
    history: History,
    found: Transactions,
    anomalies: Anomalies,
    cycles: tuple[Mapping[str, Cycle], bool],
    *,
    because: Callable[[int, int, int], str],
    model: str,
) -> Verdict:
    """*Invalid* where the anomalies rule out ``model``; all anomalies are told whatever the model.

    ``because(from, to, kind)`` says in words why an edge by data is there. *Unknown* where the search
    for cycles was not finished and found nothing that rules the model out.
    """
    examples, complete = cycles
    for name, cycle in examples.items():
        txns = [found.txns[tail] for tail, _, _ in cycle]
        anomalies.add(name, txns, *_cycle_lines(history, found, cycle, because))
    names = list(anomalies.counts)
    out = refuted(names)
    details: dict[str, Json] = {
        "transactions": len(found.txns),
        "failed": len(found.failed),
        "anomalies": dict(anomalies.counts),
        "refuted": out,
        "strongest": strongest(names),
        "complete": complete,
        "examples": {
            name: [{"txns": [t.op.invoked for t in txns], "lines": lines} for txns, lines in some]
            for name, some in anomalies.examples.items()
        },
    }
    if model in out:
        first = _worst(names, model)
        txns, lines = anomalies.examples[first][0]
        rows = {t.op.invoked for t in txns} | {
            t.op.completed for t in txns if t.op.completed is not None
        }
        others = [name for name in names if name != first]
        more = f"; also {', '.join(others)}" if others else ""
        return Verdict(
            outcome=Outcome.INVALID,
            summary=f"not {model}: {first}{more}",
            evidence=tuple(sorted(rows)),
            explanation=tuple(lines),
            details=details,
        )
    if not complete:
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary="there are cycles, and the search for their sorts was not finished",
            details=details,
        )
    if not any(txn.ok and any(f == "r" for f, _, _ in txn.mops) for txn in found.txns):
        return Verdict(
            outcome=Outcome.VACUOUS, summary="no transaction that reads succeeded", details=details
        )
    summary = f"{model}: {plural(len(found.txns), 'transaction')}"
    if names:
        summary += f"; but {', '.join(names)}"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _worst(names: Sequence[str], model: str) -> str:
    """The anomaly that rules the model out and most others besides; no cycle before a plainer one."""
    return max(
        (name for name in names if model in refuted([name])),
        key=lambda name: (len(closure([name], IMPLIED_ANOMALIES)), -names.index(name)),
        default=names[0],
    )


def _cycle_lines(
    history: History,
    found: Transactions,
    cycle: Cycle,
    because: Callable[[int, int, int], str],
) -> list[str]:
    lines = []
    for tail, head, kind in cycle[:_LONGEST]:
        a, b = found.txns[tail], found.txns[head]
        if kind == PROCESS:
            why = f"process {a.op.process} ran it before"
        elif kind == REALTIME:
            assert a.op.completed is not None
            times = (int(history.time_ns[a.op.completed]), int(history.time_ns[b.op.invoked]))
            ended, began = moments(*times)
            why = f"it ended at {ended}, before the other began at {began}"
        else:
            why = because(tail, head, kind)
        lines.append(f"{name_txn(a)} came before {name_txn(b)}: {why} [{EDGE_NAMES[kind]}]")
    if len(cycle) > _LONGEST:
        lines.append(
            f"and {len(cycle) - _LONGEST} steps more, back to {name_txn(found.txns[cycle[0][0]])}"
        )
    return lines


def show_identity(value: Hashable) -> str:
    """A value by its identity (:func:`checker.values.identity`), for people."""
    return str(value[1]) if isinstance(value, tuple) else show(value)


def show_key(found: Transactions, key: Hashable) -> str:
    return show(found.keys[key])
