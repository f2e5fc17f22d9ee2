"""Judging a history object by object, one object a key, by a function that finds contradictions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence

from checker.history import OK, History, Op
from checker.linearizable.frontier import Budget, decide
from checker.linearizable.search import summarize
from checker.linearizable.track import of_ops
from checker.models import Model
from checker.phrases import of_key, plural
from checker.values import Json, identity
from checker.verdict import Outcome, Verdict
from checker.witness import Witness

FOREVER = 1 << 62
"""Later than any row: when an op whose fate nobody knows may still end."""

_MOST_NAMES = 100


class Ambiguous(Exception):  # noqa: N818
    """This object's history is beyond the special way of judging; the message says why."""


Find = Callable[[History, Sequence[Op]], list[Witness]]


def judge_objects(
    history: History,
    find: Find,
    *,
    what: str,
    observers: frozenset[str],
    model: Model | None = None,
    budget: Budget | None = None,
) -> Verdict:
    """``find`` gives an object's contradictions; none: it is fine. ``what`` it is, for people.

    *Vacuous* where no op in ``observers`` succeeded. Objects for which ``find`` raises Ambiguous are
    searched by ``model``, or unknown without one. ``details``: ``objects``, ``ops``, ``searched``;
    where invalid ``bad``, ``bad key names``, ``contradictions`` by title, and the ``witness``.
    """
    parts: dict[Hashable, list[Op]] = {}
    for op in history.ops():
        parts.setdefault(identity(op.key), []).append(op)
    found: dict[Hashable, list[Witness]] = {}
    ambiguous: dict[Hashable, str] = {}
    for name, ops in parts.items():
        try:
            if contradictions := find(history, ops):
                found[name] = contradictions
        except Ambiguous as reason:
            ambiguous[name] = str(reason)
    details: dict[str, Json] = {
        "objects": len(parts),
        "ops": sum(map(len, parts.values())),
        "searched": len(ambiguous) if model else 0,
    }
    if found:
        keys = [parts[name][0].key for name in found]
        return _invalid(history, what, keys, list(found.values()), details)
    if ambiguous:
        verdict = _search(history, parts, ambiguous, model, budget or Budget())
        if not verdict.valid:
            return verdict
    if not any(op.type == OK and op.f in observers for ops in parts.values() for op in ops):
        return Verdict(
            outcome=Outcome.VACUOUS,
            summary=f"no {' and no '.join(sorted(observers))} succeeded",
            details=details,
        )
    summary = f"a correct {what}: {plural(int(str(details['ops'])), 'op')}"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _search(
    history: History,
    parts: dict[Hashable, list[Op]],
    ambiguous: dict[Hashable, str],
    model: Model | None,
    budget: Budget,
) -> Verdict:
    if model is None:
        name, reason = next(iter(ambiguous.items()))
        return Verdict(
            outcome=Outcome.UNKNOWN,
            summary=f"{of_key(parts[name][0].key)}: {reason}",
            details={"objects": len(parts), "undecided": len(ambiguous)},
        )
    share = budget.shared(len(ambiguous))
    several = [parts[name] for name in ambiguous]
    decided = [(ops[0].key, decide(ops, model, share)) for ops in several]
    return summarize(history, model, decided, lambda place: of_ops(several[place], model))


def _invalid(
    history: History,
    what: str,
    keys: list[Json],
    found: list[list[Witness]],
    details: dict[str, Json],
) -> Verdict:
    """The contradiction whose last row comes first is explained; all are counted."""
    counts = Counter(witness.title for several in found for witness in several)
    first = min(
        (
            (max(w.rows(history)), i, j)
            for i, several in enumerate(found)
            for j, w in enumerate(several)
        )
    )
    _, of_object, place = first
    witness = found[of_object][place]
    more = f"; and {plural(len(keys) - 1, 'other key')}" if len(keys) > 1 else ""
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"not a correct {what}: {of_key(keys[of_object])}, {witness.title}{more}",
        evidence=witness.rows(history),
        explanation=tuple(witness.lines),
        details=details
        | {
            "bad": len(keys),
            "bad key names": keys[:_MOST_NAMES],
            "contradictions": dict(counts),
            "witness": witness.to_json(history),
        },
    )


def end_of(op: Op) -> int:
    """The row of an op's answer, or FOREVER."""
    return op.completed if op.type == OK and op.completed is not None else FOREVER


def by_value(ops: Sequence[Op]) -> defaultdict[Hashable, list[Op]]:
    """Ops by the identity of their argument."""
    found: defaultdict[Hashable, list[Op]] = defaultdict(list)
    for op in ops:
        found[identity(op.argument)].append(op)
    return found
