"""Whether a trial with faults tested anything: some op was under way while a fault was on.

The name is from model checking: Beer, Ben-David, Eisner, Rodeh, "Efficient Detection of Vacuity in
Temporal Model Checking", FMSD 18(2), 2001: a claim that holds of nothing.
"""

from __future__ import annotations

import numpy as np

from checker.asked import asked
from checker.column import Bools
from checker.history import OK, History
from checker.phrases import plural
from checker.verdict import Outcome, Verdict
from checker.windows import windows


def check(history: History) -> Verdict:
    """*Vacuous* without a window of a fault, without an op during one, or without any success."""
    faults = windows(history)
    ops = asked(history)
    ok = bool((ops.fate == OK).any())
    begun, ended = ops.invoked, np.where(ops.completed >= 0, ops.completed, len(history))
    met: Bools = np.zeros(len(ops), np.bool_)
    idle = []
    for fault in faults:
        during = (ended > fault.begin) & (
            begun < (len(history) if fault.end is None else fault.end)
        )
        met |= during
        if not during.any():
            idle.append(fault.fault)
    overlapped = int(met.sum())
    details = {"windows": len(faults), "idle windows": idle, "ops": len(ops), "met": overlapped}
    if not faults:
        problem = "no fault was ever on"
    elif not ok:
        problem = "no op succeeded"
    elif not overlapped:
        problem = "no op was under way while a fault was on"
    else:
        summary = f"{overlapped:,} of {plural(len(ops), 'op')} met {plural(len(faults), 'fault')}"
        return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
    return Verdict(outcome=Outcome.VACUOUS, summary=problem, details=details)
