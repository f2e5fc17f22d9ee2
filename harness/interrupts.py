"""Ctrl-C: one is one, however often it arrives.

A signal to a whole process group (by ``timeout``, a CI runner, ``kill -- -PGID``) reaches a command inside
of a sandbox twice or more: directly, and passed on by the sandbox's launcher and its init, who cannot tell
whether it has arrived already. The second would break off the orderly end that the first has begun.
"""

from __future__ import annotations

import signal
import time
from types import FrameType

SAME_S = 1.0
"""Signals that follow each other this closely are one. A person who means it twice is slower."""


class Interrupts:
    """A handler of SIGINT: KeyboardInterrupt, but for the echoes of one that was just raised.

    >>> heard = Interrupts()
    >>> heard.counts(10.0), heard.counts(10.2), heard.counts(12.0)
    (True, False, True)
    """

    def __init__(self) -> None:
        self._last_s = float("-inf")

    def counts(self, now_s: float) -> bool:
        """Whether one that arrives now is a new one."""
        echo = now_s - self._last_s < SAME_S
        self._last_s = now_s
        return not echo

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.counts(time.monotonic()):
            raise KeyboardInterrupt


def hear_once() -> None:
    """From now on, in this process. One that was told to ignore SIGINT (``nohup``, ``&``) still does."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, Interrupts())
