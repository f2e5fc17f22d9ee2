"""Python's search for cycles of garbage, put off while a run makes millions of small things.

A run makes hardly a cycle, and undoes its own when it is over, so that looking at all its rows for some is
in vain: with Python's own thresholds it takes a quarter of the time, and the one search that comes
when they are restored still a tenth. It changes nothing that a run can see.

Some protocols' replicas are cycles, though, of parts that know their replica: 0.5 MB a short trial of m2paxos. So
what is there is counted now and then, and searched when it has become much more.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PATIENT = 2_000_000, 50, 50
"""Thresholds during a run: what it makes in minutes of virtual time."""
LOOK_EVENTS = 20_000
"""After runs of so many events together it is counted what there is: some 30 us, and a run has 500 events or more."""
MOST_BLOCKS = 3_000_000
"""So many more than after the last search are searched: some 200 MB. A block is what Python has for a small object."""


class Collector:
    """Puts the search off; ``owed`` counts the events of runs since it was last counted what there is."""

    def __init__(self) -> None:
        self.owed = 0
        self.left = 0
        """The blocks after the last search."""

    @contextmanager
    def patient(self) -> Iterator[None]:
        """No search within, and none right after of what was made within, unless too much is left."""
        thresholds = gc.get_threshold()
        gc.set_threshold(*PATIENT)
        try:
            yield
        finally:
            if self.owed >= LOOK_EVENTS:
                self._look()
            gc.freeze()
            gc.unfreeze()  # both: all that is young counts as old, without being looked at
            gc.set_threshold(*thresholds)

    def owe(self, events: int) -> None:
        """A run of so many events is over."""
        self.owed += events

    def _look(self) -> None:
        self.owed = 0
        there = sys.getallocatedblocks()
        if not self.left:  # of the program itself, and of one run
            self.left = there
        if there > self.left + max(MOST_BLOCKS, self.left):
            gc.collect()
            self.left = sys.getallocatedblocks()


COLLECTOR = Collector()
"""Of this process."""
