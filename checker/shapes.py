"""What a check expects of a history, and what it answers where the history is not like that.

A history may come from anywhere, and hold any JSON. Where an op or an answer has not the shape that
a check knows, nothing is proved either way: the check is *unknown*, with a sentence that names the
row, and never a traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from checker.history import History, Op
from checker.phrases import show
from checker.values import Json
from checker.verdict import Outcome, Verdict

P = ParamSpec("P")


class Malformed(ValueError):  # noqa: N818
    """The history is not of the shape that a check knows; ``row`` is where."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(f"row {row}: {why}")
        self.row = row


def answers(
    check: Callable[Concatenate[History, P], Verdict],
) -> Callable[Concatenate[History, P], Verdict]:
    """The same check, which is *unknown* where it would raise Malformed."""

    @wraps(check)
    def judged(history: History, /, *args: P.args, **kwargs: P.kwargs) -> Verdict:
        try:
            return check(history, *args, **kwargs)
        except Malformed as wrong:
            return Verdict(outcome=Outcome.UNKNOWN, summary=str(wrong), evidence=(wrong.row,))

    return judged


def answer_row(op: Op) -> int:
    """The row that holds an op's answer; of one without, its invocation."""
    return op.invoked if op.completed is None else op.completed


def expect(ops: Iterable[Op], known: frozenset[str], what: str) -> None:
    """Raises Malformed at the first op whose ``f`` is not known to ``what``."""
    for op in ops:
        if op.f not in known:
            raise Malformed(op.invoked, f"a {what} does not know {op.f!r}")


def integer(value: Json, row: int, what: str) -> int:
    """An int, which true, false and 1.0 are not; raises Malformed."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(row, f"{what} is an int, not {show(value)}")
    return value


def listed(value: Json, row: int, what: str) -> Sequence[Json]:
    """A list, where null is an empty one; raises Malformed."""
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise Malformed(row, f"{what} is a list, not {show(value)}")
    return cast("Sequence[Json]", value)


def mapping(value: Json, row: int, what: str) -> Mapping[Json, Json]:
    """An object, where null is an empty one; raises Malformed."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Malformed(row, f"{what} is an object, not {show(value)}")
    return cast("Mapping[Json, Json]", value)
