"""One trial, played forward event by event; the moments that were looked at are kept.

Going on is a step of the simulator. Going back is to what was kept, else playing again from the start:
that takes a tenth of a second for ten thousand events.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from checker.history import Row
from harness.errors import UsageError
from harness.play import view
from harness.play.view import Record
from harness.sim.network import US
from harness.sim.seen import Seen
from harness.sim.stepping import Stepper
from harness.simulated import setup_of
from harness.trial import Trial
from protocols.wire import Codec

BEHIND = 60
"""So many moments before one that is jumped to are kept too, for going back step by step."""
MOST_KEPT = 4_000


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What there is after a step. ``digest`` names all that was seen until then."""

    step: int
    time_ns: int
    rows: int
    digest: str
    shown: Record


class Timeline:
    """``times`` has the virtual time after each step that was ever taken; ``last`` is known once it is over.

    One that ``holds`` is over when nothing more happens in the clients' time: what comes after is left
    to those who may yet do something.
    """

    def __init__(self, trial: Trial, *, holds: bool = False) -> None:
        self.trial = trial
        self._holds = holds
        setup = setup_of(trial)
        self._codec = Codec(setup.protocol.messages)
        self.lead_ns = setup.network.sync_us[1] * US
        """So long before a window opens or closes it may have an effect already."""
        self.times = array("q")
        self.last: int | None = None
        self._kept: OrderedDict[int, Moment] = OrderedDict()
        self._begin()

    def _begin(self) -> None:
        self._stepper = Stepper(setup_of(self.trial))
        self._hash = blake2b(digest_size=12)
        nodes = self._stepper.simulator.nodes
        self._states = [view.DOWN for _ in nodes]
        self._stale = set(range(len(nodes)))
        self._rows_before = 0
        if not self.times:
            self.times.append(self._stepper.simulator.agenda.now_ns)
        self._keep(())

    # --- where to ---------------------------------------------------------------------------------

    def moment(self, step: int) -> Moment:
        """What there is after ``step``, or after the last step where there are not so many."""
        step = max(0, step if self.last is None else min(step, self.last))
        if step not in self._kept:
            if step < self._stepper.steps:
                self._begin()
            while self._stepper.steps < step and self.last is None:
                self._advance(shown=self._stepper.steps + 1 >= step - BEHIND)
            if self.last is not None and self.last < step:
                return self.moment(self.last)
            self._live_to(step)
        return self._kept[step]

    def moments(self, first: int, count: int) -> list[Moment]:
        """``count`` moments from ``first`` on, or fewer where it is over."""
        found = [self.moment(first)]
        while len(found) < count and found[-1].step != self.last:
            found.append(self.moment(found[-1].step + 1))
            if found[-1].step == found[-2].step:  # it is known now that this was the last
                del found[-2]
        return found

    def at(self, time_ns: int) -> Moment:
        """The last moment that is not later than this."""
        while self.times[-1] <= time_ns and self.last is None:
            self._live_to(len(self.times))
        low, high = 0, len(self.times)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.times[middle] <= time_ns else (low, middle)
        return self.moment(max(0, low - 1))

    def rows(self, upto: int) -> list[Row]:
        """The history's first ``upto`` rows."""
        while len(self._stepper.simulator.rows) < upto and not self._stepper.over:
            self._advance(shown=False)
        return self._stepper.simulator.rows[:upto]

    def node(self, step: int, number: int) -> object:
        """The replica of a node after ``step``, as it is: to be looked at; None where it is down."""
        step = self.moment(step).step
        if self._stepper.steps != step:
            self._begin()
            self._live_to(step)
        return self._stepper.simulator.nodes[number].replica

    # --- playing ----------------------------------------------------------------------------------

    def _live_to(self, step: int) -> None:
        if self._stepper.steps > step:
            self._begin()
        while self._stepper.steps < step and not self._stepper.over:
            self._advance(shown=self._stepper.steps + 1 >= step - BEHIND)

    def _advance(self, *, shown: bool) -> None:
        """Take a step; keep what there is then if it is to be ``shown``."""
        stepper = self._stepper
        self._rows_before = len(stepper.simulator.rows)
        try:
            seen = stepper.step()
        except Exception as error:
            self.last = stepper.steps
            raise UsageError(
                f"the trial broke off after event {stepper.steps}: {error!r}"
            ) from error
        if self._holds and stepper.simulator.phase > 1:
            self.last = stepper.steps - (not stepper.over)
            self._begin()
            return
        if stepper.over:
            self.last = stepper.steps
            before = self._kept.get(self.last)
            self._keep(())
            if before is not None:
                self._kept[self.last].shown["events"] = before.shown["events"]
            return
        for one in seen:
            self._hash.update(one.line().encode())
        if stepper.steps == len(self.times):
            self.times.append(stepper.simulator.agenda.now_ns)
        self._refresh(seen)
        if shown:
            self._keep(seen)

    def _refresh(self, seen: tuple[Seen, ...]) -> None:
        """Forget the states of the nodes at which something was seen."""
        for one in seen:
            if one.kind == "nemesis":
                self._stale = set(range(len(self._states)))
                return
            self._stale.add(one.node)

    def _keep(self, seen: tuple[Seen, ...]) -> None:
        simulator, step = self._stepper.simulator, self._stepper.steps
        nodes = simulator.nodes
        for number in self._stale:
            self._states[number] = view.state_of(nodes[number])
        self._stale.clear()
        rows = simulator.rows
        new = [(i, rows[i]) for i in range(self._rows_before, len(rows))]
        shown: Record = {
            "step": step,
            "time_ns": simulator.agenda.now_ns,
            "phase": view.PHASES[simulator.phase],
            "over": self._stepper.over,
            "events": view.events(self._codec, seen, [row for _, row in new]),
            "nodes": [view.node(n, s) for n, s in zip(nodes, self._states, strict=True)],
            "flights": view.flights(simulator, self._codec),
            "links": view.links(simulator),
            "faults": view.faults(simulator),
            "rows": len(rows),
        }
        self._kept[step] = Moment(
            step=step,
            time_ns=simulator.agenda.now_ns,
            rows=len(rows),
            digest=self._hash.copy().hexdigest(),
            shown=shown,
        )
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
