"""Handovers of a plan: whoever leads is asked to, again and again, until the heir is seen to lead.

The asking goes on at the administrator's pace (``harness.sim.members``) as long as the window lasts, since
what was asked may be lost, and what other faults hinder is given up by the protocol itself. A run without any
has no event more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from harness.sim.agenda import ADMIN, Agenda
from harness.sim.members import PACE_RTT
from harness.sim.network import MS
from harness.sim.node import Node
from harness.sim.setup import Setup
from nemesis.actions import Lead
from nemesis.encoding import action_to_json
from protocols.handover import LEAD
from protocols.kernel import Command

TICK = 1
"""Tells the entries of this on the agenda from the other administrator's."""


class Handovers:
    """``ask(node, command)`` hands a command to a node's replica."""

    def __init__(self, setup: Setup, agenda: Agenda, ask: Callable[[Node, Command], None]) -> None:
        self._draw = Random(f"{setup.seed}/handover")
        self._agenda, self._ask = agenda, ask
        self._pace_ns = PACE_RTT * setup.rtt_ms * MS
        self._wanted: Lead | None = None
        self._asked: list[int] = []
        """Who led when it was asked for last."""
        self._led = False
        """Whether the heir was seen to lead after another."""
        self._ticking = False

    def want(self, action: Lead, nodes: Sequence[Node]) -> None:
        self._wanted, self._asked, self._led = action, [], False
        self._look(nodes)
        if not self._ticking:
            self._ticking = True
            self._later()

    def tick(self, nodes: Sequence[Node]) -> None:
        self._ticking = self._wanted is not None and not self._led
        if self._ticking:
            self._look(nodes)
            self._later()

    def proof(self, action: Lead, nodes: Sequence[Node]) -> dict[str, object]:
        """What was seen by the end of the window, as proofs on hosts say it. No more is asked for."""
        if self._wanted == action:
            self._see(action, nodes)
            self._wanted = None
        saw = {"led": self._asked, "leads": _leaders(nodes)}
        return {
            "action": action_to_json(action),
            "probe": "leader",
            "saw": saw,
            "bit": True if self._led else None,
        }

    def _later(self) -> None:
        self._agenda.at(self._agenda.now_ns + self._pace_ns, ADMIN, TICK)

    def _see(self, action: Lead, nodes: Sequence[Node]) -> list[int]:
        leaders = _leaders(nodes)
        self._led = self._led or (action.node in leaders and self._asked not in ([], [action.node]))
        return leaders

    def _look(self, nodes: Sequence[Node]) -> None:
        """Ask who leads, and where nobody does, or stands still, whoever may know."""
        action = self._wanted
        if action is None:
            return
        leaders = self._see(action, nodes)
        if self._led or leaders == [action.node]:
            return
        able = [node for node in nodes if node.replica is not None and node.parked is None]
        leading = [node for node in able if node.id in leaders and node.id != action.node]
        self._asked = leaders or self._asked
        if able:
            node = self._draw.choice(leading or able)
            self._ask(node, Command(LEAD, "", action.node))


def _leaders(nodes: Sequence[Node]) -> list[int]:
    return [n.id for n in nodes if n.replica is not None and n.replica.leader() == n.id]
