"""How many intervals cover each moment, and which intervals of ops contain a moment: two trees."""

from __future__ import annotations

from itertools import accumulate

DONE = 1 << 60
"""The count of a moment that was taken already: it never comes down to 0 again."""


class Counts:
    """Counts over moments 0..n-1: add to a range, and take a moment whose count is 0.

    A segment tree: ``least[p]`` is the least count below node p, without what was added above it.
    """

    def __init__(self, counts: list[int]) -> None:
        self.size = 1 << max(len(counts) - 1, 1).bit_length()
        self.least = [DONE] * (2 * self.size)
        self.added = [0] * (2 * self.size)
        self.least[self.size : self.size + len(counts)] = counts
        for node in range(self.size - 1, 0, -1):
            self.least[node] = min(self.least[2 * node], self.least[2 * node + 1])

    def add(self, begin: int, end: int, more: int) -> None:
        """Add to the counts of moments begin..end-1."""
        least, added = self.least, self.added
        left, right = begin + self.size, end + self.size
        first, last = left, right - 1
        while left < right:
            if left & 1:
                least[left] += more
                added[left] += more
                left += 1
            if right & 1:
                right -= 1
                least[right] += more
                added[right] += more
            left >>= 1
            right >>= 1
        for side in (first, last):
            node = side >> 1
            while node:
                least[node] = min(least[2 * node], least[2 * node + 1]) + added[node]
                node >>= 1

    def take_zero(self) -> int | None:
        """Some moment whose count is 0; it is not given again."""
        if self.least[1] != 0:
            return None
        node, wanted = 1, 0
        while node < self.size:
            wanted -= self.added[node]
            node = 2 * node if self.least[2 * node] == wanted else 2 * node + 1
        moment = node - self.size
        self.add(moment, moment + 1, DONE)
        return moment


class Stabbing:
    """Intervals of moments by name; ask once for all that contain a moment."""

    def __init__(self, moments: int) -> None:
        self.size = 1 << max(moments - 1, 1).bit_length()
        self.names: list[list[int]] = [[] for _ in range(2 * self.size)]

    def add(self, begin: int, end: int, name: int) -> None:
        left, right = begin + self.size, end + self.size
        while left < right:
            if left & 1:
                self.names[left].append(name)
                left += 1
            if right & 1:
                right -= 1
                self.names[right].append(name)
            left >>= 1
            right >>= 1

    def take(self, moment: int) -> list[int]:
        """The names of the intervals that contain a moment; a name may come again elsewhere."""
        found: list[int] = []
        node = moment + self.size
        while node:
            found += self.names[node]
            self.names[node] = []
            node >>= 1
        return found


def cover_counts(moments: int, intervals: list[tuple[int, int]]) -> list[int]:
    """How many of the intervals (begin, end) cover each moment.

    >>> cover_counts(4, [(0, 2), (1, 4)])
    [1, 2, 1, 1]
    """
    change = [0] * (moments + 1)
    for begin, end in intervals:
        change[begin] += 1
        change[end] -= 1
    return list(accumulate(change))[:moments]
