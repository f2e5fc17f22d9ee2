"""Python's search for cycles of garbage, put off while a run makes millions of small things.

A run makes hardly a cycle, and undoes its own when it is over, so that looking at all its rows for some is
in vain: with Python's own thresholds it takes a quarter of the time, and the one search that comes
when they are restored still a tenth. It changes nothing that a run can see.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

PATIENT = 2_000_000, 50, 50
"""Thresholds during a run: what it makes in minutes of virtual time."""
OWED_EVENTS = 5_000_000
"""After runs of so many events together what they left is searched: nothing of their own (``Simulator.drop``),
but who knows what a workload or a protocol makes."""


class Collector:
    """Puts the search off; ``owed`` counts the events of runs since the last one."""

    def __init__(self) -> None:
        self.owed = 0

    @contextmanager
    def patient(self) -> Iterator[None]:
        """No search within, and none right after of what was made within."""
        thresholds = gc.get_threshold()
        gc.set_threshold(*PATIENT)
        try:
            yield
        finally:
            if self.owed >= OWED_EVENTS:
                self.owed = 0
                gc.collect()
            gc.freeze()
            gc.unfreeze()  # both: all that is young counts as old, without being looked at
            gc.set_threshold(*thresholds)

    def owe(self, events: int) -> None:
        """A run of so many events is over."""
        self.owed += events


COLLECTOR = Collector()
"""Of this process."""
