"""A Ctrl-C that arrives twice is one; the orderly end that it began goes on."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from harness.interrupts import Interrupts


def interrupt() -> None:
    """As ``kill -INT`` does it. Python hears a signal between two bytecodes: let it."""
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(0.01)


def test_the_echo_of_an_interrupt_does_not_break_off_what_the_first_began() -> None:
    before = signal.signal(signal.SIGINT, Interrupts())
    ended = []
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        interrupt()
        ended.append("in order")
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["in order"]


def test_one_that_is_meant_twice_counts_twice() -> None:
    heard = Interrupts()
    assert [heard.counts(at) for at in (1.0, 1.5, 2.4, 4.0)] == [True, False, False, True]
