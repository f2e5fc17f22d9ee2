"""The trace of a run: a running hash of every event, which two runs of one seed must share."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b
from itertools import zip_longest

FLUSH_EVENTS = 4_096


class Trace:
    """Gathers (time, where, text) of each event, and hashes them some thousands at a time.

    The hot path appends to ``ints`` (the time in ns, then the kind and the node in one number) and
    to ``texts`` itself.
    """

    __slots__ = ("_hash", "events", "ints", "texts")

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self.events = 0
        self.ints: list[int] = []
        self.texts: list[str] = []

    def add(self, time_ns: int, where: int, text: str) -> None:
        self.ints += (time_ns, where)
        self.texts.append(text)
        if len(self.texts) >= FLUSH_EVENTS:
            self.flush()

    def flush(self) -> None:
        """Hash what was gathered; the lists stay the same objects."""
        self.events += len(self.texts)
        self._hash.update(array("q", self.ints).tobytes())
        self._hash.update("\n".join(self.texts).encode())
        self.ints.clear()
        self.texts.clear()

    def digest(self) -> str:
        self.flush()
        return self._hash.hexdigest()


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
