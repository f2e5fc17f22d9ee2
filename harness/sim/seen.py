"""What a watcher of a run is told: each event, and each message that did not arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

LOST = ("cut", "to dead", "lost")
"""Kinds of messages that did not arrive: over a cut link, at a node that is down, on the way."""


class Seen(NamedTuple):
    """One event, told before the replica takes it.

    ``kind`` is ``message``, ``timer``, ``<- itself``, ``request``, ``reply``, ``nemesis``, or one of
    ``LOST`` (``node`` is then the one that it was for). A message has ``src`` and ``sent_ns``.
    """

    time_ns: int
    node: int
    kind: str
    text: str
    src: int | None = None
    sent_ns: int | None = None

    def line(self) -> str:
        """One line of a trace.

        >>> Seen(5, 0, "message", '["Ack"]', 1, 2).line(), Seen(7, 2, "timer", "tick").line()
        ('5 n0 <- n1 ["Ack"]', '7 n2 timer tick')
        """
        what = f"<- n{self.src}" if self.kind == "message" else self.kind
        return f"{self.time_ns} n{self.node} {what} {self.text}"


Watch: TypeAlias = Callable[[Seen], None]
"""Is told each event, in order. What it raises ends the run."""
