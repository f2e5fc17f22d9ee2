"""Whether leadership was handed over as it was asked for, at least once.

A handover that other faults hinder is given up by the protocol, rightly, so that no single one must come about.
But a trial in which none did has not tested what it was asked to. What is counted is what was seen: the heir said
of itself that it leads, after another had (``proof`` of the nemesis' rows).
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.history import History
from checker.phrases import of_node, plural
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.windows import actions_of, nemesis_rows, proofs_of

LEAD = "lead"


def asked(history: History) -> bool:
    """Whether the nemesis wanted any node to lead."""
    return next(_wanted(history), None) is not None


def check(history: History) -> Verdict:
    """*Vacuous* where no heir was seen to lead. ``details``: how many were ``asked`` for, and ``seen``."""
    wanted = list(_wanted(history))
    seen = 0
    for _, value in nemesis_rows(history):
        for action, proof in proofs_of(value):
            if action.get("do") == LEAD:
                seen += proof.get("bit") is True
    details: dict[str, Json] = {"asked": len(wanted), "seen": seen}
    if not seen:
        summary = f"no leader was seen to hand over, of {plural(len(wanted), 'time')} that it was asked for"
        return Verdict(
            outcome=Outcome.VACUOUS,
            summary=summary,
            evidence=tuple(dict.fromkeys(row for row, _ in wanted)),
            explanation=tuple(
                f"{_heir(node)} was asked to lead (row {row}), and was not seen to"
                for row, node in wanted
            ),
            details=details,
        )
    summary = (
        f"leadership was handed over {seen} of {plural(len(wanted), 'time')} that it was asked for"
    )
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _heir(node: Json) -> str:
    return of_node(node) if isinstance(node, int) else "a node"


def _wanted(history: History) -> Iterator[tuple[int, Json]]:
    """The rows in which a node was asked to lead, and which."""
    for row, value in nemesis_rows(history):
        for action in actions_of(value):
            if action.get("do") == LEAD:
                yield row, action.get("node")
