"""Priority schedules, after PCT: messages of a link with a low priority arrive late, and then all change.

Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of
Finding Bugs", ASPLOS 2010: threads run strictly by random priorities, and at d - 1 random points one
falls to the lowest; any bug of depth d is found with probability 1/(n k^(d-1)). Ozkan, Majumdar,
Niksic, Tabaei Befrouei, Weissenbacher, "Randomized Testing of Distributed Systems with Probabilistic
Guarantees" (PCTCP), OOPSLA 2018, do so with chains of messages.

In virtual time "runs first" is "is less late". A directed link stands for a chain, and its place in
the order becomes a delay: the first arrives as it is, the last ``spread_ms`` later. A change point
ends a window and begins the next, in which one link has become the last. So a schedule is a fault
plan: it replays, shrinks, and is played on real hosts as any other. PCT's guarantee is lost, since
messages of one link still overtake each other by the link's own chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from harness.trial import Trial
from nemesis import KINDS
from nemesis.actions import CLEAR, Fault, Link, Plan, Shape, Weather, Window
from nemesis.plan import lanes

NAME = "priorities"
DEPTHS = 1, 2, 3, 5
SPREADS_RTT = 1, 3, 10


def schedule(
    random: Random, nodes: int, time_ms: int, *, depth: int, spread_ms: int
) -> tuple[Window, ...]:
    """``depth`` windows end to end over ``time_ms``, each with one link more that fell to the end.

    >>> windows = schedule(Random(1), 3, 1_000, depth=3, spread_ms=10)
    >>> sum(window.for_ms for window in windows), len(windows)
    (1000, 3)
    """
    order: list[Link] = [(a, b) for a in range(nodes) for b in range(nodes) if a != b]
    random.shuffle(order)
    changes = sorted(random.sample(range(1, time_ms), depth - 1))
    windows = []
    for begin_ms, end_ms in zip([0, *changes], [*changes, time_ms], strict=True):
        windows.append(Window(begin_ms, end_ms - begin_ms, _fault(order, spread_ms)))
        order.append(order.pop(random.randrange(len(order))))
    return tuple(windows)


def _fault(order: Sequence[Link], spread_ms: int) -> Fault:
    last = len(order) - 1
    begin = tuple(
        Shape((link,), Weather(delay_ms=place * spread_ms // last))
        for place, link in enumerate(order)
        if place * spread_ms // last
    ) or (Shape((order[-1],), Weather(delay_ms=1)),)
    links = tuple(link for action in begin for link in action.links)
    return Fault(NAME, begin, (Shape(links, CLEAR),))


def prioritised(trial: Trial) -> Trial:
    """The trial with a priority schedule in the place of its packet faults, drawn from its seed."""
    random = Random(f"{trial.seed}/priorities")
    names = [kind for name in trial.faults for kind in KINDS.get(name, (name,))]
    others = [name for name in names if "packet" not in lanes(name)]
    kept: Plan = ()
    if trial.plan is not None or others:
        kept = [
            window
            for window in replace(trial, nemesis=",".join(others) or "none").windows()
            if "packet" not in lanes(window.fault)
        ]
    rtt_ms = max(trial.rtt_ms, 2)
    windows = schedule(
        random,
        trial.nodes,
        trial.time_ms,
        depth=random.choice(DEPTHS),
        spread_ms=rtt_ms * random.choice(SPREADS_RTT),
    )
    return trial.with_plan(sorted((*kept, *windows), key=lambda window: window.at_ms))
