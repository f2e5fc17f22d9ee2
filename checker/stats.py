"""How many ops there were and how long they took, by ``f``. After Jepsen's ``checker/stats``.

A latency is the time from when an op should have begun (``intended_ns``; else its invocation) to
its answer, so that a system that holds its clients up is not flattered: Tene, "How NOT to Measure
Latency", 2013 (coordinated omission). Quantiles are of answered (*ok*) ops, by nearest rank.
"""

from __future__ import annotations

import numpy as np

from checker.asked import Asked, asked
from checker.column import Bools
from checker.history import FAIL, INFO, OK, History
from checker.phrases import plural
from checker.values import Ints, Json
from checker.verdict import Outcome, Verdict

_QUANTILES = (("p50", 500), ("p95", 950), ("p99", 990), ("max", 1000))

CHANCE = 0.05
"""What is no likelier than that is not taken for chance."""


def check(history: History) -> Verdict:
    """*Vacuous* where some ``f`` never succeeded, or where there were no ops: nothing was seen of it.

    Not where that may be chance (``CHANCE``): a trial with one delete, which was lost to a fault, says no less
    than the one before it that had none. The summary says so.

    ``details``: ``ops``, ``ok``, ``fail``, ``info``, ``ok_rate``, ``duration_s`` from the first
    invocation to the last completion, ``throughput`` (ok/s), ``latency_ms`` {p50, p95, p99, max},
    ``lateness_ms`` (how late open-loop ops began) where known, and the same per f in ``by_f``.
    """
    ops = asked(history)
    intended, known = history.intended_ns.as_ints()
    open_loop = known[ops.invoked]
    due = np.where(open_loop, intended[ops.invoked], ops.begin_ns)
    taken = ops.end_ns - due
    codes, fate = history.f.codes[ops.invoked], ops.fate
    by_f, never = {}, {}
    for code, f in enumerate(history.f.table):
        of_f = codes == code
        if of_f.any():
            by_f[f] = _count(fate[of_f], taken[of_f])
            if not by_f[f]["ok"]:
                never[f] = _chance(fate, of_f)
    details: dict[str, Json] = _count(fate, taken)
    if open_loop.any():
        details["lateness_ms"] = quantiles_ms((ops.begin_ns - due)[open_loop])
    details |= _pace(history, ops) | {"by_f": by_f}
    return _judge(details, by_f, never)


def quantiles_ms(times_ns: Ints) -> dict[str, float]:
    """p50, p95, p99 and max in ms, by nearest rank; empty for none.

    >>> quantiles_ms(np.arange(1, 101) * 1_000_000)
    {'p50': 50.0, 'p95': 95.0, 'p99': 99.0, 'max': 100.0}
    """
    if not len(times_ns):
        return {}
    ordered = np.sort(times_ns)
    return {name: round(by_rank(ordered, permille) / 1e6, 6) for name, permille in _QUANTILES}


def by_rank(ordered: Ints, permille: int) -> int:
    """The least of some sorted values that so many are at or below (nearest rank).

    >>> by_rank(np.array([1, 2, 3, 4]), 500), by_rank(np.array([1, 2, 3, 4]), 501)
    (2, 3)
    """
    return int(ordered[max(0, -(-len(ordered) * permille // 1000) - 1)])


def _count(fate: np.typing.NDArray[np.int8], taken: Ints) -> dict[str, Json]:
    counts = np.bincount(fate, minlength=INFO + 1).tolist()
    return {
        "ops": len(fate),
        "ok": counts[OK],
        "fail": counts[FAIL],
        "info": counts[INFO],
        "ok_rate": round(counts[OK] / len(fate), 6) if len(fate) else 0.0,
        "latency_ms": quantiles_ms(taken[fate == OK]),
    }


def _pace(history: History, ops: Asked) -> dict[str, Json]:
    if not len(ops):
        return {"duration_s": 0.0, "throughput": 0.0}
    ended = history.time_ns[ops.completed[ops.completed >= 0]]
    last = max(int(ended.max(initial=0)), int(ops.begin_ns.max()))
    lasted = (last - int(ops.begin_ns[0])) / 1e9
    ok = int((ops.fate == OK).sum())
    return {"duration_s": round(lasted, 6), "throughput": round(ok / lasted, 3) if lasted else 0.0}


def _chance(fate: np.typing.NDArray[np.int8], of_f: Bools) -> float:
    """How likely it is that all ops of an f fail, if they fail as often as those of the others do; or half as often
    as not, where the others fail more often still: so five that all failed are never chance.
    """
    others = fate[~of_f]
    failing = float((others != OK).mean()) if len(others) else 0.0
    return min(failing, 0.5) ** int(of_f.sum())


def _judge(
    details: dict[str, Json], by_f: dict[str, dict[str, Json]], never: dict[str, float]
) -> Verdict:
    """``never``: what never succeeded, and how likely that was."""
    if not by_f:
        return Verdict(outcome=Outcome.VACUOUS, summary="there were no ops", details=details)
    unseen = f"no {' and no '.join(never)} succeeded"
    told = tuple(_sentence(f, by_f[f]) for f in never)
    if not details["ok"] or any(chance <= CHANCE for chance in never.values()):
        return Verdict(outcome=Outcome.VACUOUS, summary=unseen, explanation=told, details=details)
    latency = details["latency_ms"]
    assert isinstance(latency, dict)
    return Verdict(
        outcome=Outcome.VALID,
        summary=(
            f"{details['ok']:,} of {plural(int(str(details['ops'])), 'op')} ok, "
            f"{details['throughput']:,} ok/s, p50 {latency['p50']:.1f} ms, "
            f"p99 {latency['p99']:.1f} ms, max {latency['max']:.1f} ms"
            + (f"; {unseen}, as may be by chance" if never else "")
        ),
        explanation=told,
        details=details,
    )


def _sentence(f: str, counts: dict[str, Json]) -> str:
    return f"of {counts['ops']:,} {f} ops, {counts['fail']:,} failed and {counts['info']:,} are unknown"
