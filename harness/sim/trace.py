"""The trace of a run: a running hash of every event, which two runs of one seed must share."""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterable
from hashlib import blake2b
from itertools import zip_longest

FLUSH = 8_192
"""Numbers in ``events`` that are time to :meth:`Trace.flush`."""


class Trace:
    """Gathers each event and what is in each message, and hashes them some thousands at a time.

    An event is two numbers in ``events``: its time in ns, and of a message the link that it came over,
    else its kind and place. (Not the serial number of its entry: entries that only ask a generator take
    some, too, and the same events have the same digest whoever asked for the ops.) What was in it is in
    ``content``, as plain values; for a message that is put there once, when it is sent. The hot path
    appends to these lists itself.
    """

    __slots__ = ("_count", "_hash", "content", "events")

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self._count = 0
        self.events: list[int] = []
        self.content: list[object] = []

    @property
    def count(self) -> int:
        """How many events there were."""
        return self._count + len(self.events) // 2

    def add(self, time_ns: int, where: int, text: str) -> None:
        self.events += (time_ns, where)
        self.content.append(text)

    def flush(self) -> None:
        """Hash what was gathered; the lists stay the same objects."""
        self._count += len(self.events) // 2
        self._hash.update(array("q", self.events).tobytes())
        self.events.clear()
        self._hash.update(_bytes(self.content))
        self.content.clear()

    def digest(self) -> str:
        self.flush()
        return self._hash.hexdigest()


def _bytes(content: list[object]) -> bytes:
    """The same for the same values, in every process: version 2 of marshal's format tells no identities."""
    try:
        return marshal.dumps(content, 2)
    except ValueError:  # something of a class of its own, such as an enum's member
        return repr(content).encode("utf-8", "surrogatepass")


def divergence(first: Iterable[str], second: Iterable[str]) -> str | None:
    """The first event that two runs of one setup do not share, in words; None if there is none.

    >>> divergence(["a", "b"], ["a", "c"])
    'event 1: b | c'
    >>> divergence(["a"], ["a", "b"])
    'event 1: (over) | b'
    >>> divergence(["a"], ["a"])
    """
    pairs = zip_longest(first, second, fillvalue="(over)")
    return next((f"event {i}: {a} | {b}" for i, (a, b) in enumerate(pairs) if a != b), None)
