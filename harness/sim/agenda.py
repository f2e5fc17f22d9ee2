"""What is to happen, in order of virtual time: the one heap of a run."""

from __future__ import annotations

from heapq import heappush
from itertools import count
from typing import TypeAlias

(
    MESSAGE, TIMER, TO_ITSELF, REQUEST, TIMEOUT, POLL, WINDOW, STOP, ANSWER, SYNC, BRACE, CLOCK, HALT,
    ADMIN,
) = range(14)  # fmt: skip
"""The kinds of entries (``ANSWER`` is none: an event that only the trace has):

- ``MESSAGE``: (node, the wire it came over, what ``Post`` made of it)
- ``TIMER``: (node, the timer's name, the alarm)
- ``TO_ITSELF``: (node, incarnation, the same)
- ``REQUEST``: (node, the call, None)
- ``TIMEOUT``: (thread, None, None)
- ``POLL``: (0, None, None): ask the generator again
- ``WINDOW``: (index in the plan, closing, None)
- ``STOP``: (0, None, None): the phase is over
- ``SYNC``: (node, incarnation, None): a sync of its disk is done
- ``BRACE``: (0, until, None): a window is about to open or close
- ``CLOCK``: (node, how, None): its clock jumps
- ``HALT``: (0, None, None): go no further for now (``harness.sim.stepping``)
- ``ADMIN``: (0, None, None): look at who is a member
"""

Entry: TypeAlias = tuple[int, int, int, int, object, object]
"""(time in ns, serial number, kind, node or thread or index, two more): ties go to the older."""


class Agenda:
    """The heap and the virtual clock. The hot path works on ``heap`` itself."""

    __slots__ = ("heap", "now_ns", "serial")

    def __init__(self) -> None:
        self.heap: list[Entry] = []
        self.now_ns = 0
        self.serial = count(1).__next__

    def at(self, time_ns: int, kind: int, where: int, a: object = None, b: object = None) -> None:
        """Add an entry; one for the past happens now."""
        if time_ns < self.now_ns:  # noqa: PLR1730  not max: all but messages come here
            time_ns = self.now_ns
        heappush(self.heap, (time_ns, self.serial(), kind, where, a, b))
