"""Identifiers that are to differ: ``generate`` answers one. After Jepsen's ``checker/unique-ids``."""

from __future__ import annotations

from collections.abc import Hashable

from checker.history import OK, History, Op
from checker.phrases import name_op, plural, show
from checker.values import identity
from checker.verdict import Outcome, Verdict


def check(history: History) -> Verdict:
    """*Invalid* where an identifier was given twice; *vacuous* where none was given."""
    first: dict[Hashable, Op] = {}
    again: list[tuple[Op, Op]] = []
    for op in history.ops():
        if op.f == "generate" and op.type == OK:
            other = first.setdefault(identity(op.result), op)
            if other is not op:
                again.append((other, op))
    details = {"given": len(first) + len(again), "different": len(first)}
    if again:
        a, b = again[0]
        assert a.completed is not None
        assert b.completed is not None
        both = " and ".join(f"{name_op(history, o.invoked)} (row {o.completed})" for o in (a, b))
        return Verdict(
            outcome=Outcome.INVALID,
            summary=f"{plural(len(again), 'identifier')} given again, {show(a.result)} first",
            evidence=(a.invoked, a.completed, b.invoked, b.completed),
            explanation=(f"{both} got the same",),
            details=details,
        )
    if not first:
        return Verdict(outcome=Outcome.VACUOUS, summary="no generate succeeded", details=details)
    summary = f"{plural(len(first), 'identifier')}, all different"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
