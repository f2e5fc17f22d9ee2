"""Moments that are ruled out. Moment ``i`` lies between row ``i`` and row ``i + 1`` of a history."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise


class Cover:
    """Intervals are added and never taken away: a union-find finds the next free moment.

    Tarjan, "Efficiency of a Good But Not Linear Set Union Algorithm", JACM 22(2), 1975. Only the
    rows given count, so that its size is that of one object's history.
    """

    def __init__(self, rows: Iterable[int]) -> None:
        ordered = sorted(set(rows))
        self._place = {row: i for i, row in enumerate(ordered)}
        self._next = list(range(len(ordered) + 1))

    def add(self, begin: int, end: int) -> None:
        """Rule out all moments after row ``begin`` and before row ``end``."""
        last = self._place[end]
        at = self._free(self._place[begin])
        while at < last:
            self._next[at] = at + 1
            at = self._free(at)

    def has_free(self, begin: int, end: int) -> bool:
        """Whether some moment after row ``begin`` and before row ``end`` is not ruled out."""
        return self._free(self._place[begin]) < self._place[end]

    def _free(self, at: int) -> int:
        root = at
        while self._next[root] != root:
            root = self._next[root]
        while self._next[at] != root:
            self._next[at], at = root, self._next[at]
        return root


def chain(
    intervals: Iterable[tuple[int, int, int]], begin: int, end: int
) -> list[tuple[int, int, int]]:
    """The fewest of ``intervals`` (begin, end, name) that together leave no moment free in between.

    They are known to cover it. Greedy: of those that begin in time the one that lasts longest.
    """
    ordered = sorted(intervals)
    chosen: list[tuple[int, int, int]] = []
    reached, place = begin, 0
    while reached < end:
        best: tuple[int, int, int] | None = None
        while place < len(ordered) and ordered[place][0] <= reached:
            if best is None or ordered[place][1] > best[1]:
                best = ordered[place]
            place += 1
        if best is None or best[1] <= reached:
            break
        chosen.append(best)
        reached = best[1]
    assert all(a[0] <= b[0] for a, b in pairwise(chosen))
    return chosen
