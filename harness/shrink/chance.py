"""How likely a trial on hosts fails, from how often it did; and how often to try before giving up.

The interval is Wilson's: Wilson, "Probable Inference, the Law of Succession, and Statistical
Inference", J. American Statistical Association 22(158), 1927. It is right for few tries and for
none or all of them found, where the plain one has no width.
"""

from __future__ import annotations

import math
from typing import NamedTuple

Z95 = 1.959964
"""The normal distribution has 95 % of its weight within so many standard deviations."""

MISSED = 0.05
"""How likely a candidate as good as the best one may be missed."""


class Rate(NamedTuple):
    """How many of so many runs failed. ``tries`` 0: nothing is known."""

    found: int
    tries: int

    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 % for the probability to fail.

        >>> [round(end, 3) for end in Rate(0, 5).interval()]
        [0.0, 0.434]
        >>> [round(end, 3) for end in Rate(4, 5).interval()]
        [0.376, 0.964]
        """
        if not self.tries:
            return 0.0, 1.0
        n, share, z2 = self.tries, self.found / self.tries, Z95 * Z95
        middle = share + z2 / (2 * n)
        width = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        low, high = (middle - width) / (1 + z2 / n), (middle + width) / (1 + z2 / n)
        return max(0.0, low), min(1.0, high)

    def repeats(self) -> int:
        """How many runs show a failure with 95 % probability, if each fails as likely as these did.

        Likely is the share found or Laplace's (found + 1) / (tries + 2), whichever is less: runs
        that all failed do not show that all will. Raises ValueError where none failed.

        >>> Rate(5, 5).repeats(), Rate(1, 1).repeats(), Rate(1, 5).repeats()
        (2, 3, 14)
        """
        if not self.found:
            raise ValueError(f"nothing was found in {self.tries} tries")
        likely = min(self.found / self.tries, (self.found + 1) / (self.tries + 2))
        return math.ceil(math.log(MISSED) / math.log(1 - likely))

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.found} of {self.tries} runs (95 %: {100 * low:.0f} to {100 * high:.0f} %)"
