"""From times to places on a line: to scale where it can be, else so that every moment has its room."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import sqrt

MS = 1_000_000
LEAST = 86.0
"""Pixels between two moments that are not the same: room for its time, and for an op in few words."""


class Timescale:
    """Moments (ns) laid out between ``left`` and ``right`` (pixels), in order.

    ``linear`` says whether lengths are in proportion to times. ``right`` grows where there are more
    moments than fit.
    """

    def __init__(self, times_ns: Iterable[int], left: float, right: float) -> None:
        self.times = sorted(set(times_ns)) or [0]
        gaps = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        room = max(right - left, LEAST * len(gaps))
        shares = [float(gap) for gap in gaps]
        total = sum(shares) or 1.0
        self.linear = all(room * share / total >= LEAST for share in shares)
        if self.linear:
            widths = [room * share / total for share in shares]
        else:
            roots = [sqrt(gap) for gap in gaps]
            spare = room - LEAST * len(gaps)
            widths = [LEAST + spare * root / sum(roots) for root in roots]
        self.left, self.right = left, left + room
        self.places = [left]
        for width in widths:
            self.places.append(self.places[-1] + width)
        if not gaps:
            self.places = [left + room / 2]

    def x(self, time_ns: int) -> float:
        """Where a time is; one before the first moment, or after the last, is just outside of them."""
        times, places = self.times, self.places
        if time_ns < times[0]:
            return places[0] - LEAST / 3
        if time_ns > times[-1]:
            return places[-1] + LEAST / 3
        after = bisect_right(times, time_ns)
        if after == len(times):
            return places[-1]
        share = (time_ns - times[after - 1]) / (times[after] - times[after - 1])
        return places[after - 1] + share * (places[after] - places[after - 1])


def labels_ms(times_ns: Sequence[int]) -> list[str]:
    """Each moment in ms, with as many digits as tell them all apart.

    >>> labels_ms([1_000_000, 1_250_000, 2_000_000_000])
    ['1.0', '1.2', '2,000.0']
    >>> labels_ms([1_000_000, 1_040_000])
    ['1.00', '1.04']
    """
    distinct = len(set(times_ns))
    for digits in range(1, 7):
        said = [f"{time / MS:,.{digits}f}" for time in times_ns]
        if len(set(said)) == distinct:
            break
    return said
