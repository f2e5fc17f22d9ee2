"""The nemesis of a real trial, with a breaker that only writes down what it was told."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from checker.history import Row
from harness.nemesis_thread import NemesisThread
from nemesis.actions import Action, Cut, Fault, Join, Kill, Leave, Mend, Plan, Start, Window


class Breaker:
    """Believes that everything bites, and remembers what was done."""

    def __init__(self) -> None:
        self.done: list[Action] = []

    def perform(self, actions: Sequence[Action]) -> list[dict[str, object]]:
        self.done += actions
        return [{"action": str(action), "bit": True} for action in actions]


def played(plan: Plan, *, stop: threading.Event | None = None) -> tuple[NemesisThread, list[Row]]:
    """Play a plan at once: a clock that is always past the end."""
    rows: list[Row] = []
    thread = NemesisThread(
        plan,
        "7",
        3,
        Breaker(),
        lambda: (2,),
        rows.append,
        lambda: 10**12,
        stop or threading.Event(),
    )
    thread.run()
    return thread, rows


CUT = Fault("cut", (Cut(((0, 1),)),), (Mend(((0, 1),)),))


def test_windows_open_and_close_in_time_order_each_with_its_row() -> None:
    plan = [Window(10, 20, CUT), Window(15, 5, Fault("kill", (Kill(2),), (Start(2),)))]
    thread, rows = played(plan)

    assert isinstance(thread.breaker, Breaker)
    assert thread.breaker.done == [Cut(((0, 1),)), Kill(2), Start(2), Mend(((0, 1),))]
    assert [(r.f, r.value["phase"]) for r in rows] == [
        ("cut", "begin"),
        ("kill", "begin"),
        ("kill", "end"),
        ("cut", "end"),
    ]
    assert thread.opened == {}


def test_a_symbolic_target_is_resolved_when_its_window_opens_and_kept() -> None:
    thread, _ = played([Window(0, 5, "kill-leader")])

    assert thread.resolved == [Window(0, 5, Fault("kill-leader", (Kill(2),), (Start(2),)))]


def test_the_same_seed_resolves_a_window_the_same_without_the_others() -> None:
    alone, _ = played([Window(0, 5, "partition-one")])
    first, _ = played([Window(0, 5, "partition-one"), Window(10, 5, "kill-one")])

    assert alone.resolved[0] == first.resolved[0]


def test_when_stopped_it_closes_what_is_open_and_opens_nothing_more() -> None:
    stop = threading.Event()
    plan = [Window(0, 5, CUT), Window(1, 1, CUT)]

    class Stopper(Breaker):
        def perform(self, actions: Sequence[Action]) -> list[dict[str, object]]:
            stop.set()
            return super().perform(actions)

    breaker = Stopper()
    NemesisThread(plan, "7", 3, breaker, tuple, lambda _: None, lambda: 10**12, stop).run()

    assert breaker.done == [Cut(((0, 1),)), Mend(((0, 1),))]


def test_a_change_of_members_is_drawn_from_who_is_one_now_and_not_seen_at_once() -> None:
    """It is told of the members when the window opens; what is not seen yet is no failure."""
    rows: list[Row] = []
    said: list[str] = []

    class Unsure(Breaker):
        def perform(self, actions: Sequence[Action]) -> list[dict[str, object]]:
            return [{**proof, "bit": None} for proof in super().perform(actions)]

    breaker = Unsure()
    thread = NemesisThread(
        [Window(0, 5, "membership-replace")], "7", 4, breaker, tuple, rows.append,
        lambda: 10**12, threading.Event(), say=said.append, standing=lambda: ((0, 1, 3), (1,)),
    )  # fmt: skip
    thread.run()

    assert breaker.done == [Join(2), Leave(1), Join(1), Leave(2)]
    assert said[0] == "membership-replace begin: not seen yet"
