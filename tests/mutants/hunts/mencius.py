"""Where the mutants of mencius are hunted, by which check, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from json import dumps

from nemesis.actions import CLEAR, Cut, Fault, Mend, Shape, Weather, Window
from nemesis.plan import plan_to_json
from nemesis.process import kill_nodes
from tests.mutants.mencius import MUTANTS
from tests.mutants.trials import CALM, STORM, kin


def apart(at_ms: int, end_ms: int, *pairs: tuple[int, int]) -> Window:
    links = tuple(link for a, b in pairs for link in ((a, b), (b, a)))
    return one_way(at_ms, end_ms, *links)


def one_way(at_ms: int, end_ms: int, *links: tuple[int, int]) -> Window:
    return Window(at_ms, end_ms - at_ms, Fault("cut", (Cut(links),), (Mend(links),)))


def overtaken() -> Iterator[Window]:
    """n1 suggests what n5 alone hears, and dies. n2, whose messages take long, revokes that with n3 and n4, who know of
    nothing. n1 comes back, and revokes its own slots, with all but n2, which hears nothing of that until
    its own proposals have arrived.
    """
    down_ms, back_ms, end_ms = 230, 480, 780
    slow = ((1, 2), (1, 3))
    late = Fault("late", (Shape(slow, Weather(delay_ms=150)),), (Shape(slow, CLEAR),))
    yield apart(200, back_ms, (0, 2), (0, 3), (4, 2), (4, 3))
    yield apart(200, end_ms, (0, 1), (4, 1))
    yield Window(200, end_ms - 200, late)
    yield Window(down_ms, back_ms - down_ms, kill_nodes("kill", [0]))
    yield one_way(back_ms, back_ms + 100, (2, 1), (3, 1))


OVERTAKEN = replace(
    STORM,
    nodes=5,
    threads=10,
    time_ms=880,
    rtt_ms=3,
    client_timeout_ms=100,
    nemesis="",
    interval_ms=None,
    plan=dumps(plan_to_json(tuple(overtaken()))),
)

ZOO = (
    *kin(
        "mencius",
        MUTANTS,
        "agreement",
        {
            "skips-suggested": (CALM, 20),
            "revokes-blindly": (STORM, 50),
            "reuses-slots": (STORM, 50),
            "commits-early": (CALM, 20),
            "forgets-skips": (STORM, 100),
            "assumes-fifo": (CALM, 20),
            "votes-for-the-past": (OVERTAKEN, 100),
        },
    ),
)

__all__ = ["MUTANTS", "ZOO"]
