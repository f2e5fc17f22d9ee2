"""The nodes' clocks: what each is wrong by, and how that changes while a clock fault is on.

A replica sees its wall clock as ``now_ms``, in whole ms; so drift is carried out as jumps of one ms,
as often as it takes, and costs nothing while there is none. Timers run by the monotonic clock: drift
changes the pace of those that are set while it lasts, and jumps are nothing to them.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.sim.agenda import CLOCK, Agenda
from harness.sim.network import MS
from harness.sim.node import Node

MILLION = 1_000_000


class Clocks:
    """Turns the clocks of ``nodes`` (their ``skew_ns`` and ``drift_ppm``)."""

    def __init__(self, agenda: Agenda, nodes: Sequence[Node]) -> None:
        self._agenda, self._nodes = agenda, nodes
        self._base_ns = [node.skew_ns for node in nodes]
        self._faults = [0] * len(nodes)
        """Counts the faults of each node's clock, so that what belongs to an older one is told."""

    def wrong(self, node: int) -> bool:
        """Whether a clock fault is on."""
        state = self._nodes[node]
        return state.drift_ppm != 0 or state.skew_ns != self._base_ns[node]

    def bump(self, node: int, ms: int) -> None:
        self._nodes[node].skew_ns += ms * MS

    def drift(self, node: int, ppm: int) -> None:
        """From now on the clock gains ``ppm`` millionths; loses, if negative."""
        self._nodes[node].drift_ppm = ppm
        self._faults[node] += 1
        if ppm:
            self._again(node, MS * MILLION // abs(ppm), MS if ppm > 0 else -MS)

    def strobe(self, node: int, ms: int, period_ms: int) -> None:
        """Jump now, back after a period, and so on."""
        self._faults[node] += 1
        self._nodes[node].skew_ns += ms * MS
        self._again(node, period_ms * MS, -ms * MS, turns=-1)

    def reset(self, node: int) -> None:
        """As if there had been no fault."""
        self._faults[node] += 1
        self._nodes[node].drift_ppm = 0
        self._nodes[node].skew_ns = self._base_ns[node]

    def _again(self, node: int, every_ns: int, jump_ns: int, turns: int = 1) -> None:
        what = self._faults[node], every_ns, jump_ns, turns
        self._agenda.at(self._agenda.now_ns + every_ns, CLOCK, node, what)

    def tick(self, node: int, what: tuple[int, int, int, int]) -> None:
        """A CLOCK entry has come up."""
        fault, every_ns, jump_ns, turns = what
        if fault == self._faults[node]:
            self._nodes[node].skew_ns += jump_ns
            self._again(node, every_ns, turns * jump_ns, turns)
