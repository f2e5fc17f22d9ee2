"""Watching a trial's clients while they run: at the first anomaly of a register, no op begins any more.

The check is :mod:`checker.linearizable.online`; it is fed by a generator that stands before the
workload's own, hears every row in order as that does, and has no more to ask once something is
wrong. So it is the same in both interpreters, and a simulated trial that stopped early replays.
The verdict is still that of the checks at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from checker.history import Row
from checker.linearizable import check
from checker.linearizable.online import OnlineRegister, Unsupported
from checker.phrases import plural, seconds
from harness.errors import UsageError
from workloads.generators import Phases
from workloads.kernel import Generator, Options, Poll, Workload

WATCHED = ("read", "write")
_SAMPLED = 64
"""The cost of one row in so many is measured."""


def refuse_unwatchable(workload: Workload) -> None:
    """Raises UsageError for a workload that cannot be watched: not a register of reads and writes."""
    asked = [f for f in workload.commands if f not in WATCHED]
    if check not in workload.checks.values() or asked:
        why = f"asks for {', '.join(asked)}" if asked else "is held to other checks"
        raise UsageError(
            f"--stop-on-anomaly watches linearizable registers of reads and writes only; workload"
            f" {workload.name} {why}: it is judged when the trial is over"
        )


class Online:
    """Feed it rows in their order. ``tell`` hears, once, that something is wrong or not watched."""

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self.tell = tell
        self.register = OnlineRegister()
        self.rows = 0
        self.sampled_ns = 0
        self.stopped: str | None = None
        """What was seen, and when, once something was."""
        self.gave_up: str | None = None
        """Why it is not watched any more."""

    def feed(self, row: Row) -> None:
        """Take the next row of a client."""
        if self.stopped is not None or self.gave_up is not None:
            return
        self.rows += 1
        if self.rows % _SAMPLED:
            self._feed(row)
            return
        began = time.thread_time_ns()
        self._feed(row)
        self.sampled_ns += time.thread_time_ns() - began

    def _feed(self, row: Row) -> None:
        try:
            anomaly = self.register.feed(row)
        except Unsupported as error:
            self.gave_up = f"not watched any more: {_without_row(str(error))}"
            self.tell(self.gave_up)
            return
        if anomaly is not None:
            self.stopped = f"stopped at {seconds(row.time_ns)}: {_without_row(anomaly)}"
            self.tell(self.stopped)

    def cost(self) -> str:
        """How much was watched, what it took, and what is held, in a line."""
        each_us = self.sampled_ns / max(1, self.rows // _SAMPLED) / 1000
        held = sum(len(key.zones) + len(key.failed) for key in self.register.keys.values())
        return f"watched {plural(self.rows, 'row')} at {each_us:.1f} CPU µs each, {plural(held, 'value')} held"

    def watching(self, workload: Workload) -> Workload:
        """The same workload, ending at the first anomaly; final ops are then left out."""

        def main(random: Random, options: Options) -> Generator:
            return _Watched(self, workload.main(random, options))

        def final(random: Random, options: Options) -> Generator:
            if self.stopped is not None:
                return Phases([])
            return _Watched(self, workload.final(random, options))

        return replace(workload, main=main, final=final)


class _Watched:
    """A generator whose rows are watched."""

    def __init__(self, online: Online, child: Generator) -> None:
        self._online, self._child = online, child

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        return None if self._online.stopped is not None else self._child.poll(now_ns, idle)

    def update(self, thread: int, row: Row) -> None:
        self._online.feed(row)
        self._child.update(thread, row)


def _without_row(said: str) -> str:
    """The online check counts clients' rows only; a history has others between them.

    >>> _without_row("row 17, key r0: a value came back"), _without_row("row 3: 'cas' is not judged")
    ('key r0: a value came back', "'cas' is not judged")
    """
    return said.split(", " if said.partition(": ")[0].count(",") else ": ", 1)[1]
