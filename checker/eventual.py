"""Whether replicas that need not agree at once agree in the end, and on what had been answered.

Vogels, "Eventually Consistent", CACM 52(1), 2009: if no new updates are made, in the end all copies
are the same. That alone is kept by a store that forgets everything, so there is more to it:

- *converged*: the last that each node said of its own copy (``replica``: the values of a key, side
  by side; None where it keeps none) is the same at all of them;
- *kept*: an element that was added (``add``) is there; a key of which a write was answered, and that
  nobody asked to delete, has some value;
- *gone*: what a ``delete`` answered that it had deleted (a list of values) is not there;
- *replaced*: what a client wrote, and then replaced by another write, is not there;
- *asked for*: all that is there was written or added by somebody, and not by an op that failed.

A read may be as stale as it likes: :mod:`checker.measured` says how far.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from checker.history import FAIL, OK, History, Op
from checker.phrases import name_op, of_key, of_node, plural, show
from checker.values import Json, canonical, identity
from checker.verdict import Outcome, Verdict

COPY = "replica"
"""Reads the copy of the node that is asked."""
_MOST_SHOWN = 10

Wrong = tuple[str, tuple[Op, ...]]
"""What is wrong, in words, and the ops that show it."""


@dataclass
class _Key:
    """What was asked of one key. ``copies``: the last ok ``replica`` at each node."""

    key: Json
    copies: dict[int, Op] = field(default_factory=dict)
    adds: list[Op] = field(default_factory=list)
    writes: list[Op] = field(default_factory=list)
    deletes: list[Op] = field(default_factory=list)

    def take(self, op: Op, node: int) -> None:
        if op.f == COPY and op.type == OK:
            self.copies[node] = op
        kept = {"add": self.adds, "write": self.writes, "delete": self.deletes}.get(op.f)
        if kept is not None:
            kept.append(op)


def check(history: History) -> Verdict:
    """*Vacuous* where no node was asked for its copy, or nothing was answered of which some remain.

    ``details``: ``keys``, ``copies`` compared, ``siblings`` (keys with several values in the end),
    ``acknowledged`` updates, and ``wrong`` (how many things are).
    """
    keys: dict[Hashable, _Key] = {}
    for op in history.ops():
        node = history.node[op.invoked]
        of = keys.setdefault(identity(op.key), _Key(op.key))
        of.take(op, node if isinstance(node, int) else -1)
    seen = [of for of in keys.values() if of.copies]
    updates = sum(op.type == OK for of in seen for op in (*of.adds, *of.writes, *of.deletes))
    wrong = [(of, *one) for of in seen for one in _wrong(of)]
    if not wrong and not updates:
        return Verdict(
            outcome=Outcome.VACUOUS,
            summary="no node was asked for its copy of a key"
            if not seen
            else "no update succeeded",
        )
    held = [[c for c in of.copies.values() if c.result is not None] for of in seen]
    details: dict[str, Json] = {
        "keys": len(seen),
        "copies": sum(map(len, held)),
        "siblings": sum(len(_values(copies)) > 1 for copies in held),
        "acknowledged": updates,
        "wrong": len(wrong),
    }
    if not wrong:
        return Verdict(
            outcome=Outcome.VALID,
            summary=f"{plural(sum(map(len, held)), 'copy', 'copies')} of {plural(len(seen), 'key')} "
            f"agree, and have all of {plural(updates, 'acknowledged update')}",
            details=details,
        )
    of, text, ops = wrong[0]
    shown = wrong[:_MOST_SHOWN]
    return Verdict(
        outcome=Outcome.INVALID,
        summary=f"{of_key(of.key)}: {text}"
        + (f", and {len(wrong) - 1} more such" if len(wrong) > 1 else ""),
        evidence=tuple(sorted({row for op in ops for row in _rows(op)})),
        explanation=(
            *(f"{name_op(history, op.invoked)} (row {op.invoked})" for op in ops),
            *(f"{of_key(of.key)}: {text}" for of, text, _ in shown),
        ),
        details=details,
    )


def _rows(op: Op) -> list[int]:
    return [op.invoked] if op.completed is None else [op.invoked, op.completed]


def _values(copies: Sequence[Op]) -> list[Json]:
    """The values that some copy has, each once."""
    found = {
        identity(value): value
        for copy in copies
        if isinstance(copy.result, list)
        for value in copy.result
    }
    return list(found.values())


def _wrong(of: _Key) -> Iterator[Wrong]:
    copies = {node: op for node, op in of.copies.items() if op.result is not None}
    if not copies:
        yield "no node keeps it", tuple(of.copies.values())[:1]
        return
    texts = {node: canonical(op.result) for node, op in copies.items()}
    first = min(texts)
    for node, text in texts.items():
        if text != texts[first]:
            one, other = show(copies[first].result), show(copies[node].result)
            yield _apart(first, node, one, other), (copies[first], copies[node])
            return
    values, copy = _values(list(copies.values())), copies[first]
    yield from _adds(of, values, copy)
    yield from _writes(of, values, copy)


def _apart(first: int, node: int, one: str, other: str) -> str:
    return f"{of_node(first)} has {one} in the end, and {of_node(node)} {other}"


def _adds(of: _Key, values: Sequence[Json], copy: Op) -> Iterator[Wrong]:
    """The elements of a set, which may lie in several siblings."""
    if not of.adds:
        return
    there = {identity(e) for value in values if isinstance(value, list) for e in value}
    asked = {identity(op.argument) for op in of.adds if op.type != FAIL}
    for op in of.adds:
        if op.type == OK and identity(op.argument) not in there:
            yield f"{show(op.argument)} was added, and is lost", (op, copy)
    for element in there - asked:
        yield f"{show(element)} is there, and nobody added it", (copy,)


def _writes(of: _Key, values: Sequence[Json], copy: Op) -> Iterator[Wrong]:
    if of.adds:
        return
    there = {identity(value) for value in values}
    asked = {identity(op.argument): op for op in of.writes if op.type != FAIL}
    answered = [op for op in of.writes if op.type == OK]
    if answered and not there and not of.deletes:
        yield "was written, and nothing is there", (answered[-1], copy)
    for name in there - asked.keys():
        yield f"{show(name)} is there, and nobody wrote it", (copy,)
    for op in of.deletes:
        for value in op.result if op.type == OK and isinstance(op.result, list) else ():
            if identity(value) in there:
                yield f"{show(value)} was deleted, and is there again", (op, copy)
    last = {op.process: op for op in answered}
    for op in answered:
        if identity(op.argument) in there and last[op.process] is not op:
            yield (
                f"{show(op.argument)} is there, which its own client had replaced",
                (op, last[op.process], copy),
            )
