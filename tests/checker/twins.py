"""Brute force: what a checker says must equal what trying every order says."""

from collections.abc import Callable

from checker.history import FAIL, INFO, History, Op
from checker.values import identity


def explainable(history: History, start: object, step: Callable, *, fails: bool = False) -> bool:
    """Whether some order of the ops of one key, within real time, explains every answer.

    ``step(state, op)`` gives the next state, or None where the op cannot happen then. An op that
    nobody knows of may happen at any time after its invocation, or never.
    """
    ops = [op for op in history.ops() if fails or op.type != FAIL]

    def search(state: object, left: list[Op]) -> bool:
        if all(op.type == INFO for op in left):
            return True
        first_end = min(op.completed for op in left if op.type != INFO)
        for op in left:
            if op.invoked < first_end:
                after = step(state, op)
                if after is not None and search(after, [o for o in left if o is not op]):
                    return True
        return False

    return search(start, ops)


def by_key(history: History) -> list[History]:
    """A history for each key, rows in their order."""
    keys = {identity(key): [] for key in history.key}
    for row in history.rows:
        keys[identity(row.key)].append(row)
    return [History.of(rows) for rows in keys.values()]


def register(state: tuple, op: Op) -> tuple | None:
    """The state is (value,), since None would mean that the op cannot happen."""
    match op.f:
        case "read":
            return state if op.type == INFO or identity(op.result) == identity(state[0]) else None
        case "write":
            return (op.argument,)
        case "cas":
            old, new = op.argument
            return (new,) if identity(state[0]) == identity(old) else None
    raise AssertionError(op.f)
