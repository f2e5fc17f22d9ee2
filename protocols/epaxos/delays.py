"""How far away the others are, and by how much their clocks differ from this one.

A message says when it was sent by its sender's clock; whoever gets it takes that from his own. What comes
out is the way, and what the two clocks are apart: the same way back has that with the other sign (as in NTP, RFC 5905,
section 8). Ways that differ there and back look like clocks that do, by half of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from protocols.kernel import NodeId

LAST = 16
"""Delays that are kept of each way: one that is late after a partition counts for nothing, and a clock
that jumps is known after half of them.
"""


class Delays:
    """The last delays to and from each other node, in ms by both clocks."""

    def __init__(self) -> None:
        self.there: dict[NodeId, deque[int]] = {}
        self.back: dict[NodeId, deque[int]] = {}

    def went(self, peer: NodeId, ms: int) -> None:
        """A message to ``peer`` took so long."""
        self.there.setdefault(peer, deque(maxlen=LAST)).append(ms)

    def came(self, peer: NodeId, ms: int) -> None:
        """One from ``peer`` did."""
        self.back.setdefault(peer, deque(maxlen=LAST)).append(ms)

    def apart_ms(self, peer: NodeId) -> int | None:
        """By how much the clock of ``peer`` is before this one; None: not known, for a way is not.

        >>> delays = Delays()
        >>> delays.went(1, 53), delays.came(1, -47), delays.apart_ms(1), delays.way_ms(1)
        (None, None, 50, 3)
        """
        there, back = self.there.get(peer), self.back.get(peer)
        return None if there is None or back is None else (_median(there) - _median(back)) // 2

    def way_ms(self, peer: NodeId) -> int | None:
        """How long a message to ``peer`` takes, whatever the clocks say: half of there and back."""
        there, back = self.there.get(peer), self.back.get(peer)
        return None if there is None or back is None else (_median(there) + _median(back) + 1) // 2


def _median(of: Collection[int]) -> int:
    return sorted(of)[len(of) // 2]
