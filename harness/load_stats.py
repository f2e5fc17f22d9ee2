"""What the driver counts while it drives: ops by kind and end, errors, latencies, lateness."""

from __future__ import annotations

import re
from collections import Counter

from checker.history import INVOKE, OK, TYPES
from harness.histogram import Histogram

_KINDS_OF_ERRORS = 50
_NUMBER = re.compile(r"\d+")


class Stats:
    """Written by the driver within its turn; read by anyone, at any time.

    - ``counts``: f -> how many rows of each type (in the order of ``checker.history.TYPES``);
    - ``latency``: f -> ns from the *intended* start of its ok ops to their end;
    - ``lateness``: ns from when an op was due and a thread was free to run it until its client was
      called: the driver's own delay, by which every latency is too long;
    - ``waited``: ops that were due before any thread was free: too few threads for this rate;
    - ``errors``: how often each error text (numbers aside) came, for at most 50 texts;
    - ``abandoned``: ops whose client had not come back within the grace at the end.
    """

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = {}
        self.latency: dict[str, Histogram] = {}
        self.lateness = Histogram()
        self.waited = 0
        self.errors: Counter[str] = Counter()
        self.abandoned = 0

    def count(self, f: str, type: int) -> None:
        row = self.counts.get(f)
        if row is None:
            row = self.counts[f] = [0] * len(TYPES)
        row[type] += 1

    def ok_after(self, f: str, ns: int) -> None:
        histogram = self.latency.get(f)
        if histogram is None:
            histogram = self.latency[f] = Histogram()
        histogram.add(ns)

    def error(self, text: str) -> None:
        """Count an error under its text, whatever its numbers, for many texts differ by those alone.

        >>> stats = Stats()
        >>> stats.error("was 17")
        >>> stats.error("was 18")
        >>> stats.errors
        Counter({'was #': 2})
        """
        text = _NUMBER.sub("#", text)
        known = text in self.errors or len(self.errors) < _KINDS_OF_ERRORS
        self.errors[text if known else "other errors"] += 1

    @property
    def ops(self) -> int:
        """How many ops have begun."""
        return sum(row[INVOKE] for row in self.counts.values())

    @property
    def ok(self) -> int:
        return sum(row[OK] for row in self.counts.values())

    def to_json(self) -> dict[str, object]:
        """For ``results.json``: times in ns."""
        return {
            "counts": {f: dict(zip(TYPES, row, strict=True)) for f, row in self.counts.items()},
            "latency_ns": {f: histogram.to_json() for f, histogram in self.latency.items()},
            "lateness_ns": self.lateness.to_json(),
            "waited": self.waited,
            "errors": dict(self.errors.most_common()),
            "abandoned": self.abandoned,
        }
