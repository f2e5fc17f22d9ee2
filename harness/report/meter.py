"""What is counted while a trial runs, for the progress view: cheap to feed, read from another thread."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from checker.history import INVOKE, OK, TYPES, Row

RECENT = 500
"""How many of the last latencies the progress view looks at."""


@dataclass
class Meter:
    """Counts of client rows by type, the last latencies, and the faults that are on."""

    counts: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    latencies_ns: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    faults: dict[str, str] = field(default_factory=dict)
    _since: dict[int, int] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Count a client's row; the caller holds the lock under which rows are recorded."""
        self.counts[row.type] += 1
        if row.type == INVOKE:
            self._since[row.process] = row.time_ns if row.intended_ns is None else row.intended_ns
            return
        since = self._since.pop(row.process, None)
        if since is not None and row.type == OK:
            self.latencies_ns.append(row.time_ns - since)

    def quantile_ms(self, permille: int) -> float | None:
        """A quantile of the last latencies; None before the first."""
        ordered = sorted(self.latencies_ns.copy())
        if not ordered:
            return None
        return ordered[min(len(ordered) - 1, len(ordered) * permille // 1000)] / 1e6

    def line(self) -> str:
        """The counts as text: ``120 ok, 3 fail, 1 info; p50 4.2 ms, p99 31.0 ms``."""
        text = ", ".join(f"{self.counts[i]} {TYPES[i]}" for i in range(1, 4))
        p50, p99 = self.quantile_ms(500), self.quantile_ms(990)
        if p50 is not None and p99 is not None:
            text += f"; p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        return text
