"""Transfers between accounts: every read of all accounts has the same total.

Jepsen's ``tests/bank``: under snapshot isolation and above, money neither appears nor is lost. A read
of all accounts is f ``read`` (or ``balances``) with {account: balance}, or, as micro-operations, f
``read`` or ``txn`` with [["r", account, balance], ...] and nothing else. Transfers, and transactions
that write, are not looked at: what they did shows in the reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from checker.history import OK, History, Op
from checker.phrases import plural, seconds, show
from checker.shapes import Malformed, answer_row, answers, integer, mapping
from checker.values import Json
from checker.verdict import Outcome, Verdict

_MOST_SHOWN = 6
_READS = frozenset({"read", "balances"})


@dataclass
class _Read:
    """A read of all accounts, by name, and what is wrong with it, by kind."""

    op: Op
    balances: dict[str, int | None]
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(balance or 0 for balance in self.balances.values())


@answers
def check(
    history: History,
    *,
    total: int | None = None,
    negative_balances: bool = False,
    accounts: Sequence[Json] | None = None,
) -> Verdict:
    """``total`` None: that of the first read; ``accounts`` None: those of the first read.

    *Invalid* with a wrong total, an account of no balance (null, or missing), one that nobody knows,
    and with a negative balance unless they may be. *Vacuous* where no read succeeded. ``details``:
    ``reads``, ``wrong totals``, ``negative``, ``no balance``, ``unexpected``, and the range of totals.
    """
    reads = [read for op in history.ops() if (read := _read(op)) is not None]
    details: dict[str, Json] = {"reads": len(reads)}
    if not reads:
        return Verdict(outcome=Outcome.VACUOUS, summary="no read succeeded", details=details)
    names = list(reads[0].balances) if accounts is None else [_name(name) for name in accounts]
    wanted = reads[0].total if total is None else total
    for read in reads:
        _judge(read, wanted, names, negative_balances=negative_balances)
    sums = [read.total for read in reads]
    details |= {
        "total": wanted,
        "wrong totals": sum("total" in read.wrong for read in reads),
        "negative": sum(any((b or 0) < 0 for b in read.balances.values()) for read in reads),
        "no balance": sum("none" in read.wrong for read in reads),
        "unexpected": sum("unexpected" in read.wrong for read in reads),
        "least": min(sums),
        "greatest": max(sums),
    }
    bad = [read for read in reads if read.wrong]
    if not bad:
        summary = f"{plural(len(reads), 'read')} of a total of {wanted}"
        return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"{plural(len(bad), 'read')} of {len(reads):,} with wrong balances: "
        f"{_told(history, bad[0])}",
        evidence=tuple(row for r in bad[:_MOST_SHOWN] for row in (r.op.invoked, answer_row(r.op))),
        explanation=tuple(_told(history, read) for read in bad[:_MOST_SHOWN]),
        details=details,
    )


def _read(op: Op) -> _Read | None:
    """The balances that an op read, or None where it is no read of all accounts that succeeded."""
    if op.type != OK or not (op.f in _READS or op.f == "txn"):
        return None
    row = answer_row(op)
    found: Mapping[Json, Json]
    if isinstance(op.result, (list, tuple)):
        mops = op.result
        if not all(isinstance(mop, (list, tuple)) and len(mop) == 3 for mop in mops):
            raise Malformed(row, "a micro-operation is [f, account, balance]")
        if not mops or any(mop[0] != "r" for mop in mops):
            return None
        found = {_name(account): balance for _, account, balance in mops}
    else:
        found = mapping(op.result, row, "what is read of a bank")
    balances = {
        _name(account): None if balance is None else integer(balance, row, "a balance")
        for account, balance in found.items()
    }
    return _Read(op, balances)


def _name(account: Json) -> str:
    """An account as text: JSON's objects have no other keys, so 1 and "1" are one account."""
    return account if isinstance(account, str) else show(account)


def _judge(read: _Read, wanted: int, accounts: Sequence[str], *, negative_balances: bool) -> None:
    balances = read.balances
    if none := [name for name in accounts if balances.get(name) is None]:
        read.wrong["none"] = f"found no balance of {_some(none)}"
    if more := [name for name in balances if name not in set(accounts)]:
        read.wrong["unexpected"] = f"found an account that there is not, {_some(more)}"
    if read.total != wanted:
        read.wrong["total"] = f"found {read.total}, not {wanted}"
    low = [f"{name} had {b}" for name, b in balances.items() if b is not None and b < 0]
    if low and not negative_balances:
        read.wrong["negative"] = f"found that {_some(low)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more


def _told(history: History, read: _Read) -> str:
    row = answer_row(read.op)
    at = seconds(int(history.time_ns[row]))
    what = " and ".join(read.wrong.values())
    return f"the read by process {read.op.process} at {at} (row {row}) {what}"
