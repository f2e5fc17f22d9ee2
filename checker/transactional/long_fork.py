"""Two readers that disagree about which of two writes came first.

Sovran, Power, Aguilera, Li, "Transactional storage for geo-replicated systems", SOSP 2011: parallel
snapshot isolation allows it, snapshot isolation does not. Each key is written once; a reader reads
several. Of two reads of the same keys one must have seen all that the other did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from itertools import pairwise

from checker.history import History
from checker.phrases import plural
from checker.transactional.report import name_txn
from checker.transactional.transactions import READ, Txn, transactions
from checker.values import Json
from checker.verdict import Outcome, Verdict


def check(history: History) -> Verdict:
    """*Invalid* where two reads of the same keys each saw a write that the other did not.

    *Vacuous* where no two transactions read the same two keys or more. Raises ValueError where a key
    is written twice. ``details``: ``groups`` of keys, ``reads``, ``forks``.
    """
    found = transactions(history)
    written: set[Hashable] = set()
    groups: defaultdict[tuple[Hashable, ...], list[tuple[frozenset[Hashable], Txn]]] = defaultdict(
        list
    )
    for txn in found.txns:
        for f, key, _ in txn.mops:
            if f != READ and key in written:
                raise ValueError(f"row {txn.op.invoked}: a key is written once only in a long fork")
            if f != READ:
                written.add(key)
        if txn.ok and len(txn.mops) > 1 and all(f == READ for f, _, _ in txn.mops):
            saw = frozenset(key for _, key, value in txn.mops if value is not None)
            groups[tuple(sorted((key for _, key, _ in txn.mops), key=repr))].append((saw, txn))
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
        (saw, a), (other, b) = forks[0]
        only, more = sorted(map(repr, saw - other)), sorted(map(repr, other - saw))
        rows = [
            row for txn in (a, b) for row in (txn.op.invoked, txn.op.completed) if row is not None
        ]
        return Verdict(
            outcome=Outcome.INVALID,
            summary=f"{plural(len(forks), 'pair')} of reads that fork",
            evidence=tuple(sorted(rows)),
            explanation=(
                f"{name_txn(a)} saw the write of {', '.join(only)} and not that of {', '.join(more)}",
                f"{name_txn(b)} saw the write of {', '.join(more)} and not that of {', '.join(only)}",
            ),
            details=details,
        )
    if not any(len(several) > 1 for several in groups.values()):
        return Verdict(
            outcome=Outcome.VACUOUS, summary="no two reads of the same keys", details=details
        )
    summary = f"{plural(int(str(details['reads'])), 'read')} without a fork"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
