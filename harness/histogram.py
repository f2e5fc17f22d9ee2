"""A histogram of times at a fixed relative precision and in fixed space: exact counts, rounded values.

Log-linear buckets as in Tene's HdrHistogram: 64 to each power of two, so a value is known to
within 1/64 of itself, from 1 ns to centuries, in 30 kB.
"""

from __future__ import annotations

from collections.abc import Sequence

_BITS = 6
_BUCKETS = (64 - _BITS + 1) << _BITS
QUANTILES = (500, 900, 990, 999)
"""Permille that results give."""


class Histogram:
    """Counts of non-negative ints below 2**63; smaller ones count as 0. One writer at a time.

    >>> times = Histogram()
    >>> for value in range(1, 1001):
    ...     times.add(value)
    >>> times.count, times.quantile(500), times.quantile(1000)
    (1000, 503, 1000)
    """

    __slots__ = ("_counts", "count", "largest")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0
        self.largest = 0

    def add(self, value: int) -> None:
        if value < 128:
            self._counts[max(0, value)] += 1
        else:
            shift = value.bit_length() - 7
            self._counts[(shift << _BITS) + (value >> shift)] += 1
        self.count += 1
        self.largest = max(self.largest, value)

    def merge(self, other: Histogram) -> None:
        """Count the other's values, too."""
        self._counts = [a + b for a, b in zip(self._counts, other._counts, strict=True)]
        self.count += other.count
        self.largest = max(self.largest, other.largest)

    def quantile(self, permille: int) -> int | None:
        """A value that ``permille`` of all are at or below, rounded up by at most 1/64; or None."""
        if not self.count:
            return None
        wanted = max(1, -(-self.count * permille // 1000))
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return min(_top(bucket), self.largest)
        raise AssertionError("the buckets hold fewer values than were counted")

    def to_json(self, permilles: Sequence[int] = QUANTILES) -> dict[str, int | None]:
        """The count, quantiles and the largest; times in ns as they came in.

        >>> Histogram().to_json((500,))
        {'count': 0, 'p50': None, 'max': 0}
        """
        at = {f"p{permille / 10:g}": self.quantile(permille) for permille in permilles}
        return {"count": self.count, **at, "max": self.largest}


def _top(bucket: int) -> int:
    """The largest value that falls into a bucket."""
    if bucket < 128:
        return bucket
    shift = (bucket >> _BITS) - 1
    return ((bucket - (shift << _BITS) + 1) << shift) - 1
