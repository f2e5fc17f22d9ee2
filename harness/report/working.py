"""What is being done and how far it is, while a check takes long: a live line on a terminal, else a line now and then.

To stderr, and only once it has lasted a moment. It hears what checkers tell by
:mod:`checker.progress`; of one that tells nothing, the time that went by.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from checker.progress import listening
from harness.report.live import followed

AFTER_S, PLAIN_EVERY_S = 0.7, 5.0


class Working:
    """Follows one piece of work after the other."""

    def __init__(self, console: Console | None = None, *, every_s: float = PLAIN_EVERY_S) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.every_s = every_s
        self._told: tuple[int, int, str] | None = None
        self._what, self._began = "", 0.0

    def hear(self, done: int, total: int, of: str) -> None:
        """A listener's: only remembers, so that it is quick."""
        self._told = done, total, of

    def line(self) -> str:
        """What is being done, and how far it is.

        >>> working = Working()
        >>> working.hear(1200, 5000, "ops")
        >>> working.line()
        ': 1,200 of 5,000 ops (24 %), 0 s'
        """
        elapsed_s = time.monotonic() - self._began if self._began else 0.0
        if self._told is None:
            return f"{self._what}, {elapsed_s:.0f} s"
        done, total, of = self._told
        share = f" ({100 * done // total} %)" if total else ""
        return f"{self._what}: {done:,} of {total:,} {of}{share}, {elapsed_s:.0f} s"

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """While inside: say how far ``what`` is."""
        self._what, self._began, self._told = what, time.monotonic(), None
        with (
            listening(self.hear),
            followed(self.console, self._live, self._say, every_s=self.every_s),
        ):
            yield

    def _say(self) -> None:
        self.console.print(Text(f"harness: {self.line()}"))

    def _live(self) -> Text:
        early = time.monotonic() - self._began < AFTER_S
        return Text("" if early else f"{self.line()}  (Ctrl-C ends it)")
