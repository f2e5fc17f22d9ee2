"""How far a successor is: what was sent to it in this epoch, and what it is known to have."""

from __future__ import annotations

from collections import deque

from protocols.kernel import NodeId


class Link:
    """The paper's *Sent* list, as two places in the history, and what bounds it.

    ``received`` is None until the successor has said in this epoch what it has: an epoch begins by
    asking that, and then all after it is sent again (section 3, *failure of other servers*).
    """

    def __init__(self, node: NodeId, pipeline: int) -> None:
        self.node = node
        self.received: int | None = None
        self.sent = 0
        self.silence = 0
        """Ticks since it last said anything."""
        self._batches: deque[int] = deque()
        self._pipeline = pipeline

    def may_send(self, last: int) -> bool:
        """Whether there is something to be sent, and not too much is on its way."""
        return (
            self.received is not None and self.sent < last and len(self._batches) < self._pipeline
        )

    def send(self, upto: int) -> None:
        self.sent = upto
        self._batches.append(upto)

    def ack(self, received: int, *, lacks: bool) -> bool:
        """The successor says what it has. True if what was sent after that must be sent again."""
        self.silence = 0
        first = self.received is None
        self.received = received if self.received is None else max(received, self.received)
        again = lacks and received >= self.received and self.sent > received
        if first or again:
            self.sent = self.received
            self._batches.clear()
        self.sent = max(self.sent, self.received)
        while self._batches and self._batches[0] <= self.received:
            self._batches.popleft()
        return again and not first
