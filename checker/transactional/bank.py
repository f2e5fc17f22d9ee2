"""Transfers between accounts: every read of all accounts has the same total.

Jepsen's ``tests/bank``: under snapshot isolation and above, money neither appears nor is lost.
Reads are f ``read`` with {account: balance}, transfers f ``transfer``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from checker.history import OK, History
from checker.phrases import plural, seconds
from checker.values import Json
from checker.verdict import Outcome, Verdict

_MOST_SHOWN = 6


def check(
    history: History, *, total: int | None = None, negative_balances: bool = False
) -> Verdict:
    """``total`` None: that of the first read. *Vacuous* where no read succeeded.

    ``details``: ``reads``, ``wrong totals``, ``negative``, and the range of the totals.
    """
    reads = [op for op in history.ops() if op.f == "read" and op.type == OK]
    details: dict[str, Json] = {"reads": len(reads)}
    if not reads:
        return Verdict(outcome=Outcome.VACUOUS, summary="no read succeeded", details=details)
    balances = [cast("Mapping[str, int | None]", op.result or {}) for op in reads]
    sums = [sum(b for b in some.values() if b is not None) for some in balances]
    wanted = sums[0] if total is None else total
    wrong = [i for i, found in enumerate(sums) if found != wanted]
    negative = [
        i for i, some in enumerate(balances) if any(b is not None and b < 0 for b in some.values())
    ]
    details |= {
        "total": wanted,
        "wrong totals": len(wrong),
        "negative": len(negative),
        "least": min(sums),
        "greatest": max(sums),
    }
    bad = sorted({*wrong, *([] if negative_balances else negative)})
    if not bad:
        summary = f"{plural(len(reads), 'read')} of a total of {wanted}"
        return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
    lines = []
    rows: list[int] = []
    for i in bad[:_MOST_SHOWN]:
        op = reads[i]
        assert op.completed is not None
        rows += [op.invoked, op.completed]
        at = seconds(int(history.time_ns[op.completed]))
        low = [f"{name} had {b}" for name, b in balances[i].items() if b is not None and b < 0]
        what = (
            f"found {sums[i]}, not {wanted}"
            if sums[i] != wanted
            else f"found that {', '.join(low)}"
        )
        lines.append(f"the read by process {op.process} at {at} (row {op.completed}) {what}")
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"{plural(len(bad), 'read')} of {len(reads):,} with wrong balances",
        evidence=tuple(rows),
        explanation=tuple(lines),
        details=details,
    )
