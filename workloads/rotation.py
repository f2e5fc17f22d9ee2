"""Keys that are given up for new ones once enough was written to them.

A list or a set grows with each op, and so does each read of it: without an end to that a long run
is all one value. Jepsen's workloads bound the writes of a key for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from workloads.register import hot_or_cold


class Rotation:
    """So many places, of which the first is hot; each has one key at a time: ``a0.0, a0.1, ...``

    >>> keys = Rotation("a", places=1, writes=2)
    >>> key = keys.pick(Random(0)); keys.wrote(key); keys.wrote(key)
    >>> key, keys.pick(Random(0))
    ('a0.0', 'a0.1')
    """

    def __init__(self, prefix: str, *, places: int, writes: int) -> None:
        self._writes = writes
        self._now = {f"{prefix}{i}": (0, 0) for i in range(places)}
        self._places = list(self._now)

    def pick(self, random: Random) -> str:
        place = hot_or_cold(random, self._places)
        return f"{place}.{self._now[place][0]}"

    def wrote(self, key: str) -> None:
        """Count a write to a key; one that was given up meanwhile counts for nobody."""
        place, _, generation = key.partition(".")
        now, count = self._now[place]
        if int(generation) == now:
            done = count + 1 >= self._writes
            self._now[place] = (now + 1, 0) if done else (now, count + 1)


def last_of_each(keys: Sequence[str], most: int = 10) -> list[str]:
    """Of keys made so, the latest at each place: what is read when all is over.

    >>> last_of_each(["a0.0", "a1.0", "a0.1", "a0.2"], most=2)
    ['a0.1', 'a0.2', 'a1.0']
    """
    places: dict[str, list[str]] = {}
    for key in keys:
        places.setdefault(key.partition(".")[0], []).append(key)
    return [key for place in places.values() for key in place[-most:]]
