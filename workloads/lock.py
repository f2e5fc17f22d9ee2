"""Clients lock with leases, and use what the lock guards with their fencing tokens.

A lock is a lease (``acquire``, ``release``); beside each is a resource that is written with the token
(``guarded``) by whoever believes to hold the lock. Holders do not look at any clock before they write, and
some are late: then others have got the lock, and it is for the resource to refuse the older token.
So mutual exclusion is judged at the resource: :mod:`checker.containers.fenced`.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from checker.containers import fenced
from workloads.generators import TimeLimit
from workloads.holders import MS, Hold, Holders, Next, granted_at_every_node
from workloads.kernel import Generator, Options, Workload

USES = 4
"""How often at most a holder uses what it has locked."""
NAPS = 8
"""One turn of a holder in so many is a nap."""


def names(keys: int) -> list[str]:
    return [f"l{i}" for i in range(keys)]


def guarded_by(lock: str) -> str:
    """The resource that this lock is for.

    >>> guarded_by("l3")
    'g3'
    """
    return f"g{lock[1:]}"


class Habit:
    """Write up to ``USES`` times, sometimes after a nap of up to two leases, then give the lock back."""

    def __init__(self) -> None:
        self._serials: Counter[str] = Counter()
        self._napped: Hold | None = None

    def __call__(self, random: Random, hold: Hold, now_ns: int) -> Next | int:
        if hold is not self._napped and random.randrange(NAPS) == 0:
            self._napped = hold
            return now_ns + random.randint(1, 2 * hold.ms) * MS
        hold.uses += 1
        if hold.uses > USES or random.randrange(USES + 1) == 0:
            return "release", hold.key, hold.token
        key = guarded_by(hold.key)
        self._serials[key] += 1
        return "guarded", key, [hold.token, self._serials[key]]


def main(random: Random, options: Options) -> Generator:
    holders = Holders(
        names(options.keys), Habit(), random, threads=options.threads, rate=options.rate
    )
    return TimeLimit(options.time_ms * MS, holders)


def final(random: Random, options: Options) -> Generator:  # noqa: ARG001  the seam's signature
    return granted_at_every_node(names(options.keys), options)


def workload() -> Workload:
    return Workload(
        name="lock",
        main=main,
        final=final,
        checks={"fenced": fenced.check},
        commands=("acquire", "release", "guarded"),
    )
