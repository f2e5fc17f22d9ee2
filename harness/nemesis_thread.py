"""The nemesis of a real trial: opens and closes the windows of a plan, and records what it did and saw."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from checker.history import INFO, NEMESIS, Row
from nemesis.actions import Action, Fault, Plan, Window
from nemesis.plan import actions_to_json, resolve
from nemesis.resolution import by_members

Json = object


class Breaker(Protocol):
    """What carries actions out and proves that they bit: ``harness.remote.faults.Injector``."""

    def perform(self, actions: Sequence[Action]) -> list[dict[str, Json]]: ...


@dataclass
class NemesisThread:
    """Plays ``plan`` until it ends or ``stop`` is set; ``resolved`` are the windows as they were.

    A window's target is chosen when it opens, by a stream of its own, so that leaving out another
    window does not change it.
    """

    plan: Plan
    seed: str
    nodes: int
    breaker: Breaker
    leaders: Callable[[], Sequence[int]]
    record: Callable[[Row], None]
    clock_ns: Callable[[], int]
    stop: threading.Event
    resolved: list[Window] = field(default_factory=list)
    opened: dict[str, str] = field(default_factory=dict)
    """The faults that are on, for the progress view."""
    say: Callable[[str], None] = lambda _: None
    zones: Sequence[str] = ()
    """Of each node, by its number, where they are known."""
    standing: Callable[[], tuple[Sequence[int] | None, Sequence[int]]] = lambda: (None, ())
    """The members now, where anybody knows, and the nodes that are down."""

    def run(self) -> None:
        """Play the plan. Raises what the breaker raises (a host that is gone); windows then stay open."""
        open_now: dict[int, Fault] = {}
        for at_ms, closing, index in schedule(self.plan):
            self.stop.wait(max(0.0, at_ms / 1000 - self.clock_ns() / 1e9))
            if self.stop.is_set():
                break
            if closing:
                self.close(index, open_now.pop(index))
            else:
                open_now[index] = self.open(index)
        for index, fault in open_now.items():
            self.close(index, fault)

    def open(self, index: int) -> Fault:
        """Begin window ``index`` of the plan; its fault with every target resolved."""
        window = self.plan[index]
        fault = window.fault
        if isinstance(fault, str):
            random = Random(f"{self.seed}/window/{index}")
            members, down = self.standing() if by_members(fault) else (None, ())
            fault = resolve(
                fault,
                random,
                range(self.nodes),
                self.leaders(),
                self.zones,
                members=members,
                down=down,
            )
        self.resolved.append(Window(window.at_ms, window.for_ms, fault))
        self.opened[str(index)] = fault.name
        self.act(index, fault, "begin", fault.begin)
        return fault

    def close(self, index: int, fault: Fault) -> None:
        self.act(index, fault, "end", fault.end)
        del self.opened[str(index)]

    def act(self, index: int, fault: Fault, phase: str, actions: Sequence[Action]) -> None:
        """Carry actions out, prove them, and put both into the history."""
        started = self.clock_ns()
        proof = self.breaker.perform(actions)
        value = {
            "phase": phase,
            "window": index,
            "started_ns": started,
            "actions": actions_to_json(actions),
            "proof": proof,
        }
        self.record(Row(self.clock_ns(), NEMESIS, INFO, fault.name, None, value))
        shown = "it bit" if phase == "begin" else "it healed" if actions else "it is over"
        if not all(p["bit"] for p in proof):
            shown = "NOT PROVED" if any(p["bit"] is False for p in proof) else "not seen yet"
        self.say(f"{fault.name} {phase}: {shown}")


def schedule(plan: Plan) -> list[tuple[int, bool, int]]:
    """``(at_ms, closing, index of the window)`` in order of time; closings first where times tie.

    >>> schedule([Window(0, 10, "kill"), Window(10, 5, "pause")])
    [(0, False, 0), (10, True, 0), (10, False, 1), (15, True, 1)]
    """
    opening = [(w.at_ms, False, i) for i, w in enumerate(plan)]
    closing = [(w.at_ms + w.for_ms, True, i) for i, w in enumerate(plan)]
    return sorted(opening + closing, key=lambda step: (step[0], not step[1], step[2]))
