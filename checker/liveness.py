"""Whether the system came back: it works again soon after the faults, and its nodes come to agree.

Safety first, then liveness, as in TigerBeetle's VOPR: after the faults a core is healed and must make
progress. A system that only stays safe because it stopped is not what anybody asked for. No finite
history refutes liveness for good (Alpern, Schneider, "Defining Liveness", IPL 1985), so a bound
stands in for "eventually": a number of round trips, since time-outs are multiples of those.

``availability`` tells how each fault was felt; here is what must hold after the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from checker.asked import Asked, asked
from checker.column import Bools
from checker.history import INFO, OK, History
from checker.phrases import of_key, of_node, plural, seconds, show
from checker.values import Json, canonical, identity
from checker.verdict import Outcome, Verdict
from checker.windows import FaultWindow, calm_ns, excused, left_dead, windows

RTT_MS = 20
PROGRESS_RTT = 250
"""Round trips for an election after another, all contested, with clients' time-outs in between."""
LEAST_NS = 5_000_000_000
"""A bound is never shorter: links may be slower than the replicas were told."""
CONVERGED_RTT = 50
"""Reads sooner than this after the last fault or update may still differ."""

READ = "read"
OVERWRITES: Mapping[str, int | None] = {"write": None, "cas": 1}
"""Ops after which the value is the op's own, or this place of it."""


def check(history: History, *, rtt_ms: int = RTT_MS) -> Verdict:
    """*Invalid* where a node that should live, or the system's updates, did not come back in time.

    In time is ``PROGRESS_RTT`` round trips after the first op that was asked when the last fault had
    ended, but at least ``LEAST_NS``. A node that was left dead on purpose (a core is healed, and it
    is not in it), or is no member any more, owes nothing. *Invalid* too where the last reads at two nodes, begun
    ``CONVERGED_RTT`` round trips after the last fault and update, differ, and no update of unknown
    fate can be why. *Unknown* where the history ends before the time was over, or with a fault on.
    Valid without faults. ``details``: ``bound_ms``, ``left_dead``, ``back_ms`` (by node, None where
    it never was), ``updates_back_ms`` and ``converged`` (how many keys were compared).
    """
    faults = windows(history)
    if not faults:
        return Verdict(outcome=Outcome.VALID, summary="no faults to come back from")
    on = next((fault for fault in faults if fault.end is None), None)
    if on is not None:
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary=f"the history ends while {on.fault} is on",
            evidence=(on.begin,),
        )
    last = max(faults, key=lambda fault: fault.end_ns)
    dead, free = left_dead(history), excused(history)
    over_ns = calm_ns(history, last)
    ops = asked(history)
    after = ops.take(ops.begin_ns >= over_ns)
    bound_ns = max(LEAST_NS, PROGRESS_RTT * rtt_ms * 1_000_000)
    owed = {
        of_node(node): after.node == node
        for node in sorted(set(after.node.tolist()))
        if node >= 0 and node not in free
    }
    owed["updates"] = _updates(history, after) & ~np.isin(after.node, free)
    back = {who: _back_ns(after, here) for who, here in owed.items() if here.any()}
    late, short = [], []
    for who, (answered, waited_ns, row) in back.items():
        if waited_ns > bound_ns:
            late.append((row, _late(who, answered=answered, waited_ns=waited_ns)))
        elif not answered and who != "updates":  # of which the final phase asks for none
            short.append(who)
    quiet_ns = CONVERGED_RTT * rtt_ms * 1_000_000
    compared, apart = _apart(history, after, over_ns + quiet_ns, quiet_ns, free)
    details: dict[str, Json] = {
        "bound_ms": bound_ns // 1_000_000,
        "left_dead": list(dead),
        "back_ms": {
            who: ns // 1_000_000 if answered else None
            for who, (answered, ns, _) in back.items()
            if who != "updates"
        },
        "updates_back_ms": _ms(back.get("updates")),
        "converged": compared,
    }
    if late or apart:
        return _invalid(last, late + apart, details)
    if short:
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary=f"the history ends before {short[0]} had {seconds(bound_ns)} to come back",
            evidence=(last.begin,),
            details=details,
        )
    return Verdict(
        outcome=Outcome.VALID, summary=_summary(back, dead, free, compared), details=details
    )


def _late(who: str, *, answered: bool, waited_ns: int) -> str:
    what = "no update was answered" if who == "updates" else f"{who} answered nothing"
    return f"{what} for {seconds(waited_ns)}" + ("" if answered else ", and never again")


def _ms(found: tuple[bool, int, int] | None) -> int | None:
    return found[1] // 1_000_000 if found is not None and found[0] else None


def _invalid(
    last: FaultWindow, complaints: Sequence[tuple[int, str]], details: Mapping[str, Json]
) -> Verdict:
    assert last.end is not None
    words = [text for _, text in complaints]
    due = (
        f"an answer was due in {details['bound_ms']} ms, and agreement {CONVERGED_RTT} round trips "
        "after the last fault and update"
    )
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"after {last.fault} had ended at {seconds(last.end_ns)}, {words[0]}",
        evidence=tuple(sorted({last.end, *(row for row, _ in complaints)})),
        explanation=(*words[1:], due),
        details=details,
    )


def _summary(
    back: Mapping[str, tuple[bool, int, int]],
    dead: Sequence[int],
    free: Sequence[int],
    compared: int,
) -> str:
    waits = [ns for _, ns, _ in back.values()]
    if not waits:
        return "nothing was asked after the last fault"
    left = [f"{', '.join(map(of_node, dead))} left dead"] if dead else []
    if outside := [of_node(node) for node in free if node not in dead]:
        left.append(f"{', '.join(outside)} no member")
    who = f"the core ({'; '.join(left)})" if left else "all"
    text = f"{who} came back within {max(waits) / 1e6:,.0f} ms of being asked"
    return f"{text}; the last reads of {plural(compared, 'key')} agree" if compared else text


def _updates(history: History, ops: Asked) -> Bools:
    """Which of these ops are no reads."""
    reads = np.array([f == READ for f in history.f.table], np.bool_)
    return ~reads[history.f.codes[ops.invoked]]


def _back_ns(after: Asked, here: Bools) -> tuple[bool, int, int]:
    """Whether these ops were ever answered, how long that took (or was waited for), the first's row."""
    asked_ns, row = int(after.begin_ns[here].min()), int(after.invoked[here][0])
    answers = after.end_ns[here & (after.fate == OK)]
    end_ns = int(answers.min()) if len(answers) else int(after.end_ns[here].max())
    return bool(len(answers)), end_ns - asked_ns, row


def _apart(
    history: History, after: Asked, calm_ns: int, quiet_ns: int, dead: Sequence[int]
) -> tuple[int, list[tuple[int, str]]]:
    """How many keys were read at several nodes when all was quiet, and those where these differ."""
    update = _updates(history, after)
    quiet = int(after.end_ns[update].max(initial=0)) + quiet_ns
    last = (after.fate == OK) & ~update & (after.begin_ns >= max(calm_ns, quiet))
    by_key: dict[object, dict[int, int]] = {}
    for row, node in zip(after.invoked[last].tolist(), after.node[last].tolist(), strict=True):
        if node >= 0 and node not in dead:
            by_key.setdefault(identity(history.key[row]), {})[node] = row
    unknown = _unknown_updates(history) if by_key else {}
    compared, found = 0, []
    for key, rows in by_key.items():
        if len(rows) < 2:
            continue
        values = {
            node: history.value[int(history.partner[row])] for node, row in sorted(rows.items())
        }
        known = {_bag(value): node for node, value in values.items()}
        pending = unknown.get(key, [])
        if any(f not in OVERWRITES for f, _ in pending):
            continue  # a sum or a set may come out in many ways: not decided here
        compared += 1
        may = {_bag(_overwritten(f, value)) for f, value in pending}
        if len([bag for bag in known if bag not in may]) > 1:
            told = ", ".join(f"{of_node(node)} {show(value)}" for node, value in values.items())
            row = next(iter(rows.values()))
            found.append((row, f"the nodes still differ in {of_key(history.key[row])}: {told}"))
    return compared, found


def _unknown_updates(history: History) -> dict[object, list[tuple[str, Json]]]:
    """By key, the updates that may take effect at any time."""
    updates: dict[object, list[tuple[str, Json]]] = {}
    for row in _unanswered(history):
        if history.f[row] != READ:
            key = identity(history.key[row])
            updates.setdefault(key, []).append((history.f[row], history.value[row]))
    return updates


def _unanswered(history: History) -> list[int]:
    ops = asked(history)
    found: list[int] = ops.invoked[ops.fate == INFO].tolist()
    return found


def _overwritten(f: str, value: Json) -> Json:
    place = OVERWRITES[f]
    return value[place] if place is not None and isinstance(value, (list, tuple)) else value


def _bag(value: Json) -> str:
    """A value's identity; a list's is without its order, which a set's answer does not promise."""
    if isinstance(value, (list, tuple)):
        return canonical(sorted(canonical(item) for item in value))
    return canonical(value)
