"""Reads that take no entry (dissertation, section 6.4): *ReadIndex*.

A leader notes its commitIndex, has a majority answer a heartbeat that was sent after the read came,
and thereby knows that nobody had committed more elsewhere. Whoever then has applied the log up to
that index may answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from protocols.clients import name
from protocols.kernel import Command, NodeId, RequestId


@dataclass(slots=True)
class _Read:
    command: Command
    index: int | None = None
    """Up to where the log must be applied, once a leader has said it."""


class Reads:
    """The reads under way of one server's own clients, by request."""

    def __init__(self) -> None:
        self._open: dict[RequestId, _Read] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def begin(self, request: RequestId, command: Command) -> None:
        """An answer to an earlier request for the same command is too old for this one."""
        self._open = {r: read for r, read in self._open.items() if read.command != command}
        self._open[request] = _Read(command)

    def told(self, request: RequestId, index: int) -> None:
        """Any leader's word will do, since each was asked after the request came."""
        read = self._open.get(request)
        if read is not None:
            read.index = index if read.index is None else min(read.index, index)

    def unread(self, request: RequestId) -> Command | None:
        """The command of a read that no leader has told an index for."""
        read = self._open.get(request)
        return None if read is None or read.index is not None else read.command

    def ready(self, applied: int) -> list[Command]:
        """The reads that may be answered where the log is applied up to ``applied``."""
        done = {
            request: read.command
            for request, read in self._open.items()
            if read.index is not None and read.index <= applied
        }
        for request in done:
            del self._open[request]
        return list(done.values())

    def unasked(self, commands: Iterable[Command]) -> list[RequestId]:
        """The requests of those among these commands that no leader has told an index for."""
        names = dict.fromkeys(map(name, commands))
        return [
            r
            for r, read in self._open.items()
            if read.index is None and name(read.command) in names
        ]

    def keep(self, commands: Iterable[Command]) -> None:
        """Drop the reads of clients that do not wait any more."""
        names = dict.fromkeys(map(name, commands))
        self._open = {r: read for r, read in self._open.items() if name(read.command) in names}


class Questions:
    """The reads that a leader was asked about, each with the round that must be answered first.

    At most ``capacity``.
    """

    def __init__(self, capacity: int) -> None:
        self._waiting: deque[tuple[int, NodeId, RequestId]] = deque()
        self._capacity = capacity

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, round: int, src: NodeId, request: RequestId) -> bool:
        """False: too many wait."""
        if len(self._waiting) >= self._capacity:
            return False
        self._waiting.append((round, src, request))
        return True

    def pop(self, confirmed: int) -> list[tuple[NodeId, RequestId]]:
        """Those that a majority has answered a round for."""
        ready = []
        while self._waiting and self._waiting[0][0] <= confirmed:
            _, src, request = self._waiting.popleft()
            ready.append((src, request))
        return ready

    def pop_all(self) -> list[tuple[NodeId, RequestId]]:
        """All: a lease speaks for the majority."""
        ready = [(src, request) for _, src, request in self._waiting]
        self._waiting.clear()
        return ready
