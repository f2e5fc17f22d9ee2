"""Linearizability of any model's objects, by the general search of :mod:`checker.linearizable.frontier`.

Slower than what knows the object (registers with unique values, queues ...), and complete: repeated
values, failed cas as observations, models of one's own. It answers *unknown* when its budget is spent.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from checker.history import INFO, History, Op
from checker.linearizable.frontier import Budget, Decision, decide
from checker.models import Model, State
from checker.phrases import moments, name_op, of_key, plural, show
from checker.values import Json, identity
from checker.verdict import Outcome, Verdict

_MOST_SHOWN = 6


def search(history: History, model: Model, *, budget: Budget | None = None) -> Verdict:
    """Judge a history by a model, object by object. Raises what the model's ``step`` raises.

    ``details``: ``objects``, ``undecided``, ``bad``, ``steps``; and of the first bad or else
    undecided object how many of its ``answers`` were ``explained``.
    """
    parts: dict[Hashable, tuple[Json, list[Op]]] = {}
    for op in history.ops():
        name = None if model.partition is None else model.partition(op)
        parts.setdefault(identity(name), (name, []))[1].append(op)
    return summarize(
        history,
        model,
        [(name, decide(ops, model, budget or Budget())) for name, ops in parts.values()],
    )


def summarize(history: History, model: Model, decided: Sequence[tuple[Json, Decision]]) -> Verdict:
    """The verdict over all objects: the first bad one is explained, else the first undecided one."""
    bad = [(name, d) for name, d in decided if d.outcome is Outcome.INVALID]
    undecided = [(name, d) for name, d in decided if d.outcome is Outcome.UNKNOWN]
    details: dict[str, Json] = {
        "objects": len(decided),
        "bad": len(bad),
        "undecided": len(undecided),
        "steps": sum(d.steps for _, d in decided),
    }
    if not bad and not undecided:
        answers = sum(d.answers for _, d in decided)
        if not answers:
            return Verdict(outcome=Outcome.VACUOUS, summary="no op was answered", details=details)
        summary = f"{plural(answers, 'answer')} of {plural(len(decided), 'object')} explained"
        return Verdict(outcome=Outcome.VALID, summary=summary, details=details)
    name, worst = (bad or undecided)[0]
    stuck = worst.stuck
    assert stuck is not None
    ops = (stuck, *worst.others)[:_MOST_SHOWN]
    rows = {row for op in ops for row in (op.invoked, op.completed) if row is not None}
    details |= {"answers": worst.answers, "explained": worst.explained}
    others = len(bad or undecided) - 1
    more = f"; and {plural(others, 'other object')}" if others else ""
    if bad:
        summary = f"not linearizable as a {model.name}: {of_key(name)}{more}"
    else:
        summary = (
            f"{of_key(name)}: the search gave up after {plural(worst.steps, 'step')}; "
            f"{worst.explained:,} of {plural(worst.answers, 'answer')} are explained{more}"
        )
    return Verdict(
        outcome=Outcome.INVALID if bad else Outcome.UNKNOWN,
        summary=summary,
        evidence=tuple(sorted(rows)),
        explanation=tuple(_explain(history, worst)) if bad else (),
        details=details,
    )


def _explain(history: History, decision: Decision) -> Iterable[str]:
    stuck = decision.stuck
    assert stuck is not None
    assert stuck.completed is not None
    (end,) = moments(int(history.time_ns[stuck.completed]))
    yield (
        f"{name_op(history, stuck.invoked)} finished at {end} (row {stuck.completed}), "
        f"and no order of the ops explains that answer"
    )
    states = " or ".join(_state(state) for state in decision.states[:_MOST_SHOWN])
    rest = len(decision.states) - _MOST_SHOWN
    more = f" or one of {rest} others" if rest > 0 else ""
    yield f"the {decision.explained:,} answers before it leave only {states}{more}"
    for op in decision.others[: _MOST_SHOWN - 1]:
        fate = "nobody knows of" if op.type == INFO else "was open at that time"
        yield f"{name_op(history, op.invoked)} (row {op.invoked}) {fate}"


def _state(state: State) -> str:
    """A state for people: identities of values are shown as the values."""
    if isinstance(state, tuple) and len(state) == 2 and state[0] == "json":
        return str(state[1])
    if isinstance(state, (tuple, frozenset)):
        shown = sorted(map(_state, state)) if isinstance(state, frozenset) else map(_state, state)
        return f"[{', '.join(shown)}]"
    return show(state) if isinstance(state, (int, str, float, type(None))) else repr(state)
