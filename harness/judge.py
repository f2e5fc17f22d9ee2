"""All checks of a trial over one history, and the verdict that they add up to."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from checker import (
    agreement,
    availability,
    crashes,
    full,
    handover,
    liveness,
    membership,
    proofs,
    stats,
    vacuity,
)
from checker.history import History
from checker.progress import why
from checker.verdict import Outcome, Verdict, combine
from workloads.kernel import Check

STOPPED = "stopped"
"""In a verdict's details: why the check was ended before its end (:mod:`checker.progress`)."""
INTERRUPTED = why(KeyboardInterrupt())
_NOT_BEGUN = Verdict(
    outcome=Outcome.UNKNOWN, summary="not begun: interrupted", details={STOPPED: INTERRUPTED}
)


@dataclass(frozen=True, kw_only=True)
class Results:
    """Every check's verdict by name, and the outcome that speaks for all."""

    outcome: Outcome
    checks: Mapping[str, Verdict]
    seconds: Mapping[str, float]
    """CPU seconds that each check took."""

    @property
    def interrupted(self) -> bool:
        """Whether somebody ended it, by Ctrl-C."""
        return any(v.details.get(STOPPED) == INTERRUPTED for v in self.checks.values())

    def to_json(self) -> dict[str, object]:
        return {
            "outcome": self.outcome.value,
            "checks": {name: verdict.to_json() for name, verdict in self.checks.items()},
        }


def judge(
    history: History,
    checks: Mapping[str, Check],
    *,
    faults: bool,
    rtt_ms: int = liveness.RTT_MS,
    only: str | None = None,
) -> Results:
    """Hold a history to its workload's ``checks``, and to what every trial is held to.

    ``faults``: whether any were asked for; then a trial in which none met an op is vacuous, one in
    which a fault did not bite or heal is the harness' own failure, and the system must have come
    back after each, in a time that is a multiple of ``rtt_ms``. What was to stand is to be proved, too.
    ``only``: nothing is asked but the check of that name, if the trial is held to it.
    """
    general: dict[str, Check] = {
        "agreement": agreement.check,
        "crashes": crashes.check,
        "stats": stats.check,
    }
    if faults:
        general |= {
            "availability": availability.check,
            "liveness": partial(liveness.check, rtt_ms=rtt_ms),
            "vacuity": vacuity.check,
        }
    if faults or proofs.stands(history):
        general["proofs"] = proofs.check
    if membership.asked(history):
        general["membership"] = membership.check
    if handover.asked(history):
        general["handover"] = handover.check
    if full.asked(history):
        general["disk-full"] = full.check
    verdicts: dict[str, Verdict] = {}
    interrupted = False
    seconds: dict[str, float] = {}
    asked = [(n, c) for n, c in (*checks.items(), *general.items()) if only in (None, n)]
    for name, check in asked:
        began = time.process_time()
        verdicts[name] = _NOT_BEGUN if interrupted else guarded(name, check, history)
        interrupted = interrupted or verdicts[name].details.get(STOPPED) == INTERRUPTED
        seconds[name] = time.process_time() - began
    outcome = combine(v.outcome for v in verdicts.values())
    return Results(outcome=outcome, checks=verdicts, seconds=seconds)


def guarded(name: str, check: Check, history: History) -> Verdict:
    """What ``check`` says; *unknown*, never valid, if it crashes or is interrupted."""
    try:
        return check(history)
    except KeyboardInterrupt:
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary="interrupted; nothing was decided by then",
            details={STOPPED: INTERRUPTED},
        )
    except Exception as error:  # noqa: BLE001  user's checks too; the trial's other checks go on
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary=f"the check {name} crashed: {error!r}",
            explanation=tuple(traceback.format_exc().splitlines()),
        )
