"""At-least-once and at-most-once queues by accounting: what went in must come out.

Jepsen's ``checker/total-queue``: nothing is said of order. ``enqueue`` puts a value, ``dequeue``
takes one, ``drain`` takes a list. With final drains, what was acknowledged and never came out is
*lost*; what came out and nobody asked to put in is *unexpected*; *duplicated* came out more often
than it was asked in; *recovered* came out though its enqueue was never acknowledged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from checker.history import FAIL, OK, History, Op
from checker.phrases import name_op, plural, show
from checker.shapes import Malformed, answer_row, answers, listed
from checker.values import Json, identity
from checker.verdict import Outcome, Verdict

_MOST_SHOWN = 20


@answers
def check(history: History, *, duplicates: bool = True) -> Verdict:
    """*Invalid* with lost or unexpected values, and with duplicated ones unless ``duplicates`` may be.

    *Vacuous* where nothing came out. ``details``: the ``counts`` and some of the values.
    """
    asked: Counter[Hashable] = Counter()
    acknowledged: Counter[Hashable] = Counter()
    came: Counter[Hashable] = Counter()
    first: dict[Hashable, tuple[Op, Json]] = {}
    for op in history.ops():
        if op.f == "enqueue":
            name = (identity(op.key), identity(op.argument))
            asked[name] += 1 if op.type != FAIL else 0
            acknowledged[name] += 1 if op.type == OK else 0
            first.setdefault(name, (op, op.argument))
        elif op.f in ("dequeue", "drain"):
            for value in _taken(op):
                name = (identity(op.key), identity(value))
                came[name] += 1
                first.setdefault(name, (op, value))
        else:
            raise Malformed(op.invoked, f"a queue does not know {op.f!r}")
    classes = {
        "lost": acknowledged - came,
        "unexpected": Counter({name: n for name, n in came.items() if not asked[name]}),
        "duplicated": Counter({n: c - asked[n] for n, c in came.items() if 0 < asked[n] < c}),
        "recovered": (came & asked) - acknowledged,
    }
    counts = {name: values.total() for name, values in classes.items()}
    counts |= {"asked": asked.total(), "ok": acknowledged.total(), "came": came.total()}
    details: dict[str, Json] = {
        "counts": counts,
        **{kind: [first[n][1] for n in list(some)[:_MOST_SHOWN]] for kind, some in classes.items()},
    }
    bad = ["lost", "unexpected", *([] if duplicates else ["duplicated"])]
    wrong = [(kind, first[name]) for kind in bad for name in classes[kind]]
    if wrong:
        return _invalid(history, counts, bad, wrong, details)
    if not came:
        return Verdict(outcome=Outcome.VACUOUS, summary="nothing came out", details=details)
    summary = f"all of {plural(acknowledged.total(), 'acknowledged value')} came out"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _taken(op: Op) -> Sequence[Json]:
    if op.type != OK or op.result is None:
        return ()
    if op.f == "dequeue":
        return (op.result,)
    return listed(op.result, answer_row(op), "what a drain takes")


def _invalid(
    history: History,
    counts: dict[str, int],
    bad: Sequence[str],
    wrong: Sequence[tuple[str, tuple[Op, Json]]],
    details: dict[str, Json],
) -> Verdict:
    kind, (op, value) = wrong[0]
    why = {
        "lost": f"{name_op(history, op.invoked)} was acknowledged (row {op.completed}), "
        f"but {show(value)} never came out",
        "unexpected": f"{name_op(history, op.invoked)} (row {op.completed}) gave {show(value)}, "
        "which nobody put in",
        "duplicated": f"{show(value)} (first in row {op.invoked}) came out too often",
    }[kind]
    rows = [op.invoked] if op.completed is None else [op.invoked, op.completed]
    return Verdict(
        outcome=Outcome.INVALID,
        summary="queue: " + ", ".join(f"{counts[name]} {name}" for name in bad if counts[name]),
        evidence=tuple(rows),
        explanation=(why,),
        details=details,
    )
