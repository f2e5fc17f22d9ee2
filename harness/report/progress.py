"""The progress view: a live panel on a terminal, plain lines elsewhere. To stderr, always."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.text import Text

from harness.report.live import followed
from harness.report.meter import Meter

PLAIN_EVERY_S = 10.0


class Progress:
    """Says what a trial is doing. ``phase`` and ``say`` are lines; ``watch`` follows a meter."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self.started = time.monotonic()

    def say(self, text: str) -> None:
        """One line, with the time since the command began."""
        self.console.print(Text(f"{time.monotonic() - self.started:7.1f}s  {text}"))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A step of the set-up: its name and how long it took."""
        began = time.monotonic()
        yield
        self.say(f"{name}  ({time.monotonic() - began:.1f} s)")

    def watch(
        self, meter: Meter, clock_s: Callable[[], float], total_s: float
    ) -> AbstractContextManager[None]:
        """While inside: show how far the trial is and what the clients are told."""

        def line() -> str:
            faults = ", ".join(meter.faults.values()) or "no fault"
            return f"{min(clock_s(), total_s):5.0f} of {total_s:.0f} s  {meter.line()}  [{faults}]"

        return followed(
            self.console, lambda: Text(line()), lambda: self.say(line()), every_s=PLAIN_EVERY_S
        )


def to_stdout(text: str) -> None:
    """A result, as opposed to progress: to stdout, whole."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()
