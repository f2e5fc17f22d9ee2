"""All checks of a trial over one history, and the verdict that they add up to."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

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


Asked: TypeAlias = Callable[[History, bool], bool]
"""Whether a history is held to a check; the bool: whether faults were asked for."""


def _always(_history: History, _faults: bool) -> bool:
    return True


def _of_faults(_history: History, faults: bool) -> bool:
    return faults


TRIAL_CHECKS: Mapping[str, tuple[Check, Asked]] = {
    "agreement": (agreement.check, _always),
    "crashes": (crashes.check, _always),
    "stats": (stats.check, _always),
    "availability": (availability.check, _of_faults),
    "liveness": (liveness.check, _of_faults),
    "vacuity": (vacuity.check, _of_faults),
    "proofs": (proofs.check, lambda history, faults: faults or proofs.stands(history)),
    "membership": (membership.check, lambda history, _: membership.asked(history)),
    "handover": (handover.check, lambda history, _: handover.asked(history)),
    "disk-full": (full.check, lambda history, _: full.asked(history)),
}
"""What a trial is held to rather than an object, and when."""


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
    general = {
        name: check for name, (check, asked) in TRIAL_CHECKS.items() if asked(history, faults)
    }
    if faults:
        general["liveness"] = partial(liveness.check, rtt_ms=rtt_ms)
    verdicts: dict[str, Verdict] = {}
    interrupted = False
    seconds: dict[str, float] = {}
    for name, check in (*checks.items(), *general.items()):
        if only not in (None, name):
            continue
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
