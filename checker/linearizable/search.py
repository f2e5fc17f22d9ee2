"""Linearizability of any model's objects, by the general search of :mod:`checker.linearizable.frontier`.

Slower than what knows the object (registers with unique values, queues ...), and complete: repeated
values, failed cas as observations, models of one's own. It answers *unknown* when its budget is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from checker.history import History, Op
from checker.linearizable.decision import Budget, Decision
from checker.linearizable.frontier import decide_all
from checker.linearizable.leadup import lead_up
from checker.linearizable.states import name_state
from checker.linearizable.track import Track, of_history
from checker.models import Model, State
from checker.phrases import name_op, of_key, plural, seconds
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.witness import Witness

_MOST_SHOWN, _MOST_LED = 6, 3
Led: TypeAlias = tuple[tuple[Op, State], ...]
"""Ops in an order that explains what they answered, each with the state that it leaves."""


def search(history: History, model: Model, *, budget: Budget | None = None) -> Verdict:
    """Judge a history by a model, object by object. Raises what the model's ``step`` raises.

    ``details``: ``objects``, ``undecided``, ``bad``, ``steps``; of the first bad or else undecided
    object how many of its ``answers`` were ``explained``; and why the search was ``stopped``, if it
    was (:mod:`checker.progress`).
    """
    parts = of_history(history, model)
    decided = decide_all(parts, model, budget or Budget())
    return summarize(history, model, decided, lambda place: parts[place][1])


def summarize(
    history: History,
    model: Model,
    decided: Sequence[tuple[Json, Decision]],
    track: Callable[[int], Track],
) -> Verdict:
    """The verdict over all objects: the first bad one is explained, else the first undecided one.

    ``track`` gives the ops of the object of a place.
    """
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
    stopped = next((d.stopped for _, d in decided if d.stopped is not None), None)
    if stopped is not None:
        details["stopped"] = stopped
    led: Led = ()
    if bad:
        place = next(place for place, (_, d) in enumerate(decided) if d is worst)
        led = lead_up(track(place), model, worst.explained, _MOST_LED)
    witness = stuck_witness(history, worst, led)
    details |= {"answers": worst.answers, "explained": worst.explained}
    others = len(bad or undecided) - 1
    more = f"; and {plural(others, 'other object')}" if others else ""
    if bad:
        summary = f"not linearizable as a {model.name}: {of_key(name)}{more}"
    else:
        ended = "was stopped" if worst.stopped else "gave up"
        because = f", {worst.stopped}" if worst.stopped else ""
        summary = (
            f"{of_key(name)}: the search {ended} after {plural(worst.steps, 'step')}{because}; "
            f"{worst.explained:,} of {plural(worst.answers, 'answer')} are explained{more}"
        )
    if bad:
        details["witness"] = witness.to_json(history)
    return Verdict(
        outcome=Outcome.INVALID if bad else Outcome.UNKNOWN,
        summary=summary,
        evidence=witness.rows(history),
        explanation=tuple(witness.lines) if bad else (),
        details=details,
    )


def stuck_witness(history: History, decision: Decision, led: Led = ()) -> Witness:
    """The answer that cannot be explained, or was not reached, and what was open then; and the end of
    an order that explains all before it, where there is one.
    """
    stuck = decision.stuck
    assert stuck is not None
    assert stuck.completed is not None
    witness = Witness("an answer that no order explains")
    others = [op.invoked for op in decision.others]
    shown = list(dict.fromkeys([stuck.invoked, *(op.invoked for op, _ in led), *others]))
    witness.add(*shown[:_MOST_SHOWN])
    states = " or ".join(name_state(state) for state in decision.states[:_MOST_SHOWN])
    rest = len(decision.states) - _MOST_SHOWN
    more = f" or one of {rest} others" if rest > 0 else ""
    at = seconds(int(history.time_ns[stuck.completed]))
    named = name_op(history, stuck.invoked)
    witness.lines += [
        f"{named} finished at {at} (row {stuck.completed}), and no order of the ops explains it",
        f"after the {plural(decision.explained, 'answer')} before it there is only {states}{more}",
    ]
    witness.led = [(op.invoked, name_state(state)) for op, state in led]
    witness.lines += led_lines(history, witness.led)
    witness.lines += [
        f"{name_op(history, op)} (row {op}) was under way then"
        for op in shown[1:_MOST_SHOWN]
        if op in others
    ]
    return witness


def led_lines(history: History, led: Sequence[tuple[int, str]]) -> list[str]:
    """The end of an order in words, a line an op."""
    return [
        f"{'an order that explains them ends: ' if not place else '... then '}"
        f"{name_op(history, op)} (row {op}), after which there is {state}"
        for place, (op, state) in enumerate(led)
    ]
