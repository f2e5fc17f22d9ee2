"""Sets: ``add``, ``remove``, ``contains`` (a boolean) of elements, and ``read`` of all of them.

Without reads of the whole, each element is an object of its own with two states (Lee, Mathur,
"Efficient Decrease-and-Conquer Linearizability Monitoring", OOPSLA 2025). With such reads, and
elements that are added once and never removed, the reads must grow one from the other: that puts
reads and adds into layers whose order is forced, and the history is linearizable iff no op of a
layer ended before one of an earlier layer began. n log n in the size of the history; anything else
is searched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import cast

from checker.containers.objects import Ambiguous, by_value, end_of, judge_objects
from checker.history import FAIL, INFO, OK, History, Op
from checker.linearizable.frontier import Budget, decide
from checker.linearizable.search import stuck_witness
from checker.models import ILLEGAL, SET, Illegal, Model, State
from checker.phrases import show
from checker.shapes import Malformed, answer_row, answers, expect, listed
from checker.values import Json, identity
from checker.verdict import Outcome, Verdict
from checker.witness import Witness

_MOST_ELEMENTS = 3

_KNOWN = frozenset({"add", "remove", "contains", "read"})


@answers
def check(history: History, *, budget: Budget | None = None) -> Verdict:
    """Linearizability of sets, one a key."""
    return judge_objects(
        history,
        lambda history, ops: _find(history, ops, budget or Budget()),
        what="set",
        observers=frozenset({"read", "contains"}),
        model=SET,
        budget=budget,
    )


def _find(history: History, ops: Sequence[Op], budget: Budget) -> list[Witness]:
    _expect(ops)
    reads = [op for op in ops if op.f == "read" and op.type == OK]
    if reads:
        if any(op.f not in {"read", "add"} for op in ops):
            raise Ambiguous("reads of the whole set, with more than adds")
        return _grown(history, ops, reads)
    return _elements(history, [op for op in ops if op.f != "read"], budget)


def _expect(ops: Sequence[Op]) -> None:
    """Raises Malformed for what is not a set's."""
    expect(ops, _KNOWN, "set")
    for op in ops:
        if op.type == OK and op.f == "read":
            listed(op.result, answer_row(op), "what is read of a set")
        if op.type == OK and op.f == "contains" and not isinstance(op.result, bool):
            why = f"contains answers true or false, not {show(op.result)}"
            raise Malformed(answer_row(op), why)


def _element(state: State, op: Op) -> State | Illegal:
    match op.f:
        case "add":
            return True
        case "remove":
            return False
        case "contains":
            return state if op.type == INFO or op.result is state else ILLEGAL
    raise AssertionError(op.f)


ELEMENT = Model(
    name="set element",
    init=False,
    step=_element,
    processes=False,
    observers=frozenset({"contains"}),
)


def _elements(history: History, ops: Sequence[Op], budget: Budget) -> list[Witness]:
    """Each element by itself: two states, and a search that is linear but for what is concurrent."""
    found = []
    elements = by_value(ops)
    share = budget.shared(len(elements))
    for several in elements.values():
        answered = [op for op in several if op.f == "contains" and op.type == OK]
        if not answered:
            continue  # adds and removes always succeed: any order explains them
        decision = decide(several, ELEMENT, share)
        if decision.outcome is Outcome.UNKNOWN:
            raise Ambiguous(f"too much goes on at once with element {show(several[0].argument)}")
        if decision.outcome is Outcome.INVALID:
            witness = stuck_witness(history, decision)
            found.append(replace(witness, title="element there or not there against the order"))
    return found


def _grown(history: History, ops: Sequence[Op], reads: Sequence[Op]) -> list[Witness]:
    """Reads of a set that only grows."""
    adds = by_value([op for op in ops if op.f == "add" and op.type != FAIL])
    failed = by_value([op for op in ops if op.f == "add" and op.type == FAIL])
    contents = {op.invoked: _content(op) for op in reads}
    seen: set[Hashable] = set().union(*contents.values())
    if wrong := [
        _phantom(history, op, element, failed.get(element, []))
        for op in reads
        for element in contents[op.invoked]
        if element not in adds
    ]:
        return wrong
    for element, several in adds.items():
        if len(several) > 1 and (element in seen or sum(op.type == OK for op in several) > 1):
            raise Ambiguous(f"{show(several[0].argument)} was added more than once")
    ordered = sorted(reads, key=lambda op: (len(contents[op.invoked]), op.invoked))
    if apart := _incomparable(history, ordered, contents):
        return [apart]
    return _layers(history, ordered, contents, adds)


def _content(op: Op) -> frozenset[Hashable]:
    values = cast("Sequence[Json]", op.result or [])
    content = frozenset(map(identity, values))
    if len(content) < len(values):
        raise Ambiguous(f"row {op.completed}: an element comes more than once in one read")
    return content


def _phantom(history: History, op: Op, element: Hashable, failed: Sequence[Op]) -> Witness:
    witness = Witness("element never added")
    witness.add(op.invoked, *(add.invoked for add in failed[:1]))
    shown = show(failed[0].argument) if failed else _show(element)
    why = "but the add of it failed" if failed else "but nobody ever added it"
    witness.lines.append(f"a {_named(history, op)} contained {shown}, {why}")
    return witness


def _show(element: Hashable) -> str:
    return str(element[1]) if isinstance(element, tuple) else show(element)


def _named(history: History, op: Op) -> str:
    return f"read by process {int(history.process[op.invoked])} (row {op.completed})"


def _incomparable(
    history: History, ordered: Sequence[Op], contents: dict[int, frozenset[Hashable]]
) -> Witness | None:
    for smaller, larger in pairwise(ordered):
        only = contents[smaller.invoked] - contents[larger.invoked]
        if only:
            more = contents[larger.invoked] - contents[smaller.invoked]
            witness = Witness("reads that contradict each other")
            witness.add(smaller.invoked, larger.invoked)
            witness.lines.append(
                f"a {_named(history, smaller)} contained {_some(only)} and not {_some(more)}, "
                f"a {_named(history, larger)} the other way round"
                if more
                else f"a {_named(history, smaller)} contained {_some(only)}"
            )
            return witness
    return None


def _some(elements: frozenset[Hashable]) -> str:
    shown = sorted(map(_show, elements))
    more = f" and {len(shown) - _MOST_ELEMENTS} more" if len(shown) > _MOST_ELEMENTS else ""
    return ", ".join(shown[:_MOST_ELEMENTS]) + more


def _layers(
    history: History,
    ordered: Sequence[Op],
    contents: dict[int, frozenset[Hashable]],
    adds: defaultdict[Hashable, list[Op]],
) -> list[Witness]:
    """Adds first read by a read come right before it and the reads like it; unread adds come last."""
    layers: list[tuple[list[Op], Op]] = []  # with the read that shows it
    before: frozenset[Hashable] = frozenset()
    for op in ordered:
        content = contents[op.invoked]
        if len(content) > len(before):
            layers.append(([adds[element][0] for element in content - before], op))
            before = content
        layers.append(([op], op))
    unread = [op for element, some in adds.items() if element not in before for op in some]
    layers.append(([op for op in unread if op.type == OK], ordered[-1]))
    found = []
    latest: tuple[Op, Op] | None = None
    for layer, read in _joined(layers):
        if latest is not None:
            begun = latest[0].invoked
            found += [_late(history, op, *latest) for op in layer if end_of(op) < begun]
        last = max(layer, key=lambda op: op.invoked, default=None)
        if last is not None and (latest is None or last.invoked > latest[0].invoked):
            latest = last, read
    return found


def _joined(layers: Sequence[tuple[list[Op], Op]]) -> list[tuple[list[Op], Op]]:
    """Reads of the same content are one layer."""
    joined: list[tuple[list[Op], Op]] = []
    for layer, read in layers:
        both_reads = joined and joined[-1][0] and joined[-1][0][-1].f == "read" and layer == [read]
        if both_reads:
            joined[-1][0].append(read)
        else:
            joined.append((list(layer), read))
    return joined


def _late(history: History, early: Op, late: Op, shown_by: Op) -> Witness:
    """``early`` ended before ``late`` began, but ``shown_by`` shows that ``late`` came first."""
    assert early.completed is not None
    titles = {
        ("read", "read"): "element seen and gone",
        ("read", "add"): "read before it was added",
    }
    witness = Witness(titles.get((early.f, late.f), "missing element"))
    witness.precede(history, early.completed, late.invoked)
    witness.add(shown_by.invoked)
    if early.f == "add":
        there = "" if late.f == "read" else f"contained {show(late.argument)} and "
        witness.lines.append(
            f"but the {_named(history, shown_by)} {there}did not contain {show(early.argument)}"
        )
    elif late.f == "add":
        witness.lines.append(f"but the {_named(history, early)} shows that it was there")
    else:
        gone = _content(early) - _content(late)
        witness.lines.append(f"but the first contained {_some(gone)} and the second did not")
    return witness
