"""Clock faults: wall clocks that jump, jump to and fro, or run at another pace than those of others.

The kinds are Jepsen's (``nemesis/time.clj``: bump, strobe; ``faketime.clj``: rates). Jumps are drawn on
a logarithmic scale as there, from a few ms to minutes, so that some are shorter and some are longer
than any lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from nemesis.actions import BumpClock, Cut, Fault, Mend, ResetClock, SetDrift, StrobeClock
from nemesis.partition import between, rest
from nemesis.targets import pick

_DRAWN = ("one", "minority", "majority", "leader")
"""Not all: clocks that are wrong by different times are wrong anyway."""
_PPM = (500, 5_000, 50_000, 200_000)
"""500 ppm is what NTP takes for possible; the others make it seen within a window."""


def _drawn(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> tuple[int, ...]:
    return pick(random.choice(_DRAWN), random, nodes, leaders)


def _sign(random: Random) -> int:
    return random.choice((-1, 1))


def _resets(nodes: Sequence[int]) -> tuple[ResetClock, ...]:
    return tuple(ResetClock(node) for node in nodes)


def bump(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The clocks of some nodes jump, each forward or back, by 4 ms to 4 minutes; later they jump back."""
    some = _drawn(random, nodes, leaders)
    begin = tuple(
        BumpClock(n, _sign(random) * random.randint(1 << 2, 1 << random.randint(3, 18)))
        for n in some
    )
    return Fault("clock-bump", begin, _resets(some))


def strobe(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The clocks of some nodes jump to and fro, many times a second."""
    some = _drawn(random, nodes, leaders)
    period_ms = random.choice((1, 5, 20, 100))
    begin = tuple(
        StrobeClock(
            n, _sign(random) * random.randint(1 << 2, 1 << random.randint(3, 18)), period_ms
        )
        for n in some
    )
    return Fault("clock-strobe", begin, _resets(some))


def drift(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The clocks of some nodes run too fast or too slow, by up to a fifth; timers go with them."""
    some = _drawn(random, nodes, leaders)
    begin = tuple(SetDrift(n, _sign(random) * random.choice(_PPM)) for n in some)
    return Fault("clock-drift", begin, _resets(some))


def slow_leader(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """The leader's clock is slow by a fifth, all others fast by as much; then it is cut off, alone.

    What it holds by its clock and the others by theirs, a lease say, is over there while it holds it still.
    (Any node, where nobody believes to lead.)
    """
    (leader,) = pick("leader", random, nodes, leaders)
    others = rest(nodes, [leader])
    links = tuple(between([[leader], others]))
    fast = (SetDrift(node, max(_PPM)) for node in others)
    return Fault(
        "clock-slow-leader",
        begin=(SetDrift(leader, -max(_PPM)), *fast, Cut(links)),
        end=(Mend(links), *_resets(nodes)),
    )


ALL_KINDS = (bump, strobe, drift)


def any_kind(random: Random, nodes: Sequence[int], leaders: Sequence[int]) -> Fault:
    """Any of the kinds of clock fault below, each in its turn."""
    return random.choice(ALL_KINDS)(random, nodes, leaders)
