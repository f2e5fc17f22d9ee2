"""Clients take, refresh and give back leases, and each believes in its own for as long as its clock says.

Nothing guards them here: no two may believe to hold the same at the same time, whatever the nodes'
clocks do, as long as their pace differs by no more than the margin that a holder allows for. Judged
by :mod:`checker.containers.leases`.
"""

from __future__ import annotations

from random import Random

from checker.containers import leases
from workloads.generators import TimeLimit
from workloads.holders import MS, Hold, Holders, Next, granted_at_every_node
from workloads.kernel import Generator, Options, Workload

PLANS = (("refresh", 3), ("refresh", 3), ("refresh", 6), ("release", 1), ("release", 1))
"""What a holder does with a lease, and after how many quarters of its time."""


def names(keys: int) -> list[str]:
    return [f"e{i}" for i in range(keys)]


def habit(random: Random, hold: Hold, now_ns: int) -> Next | int:
    """Refresh when a quarter is left (paxakos' *leaser*); or give back sooner; or fall asleep, and refresh
    what has long ended.

    >>> hold = Hold("e0", 1, 400, 0)
    >>> habit(Random(0), hold, 0) // MS, hold.intent, habit(Random(0), hold, 100 * MS)
    (100, 'release', ('release', 'e0', 1))
    """
    if not hold.intent:
        hold.intent, quarters = random.choice(PLANS)
        return max(hold.asked_ns + hold.ms * MS * quarters // 4, now_ns + 1)
    intent, hold.intent = hold.intent, ""
    return intent, hold.key, hold.token if intent == "release" else [hold.token, hold.ms]


def main(random: Random, options: Options) -> Generator:
    holders = Holders(
        names(options.keys), habit, random, threads=options.threads, rate=options.rate
    )
    return TimeLimit(options.time_ms * MS, holders)


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    return granted_at_every_node(names(options.keys), options)


def workload() -> Workload:
    return Workload(
        name="lease",
        main=main,
        final=final,
        checks={"leases": leases.check},
        commands=("acquire", "refresh", "release"),
    )
