"""Two readers that disagree about which of two writes came first.

Sovran, Power, Aguilera, Li, "Transactional storage for geo-replicated systems", SOSP 2011: parallel
snapshot isolation allows it, snapshot isolation does not. Each key is written once; a reader reads
several. Of two reads of the same keys one must have seen all that the other did. As in Jepsen's
``tests/long-fork``, transactions may be f ``read`` and ``write``, or ``txn``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from itertools import pairwise

from checker.history import History
from checker.phrases import plural, show
from checker.shapes import Malformed, answer_row, answers
from checker.transactional.report import name_txn, told_another
from checker.transactional.transactions import READ, Transactions, Txn, transactions
from checker.values import Json, identity
from checker.verdict import Outcome, Verdict

_Read = tuple[frozenset[Hashable], Txn]
"""The keys of which a transaction saw the write."""


@answers
def check(history: History) -> Verdict:
    """*Invalid* where two reads of the same keys each saw a write that the other did not, or where
    a read saw a value that nobody wrote; or where an answer is none to what was asked.

    *Vacuous* where no two transactions read the same two keys or more, *unknown* where a key is
    written twice. ``details``: ``groups`` of keys, ``reads``, ``forks``.
    """
    found = transactions(history)
    if found.misanswered:
        txn = found.misanswered[0]
        return Verdict(
            outcome=Outcome.INVALID,
            summary="an answer is none to what was asked",
            evidence=(txn.op.invoked, answer_row(txn.op)),
            explanation=(told_another(history, txn),),
        )
    written = _written(found)
    groups: defaultdict[frozenset[Hashable], list[_Read]] = defaultdict(list)
    for txn in found.txns:
        if not txn.ok:
            continue
        for f, key, value in txn.mops:
            if f == READ and value is not None and written.get(key) != ("is", identity(value)):
                return _phantom(found, txn, key, value)
        keys = frozenset(key for _, key, _ in txn.mops)
        if len(keys) > 1 and all(f == READ for f, _, _ in txn.mops):
            saw = frozenset(key for _, key, value in txn.mops if value is not None)
            groups[keys].append((saw, txn))
    forks = []
    for several in groups.values():
        # In order of what they saw, each must have seen what the one before it did.
        several.sort(key=lambda one: len(one[0]))
        forks += [(a, b) for a, b in pairwise(several) if not a[0] <= b[0]]
    details: dict[str, Json] = {
        "groups": len(groups),
        "reads": sum(map(len, groups.values())),
        "forks": len(forks),
    }
    if forks:
        return _forked(found, *forks[0], details)
    if not any(len(several) > 1 for several in groups.values()):
        return Verdict(
            outcome=Outcome.VACUOUS, summary="no two reads of the same keys", details=details
        )
    summary = f"{plural(int(str(details['reads'])), 'read')} without a fork"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _written(found: Transactions) -> dict[Hashable, tuple[str, Hashable]]:
    """The one value that may have been written to each key; raises Malformed where there are two."""
    written: dict[Hashable, tuple[str, Hashable]] = {}
    for txn in found.txns:
        for f, key, value in txn.mops:
            if f == READ:
                continue
            if key in written:
                raise Malformed(txn.op.invoked, "a key is written once only in a long fork")
            written[key] = ("is", identity(value))
    return written


def _phantom(found: Transactions, txn: Txn, key: Hashable, value: Json) -> Verdict:
    wrote = [other for other in found.failed if (key, value) in [mop[1:] for mop in other.mops]]
    why = f"but {name_txn(wrote[0])} failed" if wrote else "which nobody wrote"
    line = f"{name_txn(txn)} read {show(value)} of {show(found.keys[key])}, {why}"
    rows = (txn.op.invoked, answer_row(txn.op))
    return Verdict(outcome=Outcome.INVALID, summary=line, evidence=rows, explanation=(line,))


def _forked(found: Transactions, one: _Read, other: _Read, details: dict[str, Json]) -> Verdict:
    (saw, a), (seen, b) = one, other
    only, more = _names(found, saw - seen), _names(found, seen - saw)
    rows = {row for txn in (a, b) for row in (txn.op.invoked, answer_row(txn.op))}
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"{plural(int(str(details['forks'])), 'pair')} of reads that fork: "
        f"{name_txn(a)} and {name_txn(b)}",
        evidence=tuple(sorted(rows)),
        explanation=(
            f"{name_txn(a)} saw the write of {only} and not that of {more}",
            f"{name_txn(b)} saw the write of {more} and not that of {only}",
        ),
        details=details,
    )


def _names(found: Transactions, keys: frozenset[Hashable]) -> str:
    return ", ".join(sorted(show(found.keys[key]) for key in keys))
