"""What a process that plays trials for another does first."""

from __future__ import annotations

import signal
from typing import Any

from harness.compiled.loader import install


def begin(interrupted: Any) -> None:
    """``interrupted``: what Ctrl-C, which reaches every process of the terminal's, does in this one.

    This module imports nothing that is compiled: it is the first of ours that the process has.
    """
    signal.signal(signal.SIGINT, interrupted)
    install()
