"""The line that says how far a check is: plain lines elsewhere, a live line on a terminal."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from checker.progress import report
from harness.report.working import Working


class Said(io.StringIO):
    """What was written, which can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._written = threading.Condition()

    def write(self, text: str) -> int:
        with self._written:
            self._written.notify_all()
            return super().write(text)

    def says(self, text: str) -> bool:
        """Wait until it has said so, for ten seconds."""
        with self._written:
            return self._written.wait_for(lambda: text in self.getvalue(), 10)


def test_a_long_check_says_now_and_then_how_far_it_is() -> None:
    said = Said()
    with Working(Console(file=said, width=200), every_s=0.01).on("linearizable"):
        report(1200, 5000)
        assert said.says("harness: linearizable: 1,200 of 5,000 ops (24 %), "), said.getvalue()


def test_on_a_terminal_a_short_check_leaves_nothing_to_read() -> None:
    said = Said()
    working = Working(Console(file=said, force_terminal=True, width=200))
    with working.on("linearizable"):
        report(1, 2)
        assert "Ctrl-C" not in working._live().plain
    assert "ops" not in said.getvalue()
