"""The fault plan of a run: its windows on the agenda, and each as rows of the history."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from checker.history import INFO, NEMESIS, Row
from harness.sim.agenda import WINDOW, Agenda
from harness.sim.network import MS
from harness.sim.setup import Setup
from nemesis.actions import Action, Fault, Window
from nemesis.aimed import AIMS, HEALED, hit
from nemesis.encoding import actions_to_json


class Windows:
    """Says what to do when a window opens or closes; the simulator does it."""

    def __init__(self, setup: Setup, agenda: Agenda, rows: list[Row]) -> None:
        self._setup, self._agenda, self._rows = setup, agenda, rows
        self._open: dict[int, Fault] = {}
        self.played: list[Window] = []
        self.over = False
        self._healed: tuple[int, ...] = ()
        closing = [(w.at_ms + w.for_ms, 0 if w.for_ms else 2, i) for i, w in enumerate(setup.plan)]
        opening = [(w.at_ms, 1, i) for i, w in enumerate(setup.plan)]
        for at_ms, rank, index in sorted(closing + opening):
            agenda.at(at_ms * MS, WINDOW, index, rank == 1)

    def open(
        self,
        index: int,
        leaders: Sequence[int],
        writers: Sequence[int],
        members: Sequence[int],
        down: Sequence[int],
    ) -> Fault:
        """Resolve the fault of this window. Targets are drawn now, by who leads now, has persisted
        last, or was healed last; by who is a member, and who is dead.
        """
        setup = self._setup
        window = setup.plan[index]
        fault = window.fault
        if isinstance(fault, str):
            nodes = range(setup.options.nodes)
            aim = AIMS.get(fault)
            aimed = leaders if aim is None else self._healed if aim == HEALED else writers
            random = Random(f"{setup.seed}/window/{index}")
            fault = setup.resolve(fault, random, nodes, aimed, members=members, down=down)
        self._open[index] = fault
        self.played.append(Window(window.at_ms, window.for_ms, fault))
        return fault

    def close(self, index: int) -> Fault | None:
        """The fault to be ended; None where the window has been closed before its time."""
        fault = self._open.pop(index, None)
        if fault is not None:
            self._healed = hit(fault.begin) or self._healed
        return fault

    def still_open(self) -> list[int]:
        return list(self._open)

    def record(
        self,
        name: str,
        phase: str,
        index: int | None,
        actions: Sequence[Action],
        **more: object,
    ) -> None:
        """Put into the history what has been done."""
        now_ns = self._agenda.now_ns
        value = {
            "phase": phase,
            "window": index,
            "started_ns": now_ns,
            "actions": actions_to_json(actions),
            **more,
        }
        self._rows.append(Row(now_ns, NEMESIS, INFO, name, None, value))


def outside_core(setup: Setup, members: Sequence[int]) -> list[int]:
    """The members that do not come back after the faults: none, unless only a core is to be healed."""
    minority = (len(members) - 1) // 2
    if not setup.core or not minority:
        return []
    random = Random(f"{setup.seed}/core")
    return sorted(random.sample(members, random.randint(1, minority)))
