"""What clients ask for in a measurement of latency, op by op: so that nothing waits, or the very thing does.

Each site has clients of its own, who ask at fixed times, site after site. The times do not depend on
answers, and there are so many clients that one is always free: the same ops, whatever the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workloads.script import ScriptedOp

MS = 1_000_000
SLOWEST_MS = 1_000
"""An op should have been answered after so long: as many clients are needed."""


@dataclass(frozen=True)
class Pace:
    """``rounds`` times each of ``sites`` asks once, ``gap_ms`` after its last time, from ``warm_ms`` on."""

    sites: int
    rounds: int
    gap_ms: int
    warm_ms: int

    @property
    def threads(self) -> int:
        """Client ``t`` is at node ``t`` modulo ``sites``."""
        return self.sites * (SLOWEST_MS // self.gap_ms + 1)

    @property
    def time_ms(self) -> int:
        return self.warm_ms + self.rounds * self.gap_ms + SLOWEST_MS

    def turns(self) -> Iterator[tuple[int, int, int, int]]:
        """``(at_ns, round, site, thread)`` of each op, in order of time."""
        clients = self.threads // self.sites
        for number in range(self.rounds):
            for site in range(self.sites):
                at_ms = self.warm_ms + number * self.gap_ms + site * self.gap_ms // self.sites
                yield at_ms * MS, number, site, number % clients * self.sites + site


Key = Callable[[int, int], str]
"""The key that a site asks for in a round."""


def own(number: int, site: int) -> str:  # noqa: ARG001  the same in all rounds
    """A key that only this site uses."""
    return f"s{site}"


def mixed(sites: int, local_permille: int) -> Key:
    """Own keys so often, and as often those of each other site, evenly strewn.

    >>> key = mixed(3, 500)
    >>> [key(number, 0) for number in range(8)]
    ['s0', 's1', 's0', 's2', 's0', 's1', 's0', 's2']
    """

    def key(number: int, site: int) -> str:
        away = (number + 1) * (1000 - local_permille) // 1000
        if away == number * (1000 - local_permille) // 1000:
            return own(number, site)
        return f"s{(site + 1 + (away - 1) % (sites - 1)) % sites}"

    return key


def thrown(number: int, site: int) -> str:
    """A key that another site used last: of as many keys as there are rounds, each site takes each in turn."""
    return f"t{number}" if site >= 0 else ""


def script(pace: Pace, key: Key, *, reads: bool = True, first: bool = False) -> list[ScriptedOp]:
    """Writes of values never written before and, every second time where ``reads``, reads.

    ``first``: each site writes its own key once, at the beginning of the warm-up.
    """
    ops = []
    if first:
        ops = [ScriptedOp(0, site, "write", own(0, site), -1 - site) for site in range(pace.sites)]
    for value, (at_ns, number, site, thread) in enumerate(pace.turns(), start=1):
        read = reads and number % 2 == 1
        ops.append(
            ScriptedOp(
                at_ns,
                thread,
                "read" if read else "write",
                key(number, site),
                None if read else value,
            )
        )
    return ops
