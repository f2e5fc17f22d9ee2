"""First in, first out: ``enqueue`` a value, ``dequeue`` one, or null from an empty queue.

Henzinger, Sezgin, Vafeiadis, "Aspect-Oriented Linearizability Proofs", CONCUR 2013: with unique
values a queue history is linearizable iff nothing is dequeued that was not enqueued, or twice; no
value overtakes an earlier one; and no dequeue finds the queue empty while something is certainly in
it. n log n.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.containers.cover import Cover, chain
from checker.containers.objects import FOREVER, Ambiguous, judge_objects
from checker.containers.pairs import Pair, pairs
from checker.history import INFO, OK, History, Op
from checker.linearizable.frontier import Budget
from checker.models import QUEUE
from checker.phrases import name_op, show
from checker.shapes import answers, expect
from checker.verdict import Verdict
from checker.witness import Witness

_MOST_SHOWN = 5

_KNOWN = frozenset({"enqueue", "dequeue"})


@answers
def check(history: History, *, budget: Budget | None = None) -> Verdict:
    """Linearizability of FIFO queues, one a key."""
    return judge_objects(
        history,
        _find,
        what="queue",
        observers=frozenset({"dequeue"}),
        model=QUEUE,
        budget=budget,
    )


def _find(history: History, ops: Sequence[Op]) -> list[Witness]:
    expect(ops, _KNOWN, "queue")
    if any(op.f == "dequeue" and op.type == INFO for op in ops):
        raise Ambiguous("nobody knows what a dequeue took")
    values, found = pairs(history, ops, put="enqueue", take="dequeue")
    return found or [*overtaken(history, values), *empties(history, values, ops, "dequeue")]


def overtaken(history: History, values: Sequence[Pair]) -> list[Witness]:
    """Values that came out, or stayed in, although one that was put in after them was out already.

    Sweep by the beginning of puts, keeping, of all values whose put had ended by then, the one whose
    removal began last. A cycle of such pairs has one of two: interval orders have no 2 + 2.
    """
    found = []
    ended = sorted(values, key=lambda pair: pair.put_end)
    place, latest = 0, None
    for later in sorted(values, key=lambda pair: pair.put_begin):
        while place < len(ended) and ended[place].put_end < later.put_begin:
            if latest is None or ended[place].take_begin > latest.take_begin:
                latest = ended[place]
            place += 1
        if latest is not None and later.take_end < latest.take_begin:
            found.append(_overtaken(history, latest, later))
    return found


def _overtaken(history: History, first: Pair, later: Pair) -> Witness:
    lost = first.take is None
    witness = Witness("lost value" if lost else "values out of order")
    witness.add(first.put.invoked, later.put.invoked)
    # Where an op's end was moved to that of its removal, the removal is what came first.
    if first.put.type == OK and first.put.completed is not None:
        if first.put.completed < later.put.invoked:
            witness.precede(history, first.put.completed, later.put.invoked)
        elif first.take is not None and first.take.completed is not None:
            witness.precede(history, first.take.completed, later.put.invoked)
    assert later.take is not None
    assert later.take.completed is not None
    if first.take is None:
        witness.add(later.take.invoked)
        witness.lines.append(
            f"{name_op(history, later.take.invoked)} (row {later.take.completed}) came after it, "
            f"but nobody ever took {show(first.value)}"
        )
    else:
        witness.precede(history, later.take.completed, first.take.invoked)
    return witness


def empties(
    history: History, values: Sequence[Pair], ops: Sequence[Op], take: str
) -> list[Witness]:
    """Removals that found nothing although all the time some value was certainly inside."""
    nothing = [op for op in ops if op.f == take and op.type == OK and op.result is None]
    if not nothing:
        return []
    inside = [
        (pair.put_end, pair.take_begin, i)
        for i, pair in enumerate(values)
        if pair.put_end < pair.take_begin
    ]
    cover = Cover([FOREVER, *(row for a, b, _ in inside for row in (a, b)), *rows_of(nothing)])
    for begin, end, _ in inside:
        cover.add(begin, end)
    found = []
    for op in nothing:
        assert op.completed is not None
        if not cover.has_free(op.invoked, op.completed):
            witness = Witness("empty although it held something")
            witness.add(op.invoked)
            held = chain(inside, op.invoked, op.completed)
            for _, _, i in held[:_MOST_SHOWN]:
                witness.add(values[i].put.invoked)
            names = ", then ".join(show(values[i].value) for _, _, i in held[:_MOST_SHOWN])
            witness.lines.append(
                f"{name_op(history, op.invoked)} (rows {op.invoked} to {op.completed}) found nothing, "
                f"but all that time it certainly held {names}"
            )
            found.append(witness)
    return found


def rows_of(ops: Sequence[Op]) -> list[int]:
    return [row for op in ops for row in (op.invoked, op.completed) if row is not None]
