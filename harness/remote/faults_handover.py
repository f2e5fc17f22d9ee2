"""Handovers on hosts: whoever leads is asked to hand over, until the heir says of itself that it leads.

Other faults may be on that hinder it, so that an heir which is not seen to lead is not the harness' failure: the
proof says so (``bit`` null), and ``checker.handover`` whether any was seen at all.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

from harness.errors import HarnessError
from harness.remote.faults_record import Json, Proof, proof
from harness.systems.kernel import HandsOver
from nemesis.actions import Lead
from protocols.handover import LEAD
from workloads.kernel import Refused

PACE_S = 0.05
"""Between two looks, and before it is asked for again."""
PATIENCE_S = 2.0
"""How long the nemesis waits for an heir."""


class Handovers:
    """Asks a system's leaders."""

    def __init__(self, system: HandsOver) -> None:
        self.system = system
        self._turns = itertools.count()

    def lead(self, actions: Sequence[Lead]) -> list[Proof]:
        return [self._lead(action) for action in actions]

    def _lead(self, action: Lead) -> Proof:
        began = time.monotonic()
        led: list[int] = []
        leaders: list[int] = []
        led_by_heir = False
        while True:
            leaders = list(self.system.leaders())
            led_by_heir = action.node in leaders and led not in ([], [action.node])
            if led_by_heir or leaders == [action.node]:
                break
            if time.monotonic() - began > PATIENCE_S:
                break
            led = leaders or led
            self._ask([n for n in leaders if n != action.node] or self.system.nodes(), action.node)
            time.sleep(PACE_S)
        saw: dict[str, Json] = {"led": led, "leads": leaders}
        return proof(action, "leader", saw, True if led_by_heir else None)

    def _ask(self, nodes: Sequence[int], heir: int) -> None:
        """One that cannot be asked is not: there will be another turn."""
        try:
            self.system.change(nodes[next(self._turns) % len(nodes)], LEAD, heir)
        except (OSError, HarnessError, Refused):
            return
