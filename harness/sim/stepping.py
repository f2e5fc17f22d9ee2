"""A run that is played one event at a time, for people who look at it in between.

It is the run that :func:`harness.sim.simulator.simulate` plays: what stops it is an entry of the agenda of
its own, which takes no serial number, so that nothing else comes in another order for it.
"""

from __future__ import annotations

from heapq import heappop, heappush

from harness.sim.agenda import HALT, Entry
from harness.sim.seen import Seen, Watch
from harness.sim.setup import Run, Setup
from harness.sim.simulator import Simulator

_FIRST = -1
"""Less than any serial number: a halt comes before all else that there is at its time."""


class Stepper:
    """``simulator`` is to be looked at, not to be touched. ``steps`` counts those taken; ``over``: no more."""

    def __init__(self, setup: Setup) -> None:
        self._seen: list[Seen] = []
        self.simulator = _Halting(setup, self._told)
        self._phases = self.simulator.phases()
        next(self._phases)
        self.simulator.forget_halt()
        self.steps = 0
        self.over = False

    def _told(self, seen: Seen) -> None:
        if not self._seen:
            self.simulator.halt()
        self._seen.append(seen)

    def step(self) -> tuple[Seen, ...]:
        """Go on until an entry of the agenda shows anything, and give all that it shows.

        Where the run is over, nothing is left to be shown. Raises what a user's fault or generator
        raises, and is over then.
        """
        self._seen.clear()
        try:
            self._go_on()
        except BaseException:
            self.over = True
            raise
        self.steps += not self.over
        return tuple(self._seen)

    def _go_on(self) -> None:
        while not self._seen and not self.over:
            if self.simulator.take_some() or self._seen:
                return
            self.over = next(self._phases, self) is self
            self.simulator.forget_halt()

    def result(self) -> Run:
        """The whole run, once it is over."""
        assert self.over
        return self.simulator.result()


class _Halting(Simulator):
    """A simulator that can be stopped between two entries."""

    def __init__(self, setup: Setup, watch: Watch) -> None:
        super().__init__(setup, watch)
        self._halted = False

    def halt(self) -> None:
        """Stop after the entry that is being taken."""
        heappush(self.agenda.heap, (self.agenda.now_ns, _FIRST, HALT, 0, None, None))

    def forget_halt(self) -> None:
        """What was to be stopped ended by itself."""
        heap = self.agenda.heap
        if heap and heap[0][2] == HALT:
            heappop(heap)

    def take_some(self) -> bool:
        """Take entries until a halt, and say that there was one; or until the phase is over."""
        if self._halted:
            self._halted = self.clients.done = False
        self._loop()
        if not self._halted:
            self.forget_halt()
        return self._halted

    def _other(self, entry: Entry) -> None:
        if entry[2] == HALT:
            self._halted = self.clients.done = True
        else:
            super()._other(entry)
