"""What clients got while faults were on, and how soon all was well again after each.

Brewer's "Towards Robust Distributed Systems" (PODC 2000) promises availability on the side of a
majority only, so nothing is demanded *during* a fault. After the last one is healed the system must
answer again, at every node that is asked: that is a claim of liveness, which no finite history can
refute for good, so it is given ``GRACE_NS`` to keep it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np

from checker.asked import NO_NODE, Asked, asked
from checker.column import Bools
from checker.history import OK, History
from checker.phrases import of_node, plural, seconds
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.windows import FaultWindow, calm_ns, excused, last_ns, windows

GRACE_NS = 5_000_000_000


def check(history: History, *, grace_ns: int = GRACE_NS) -> Verdict:
    """*Invalid* where ops asked after the last heal, for ``grace_ns`` or longer, were never answered.

    That holds for the system, and for each node by itself (where rows name it). *Unknown* where the
    history ends before the system answered again, sooner than that. Valid without faults.

    ``details``: ``windows`` (for each: ``fault``, ``rows``, ``begin_s``, ``end_s``, ``asked`` and
    ``ok`` during it, ``ok_by_node``, ``recovered_ms`` from its end to the first answer to an op,
    ``recovered_ms_by_node``, None where none came before the history ended), and
    ``longest_gap`` (``ms``, ``from_s``, ``faults`` on in it) between two answers.
    """
    faults = windows(history)
    ops = asked(history)
    ok = ops.fate == OK
    nodes = sorted(set(ops.node.tolist()) - {NO_NODE, *excused(history)})
    answers = _answers(ops, ok, nodes)
    told: list[Json] = [_window(ops, answers, fault) for fault in faults]
    details: dict[str, Json] = {
        "windows": told,
        "longest_gap": _longest_gap(ops, answers[None], faults),
    }
    if not faults:
        return Verdict(outcome=Outcome.VALID, summary="no faults to recover from", details=details)
    if any(fault.end is None for fault in faults):
        last = next(fault for fault in faults if fault.end is None)
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary=f"the history ends while {last.fault} is on",
            evidence=(last.begin,),
            details=details,
        )
    return _liveness(history, ops, ok, faults, nodes, grace_ns=grace_ns, details=details)


def _answers(ops: Asked, ok: Bools, nodes: Sequence[int]) -> dict[int | None, list[int]]:
    """When ops were answered, in order, for each node; None has them all."""
    ends, at = ops.end_ns[ok], ops.node[ok]
    found: dict[int | None, list[int]] = {None: np.sort(ends).tolist()}
    for node in nodes:
        found[node] = np.sort(ends[at == node]).tolist()
    return found


def _window(ops: Asked, answers: Mapping[int | None, list[int]], fault: FaultWindow) -> Json:
    during = (ops.end_ns >= fault.begin_ns) & (ops.begin_ns < fault.end_ns)

    def answered(node: int | None) -> int:
        ends = answers[node]
        return max(0, bisect_left(ends, fault.end_ns) - bisect_left(ends, fault.begin_ns))

    def recovered(node: int | None) -> float | None:
        ends = answers[node]
        first = bisect_left(ends, fault.end_ns)
        if fault.end is None or first == len(ends):
            return None
        return round((ends[first] - fault.end_ns) / 1e6, 3)

    nodes = [node for node in answers if node is not None]
    return {
        "fault": fault.fault,
        "rows": [fault.begin, fault.end],
        "begin_s": fault.begin_ns / 1e9,
        "end_s": None if fault.end is None else fault.end_ns / 1e9,
        "asked": int(np.count_nonzero(during)),
        "ok": answered(None),
        "ok_by_node": {of_node(n): answered(n) for n in nodes},
        "recovered_ms": recovered(None),
        "recovered_ms_by_node": {of_node(n): recovered(n) for n in nodes},
    }


def _longest_gap(ops: Asked, ends: Sequence[int], faults: Sequence[FaultWindow]) -> Json:
    """The longest time without an answer (``ends``), from the first invocation on."""
    if not len(ops):
        return None
    last = int(max(ops.begin_ns.max(), ops.end_ns.max()))
    marks = np.array([int(ops.begin_ns[0]), *ends, last])
    at = int(np.diff(marks).argmax())
    begin, end = int(marks[at]), int(marks[at + 1])
    on = [fault.fault for fault in faults if fault.begin_ns < end and fault.end_ns > begin]
    return {"ms": round((end - begin) / 1e6, 3), "from_s": begin / 1e9, "faults": on}


def _liveness(
    history: History,
    ops: Asked,
    ok: Bools,
    faults: Sequence[FaultWindow],
    nodes: Sequence[int],
    *,
    grace_ns: int,
    details: dict[str, Json],
) -> Verdict:
    last = max(faults, key=lambda fault: fault.end_ns)
    assert last.end is not None
    late = ops.begin_ns >= calm_ns(history, last)
    end_ns = last_ns(history)
    explanation, evidence, short = [], [last.end], False
    for node in (None, *nodes):
        here = late if node is None else late & (ops.node == node)
        if not here.any() or (ok & here).any():
            continue
        waited = end_ns - int(ops.begin_ns[here].min())
        if waited < grace_ns:
            short = short or node is None
            continue
        who = "the system" if node is None else of_node(node)
        explanation.append(
            f"{who} was asked {plural(int(here.sum()), 'op')} after {last.fault} had ended at "
            f"{seconds(last.end_ns)} (row {last.end}), and in {seconds(waited)} answered none"
        )
        evidence.append(int(ops.invoked[here][0]))
        if node is None:
            break
    if explanation:
        return Verdict(
            outcome=Outcome.INVALID,
            summary=f"liveness: {explanation[0]}",
            evidence=tuple(sorted(set(evidence))),
            explanation=tuple(explanation[1:]),
            details=details,
        )
    if short:
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary=f"the history ends too soon after {last.fault} to see whether all is well again",
            evidence=(last.end,),
            details=details,
        )
    return Verdict(outcome=Outcome.VALID, summary=_summary(details, len(faults)), details=details)


def _summary(details: dict[str, Json], faults: int) -> str:
    told = details["windows"]
    assert isinstance(told, list)
    times = [window["recovered_ms"] for window in told if window["recovered_ms"] is not None]
    if not times:
        return f"nothing was asked after {plural(faults, 'fault')}"
    return f"answers again at most {max(times):,.0f} ms after each of {plural(faults, 'fault')}"
