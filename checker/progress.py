"""How far a long check is, and how it is ended early: the seam between checkers and whoever runs them.

A checker tells, a few times a second, what it has decided; whoever runs it may listen, and may end
it. Nobody need do either::

    with listening(lambda done, total, of: print(f"{done:,} of {total:,} {of}")):
        verdict = check(history)

To end a check, raise :class:`Stopped` in the listener or in a signal handler, or press Ctrl-C
(KeyboardInterrupt). A checker that knows this file catches both (``ENDINGS``) and answers *unknown*
with what it decided by then, the reason in ``details["stopped"]``; others let them through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Listener: TypeAlias = Callable[[int, int, str], None]
"""Called with how much is done, of how much in all, and what these are: ``"ops"``."""


class Stopped(Exception):  # noqa: N818  not an error: somebody wants no more
    """End the check that is running. The message says why, in a few words: "out of time"."""


ENDINGS = (Stopped, KeyboardInterrupt)
"""What a checker catches to answer *unknown*; it starts nothing new after it."""

_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside, ``listener`` hears every report. It should be quick: it decides how often to print."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def report(done: int, total: int, of: str = "ops") -> None:
    """Say that ``done`` of ``total`` are decided. Raises what the listener raises."""
    listener = _listener.get()
    if listener is not None:
        listener(done, total, of)


@contextmanager
def part(before: int, total: int, of: str = "ops") -> Iterator[None]:
    """Inside, reports count from ``before`` on, of ``total``: one part of a larger check."""
    outer = _listener.get()
    if outer is None:
        yield
        return
    with listening(lambda done, _, __: outer(before + done, total, of)):
        yield


def why(ending: BaseException) -> str:
    """The reason for people.

    >>> why(KeyboardInterrupt()), why(Stopped("out of time"))
    ('interrupted', 'out of time')
    """
    return str(ending) or ("interrupted" if isinstance(ending, KeyboardInterrupt) else "stopped")
