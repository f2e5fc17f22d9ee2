"""Waiting for what must come about, no longer than it takes and no longer than it may."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(condition: Callable[[], Value], timeout_s: float, message: str) -> Value:
    """What ``condition`` gives, once it is true; fails with the message where that does not come in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {message}"
        time.sleep(0.01)
    return value
