"""What a node counts, for ``GET /health``."""

from __future__ import annotations

import logging

_log = logging.getLogger("node")


class Counters:
    """Counts by name, and says of what others did wrong when it is new or has doubled."""

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.answered = 0
        self._wrong = dict.fromkeys(
            ("dropped", "refused", "garbage", "stalled", "bad_requests", "os_errors", "too_long"), 0
        )

    def wrong(self, kind: str, what: str) -> None:
        """Count it; log the 1st, 2nd, 4th, 8th ... of its kind."""
        self._wrong[kind] = count = self._wrong[kind] + 1
        if count & (count - 1) == 0:
            _log.warning("%s: %s (%d so far)", kind, what, count)

    def all(self) -> dict[str, int]:
        return {
            "sent": self.sent,
            "received": self.received,
            "answered": self.answered,
            **self._wrong,
        }
