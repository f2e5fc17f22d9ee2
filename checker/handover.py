"""Whether leadership was handed over as it was asked for, at least once.

A handover that other faults hinder is given up by the protocol, rightly, so that no single one must come about.
But a trial in which none did has not tested what it was asked to. What is counted is what was seen: the heir said
of itself that it leads, after another had (``proof`` of the nemesis' rows).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checker.history import History
from checker.phrases import plural
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.windows import actions_of, value_of

LEAD = "lead"


def asked(history: History) -> bool:
    """Whether the nemesis wanted any node to lead."""
    return next(_wanted(history), None) is not None


def check(history: History) -> Verdict:
    """*Vacuous* where no heir was seen to lead. ``details``: how many were ``asked`` for, and ``seen``."""
    wanted = sum(1 for _ in _wanted(history))
    seen = 0
    for row in history.of_nemesis():
        proofs = value_of(history, row).get("proof")
        for proof in proofs if isinstance(proofs, (list, tuple)) else ():
            action = proof.get("action") if isinstance(proof, Mapping) else None
            if isinstance(action, Mapping) and action.get("do") == LEAD:
                seen += proof.get("bit") is True
    details: dict[str, Json] = {"asked": wanted, "seen": seen}
    if not seen:
        summary = (
            f"no leader was seen to hand over, of {plural(wanted, 'time')} that it was asked for"
        )
        return Verdict(outcome=Outcome.VACUOUS, summary=summary, details=details)
    summary = f"leadership was handed over {seen} of {plural(wanted, 'time')} that it was asked for"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _wanted(history: History) -> Iterator[int]:
    for row in history.of_nemesis():
        for action in actions_of(value_of(history, row)):
            if action.get("do") == LEAD:
                yield row
