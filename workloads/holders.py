"""Clients that hold leases: each asks for one, does what it may for a while, and gives it back, or does not.

A thread does one thing at a time, and a habit says what is next; some *nap*, as a process that is
stopped or collects its garbage does, and go on as if no time had passed. (After Jepsen's locks, which
are threads that reserve; the naps are Kleppmann's, "How to do distributed locking", 2016.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from checker.history import INFO, INVOKE, OK, Row
from workloads.final_reads import reads_at_every_node
from workloads.generators import SECOND, below
from workloads.kernel import WAIT, At, Generator, Invoke, Options, Poll

MS = 1_000_000
LEASE_MS = 50, 100, 200, 400, 800
"""Longer and shorter than a leader is between two ticks, and than most faults last."""


@dataclass(slots=True)
class Hold:
    """What a thread knows of its lease: since when it asked for it (or for its last refresh)."""

    key: str
    token: int
    ms: int
    asked_ns: int
    uses: int = 0
    intent: str = ""
    """What its holder means to do next with it, if that is for later."""


Next = tuple[str, str, object]
"""What a thread does next: ``f``, key and value."""

Habit = Callable[[Random, Hold, int], "Next | int"]
"""Given what a thread holds and the time: what it does next; or until when it does nothing (ns)."""


class Holders:
    """Threads that acquire one of ``keys``, follow a habit while they hold it, and begin again.

    After each op a thread pauses, so that all make up to ``rate`` ops a second, if that is not 0: a
    closed loop, since an op that comes late for its lease is another one. Who holds a lease pauses for a
    quarter of its time at most, or most would be over before anything was done with them. A lease that
    is refused, lost or released is not held any more. An op that nobody knows the fate of makes a thread
    another process, which holds nothing.
    """

    def __init__(
        self, keys: Sequence[str], habit: Habit, random: Random, *, threads: int, rate: int
    ) -> None:
        self._keys, self._habit, self._random = keys, habit, random
        self._most_ns = 2 * threads * SECOND // rate if rate else 0
        self._holds: list[Hold | None] = [None] * threads
        self._asked: list[tuple[str, int]] = [("", 0)] * threads
        self._wakes_ns = [0] * threads

    def poll(self, now_ns: int, idle: Sequence[int]) -> Poll:
        awake = [thread for thread in idle if self._wakes_ns[thread] <= now_ns]
        while awake:
            thread = awake.pop(below(self._random, len(awake)))
            hold = self._holds[thread]
            next_ = self._ask() if hold is None else self._habit(self._random, hold, now_ns)
            if not isinstance(next_, int):
                return Invoke(thread, *next_, now_ns)
            self._wakes_ns[thread] = max(next_, now_ns + 1)
        return At(min(self._wakes_ns[thread] for thread in idle)) if idle else WAIT

    def _ask(self) -> Next:
        key = self._keys[below(self._random, len(self._keys))]
        return "acquire", key, self._random.choice(LEASE_MS)

    def update(self, thread: int, row: Row) -> None:
        hold = self._holds[thread]
        if row.type == INVOKE:
            ms = row.value if row.f == "acquire" else hold.ms if hold else 0
            self._asked[thread] = str(row.key), int(str(ms))
            if row.f == "release":
                self._holds[thread] = None
            elif row.f == "refresh" and hold is not None:
                hold.asked_ns = row.time_ns
        elif row.type == INFO or (row.type != OK and row.f != "acquire"):
            self._holds[thread] = None
        elif row.type == OK and row.f == "acquire":
            key, ms = self._asked[thread]
            self._holds[thread] = Hold(key, int(str(row.value)), ms, row.time_ns)
        if row.type != INVOKE:
            self._wakes_ns[thread] = row.time_ns + self._pause_ns(self._holds[thread])

    def _pause_ns(self, hold: Hold | None) -> int:
        most_ns = self._most_ns if hold is None else min(self._most_ns, hold.ms * MS // 4)
        return below(self._random, most_ns + 1)


def granted_at_every_node(keys: Sequence[str], options: Options) -> Generator:
    """After all is healed: each node grants each lease, though nobody gives back what it holds."""
    return reads_at_every_node(
        keys, threads=options.threads, nodes=options.serving, ask=lambda key: ("acquire", key, 10)
    )
