"""Whether a trial with faults tested anything: some op was under way while a fault was on.

The name is from model checking: Beer, Ben-David, Eisner, Rodeh, "Efficient Detection of Vacuity in
Temporal Model Checking", FMSD 18(2), 2001: a claim that holds of nothing.
"""

from __future__ import annotations

import numpy as np

from checker.history import INVOKE, OK, History
from checker.phrases import plural
from checker.verdict import Outcome, Verdict
from checker.windows import windows


def check(history: History) -> Verdict:
    """*Vacuous* without a window of a fault, without an op during one, or without any success."""
    faults = windows(history)
    inv = np.flatnonzero((history.type == INVOKE) & (history.process >= 0))
    done = history.partner[inv]
    ok = int((history.type[done[done >= 0]] == OK).sum())
    begun, ended = inv, np.where(done >= 0, done, len(history))
    met = np.zeros(len(inv), np.bool_)
    idle = []
    for fault in faults:
        during = (ended > fault.begin) & (
            begun < (len(history) if fault.end is None else fault.end)
        )
        met |= during
        if not during.any():
            idle.append(fault.fault)
    overlapped = int(met.sum())
    details = {"windows": len(faults), "idle windows": idle, "ops": len(inv), "met": overlapped}
    if not faults:
        problem = "no fault was ever on"
    elif not ok:
        problem = "no op succeeded"
    elif not overlapped:
        problem = "no op was under way while a fault was on"
    else:
        summary = f"{overlapped:,} of {plural(len(inv), 'op')} met {plural(len(faults), 'fault')}"
        return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
    return Verdict(outcome=Outcome.VACUOUS, summary=problem, details=details)
