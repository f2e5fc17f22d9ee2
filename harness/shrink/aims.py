"""Faults whose targets are left to chance again, and faults whose targets are known."""

from __future__ import annotations

from dataclasses import replace

from harness.shrink.freeze import with_faults
from harness.shrink.search import Search
from nemesis import FAULTS
from nemesis.actions import Window


def aimed(window: Window) -> Window:
    """The same fault, of whichever nodes its name means when it opens: in other luck another leads.

    >>> from nemesis.process import kill_nodes
    >>> aimed(Window(5, 9, kill_nodes("kill-leader", [2]))).fault
    'kill-leader'
    """
    fault = window.fault
    known = not isinstance(fault, str) and fault.name in FAULTS
    return replace(window, fault=fault.name) if known else window  # type: ignore[union-attr]


def resolved(search: Search) -> None:
    """Say of each fault whom it hits, where that was left to whoever leads."""
    if any(isinstance(window.fault, str) for window in search.best.windows()):
        search.attempt([with_faults(search.best, search.look().run.plan)], ())
