"""The line in which this node's own clients' commands wait, where each replica proposes those of its clients.

First come, first served, while nobody waits for long. What has waited for a whole tick lets newer commands
go first: whoever asked for it may have given up, and a line that is longer than clients' patience, served
in the order of its coming, answers nobody for as long as it is (Maurer, "Fail at Scale", ACM Queue 13(8), 2015).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from protocols.clients import Name, name
from protocols.kernel import Command


class Line:
    """``names`` are those of the commands that wait here, or are under way: nobody comes in twice.

    >>> line = Line()
    >>> line.join([Command("read", "x", None, "c", serial) for serial in (1, 2, 2)])
    >>> [command.serial for command in line.take(5)], len(line)
    ([1, 2], 0)
    """

    def __init__(self) -> None:
        self.names: dict[Name, None] = {}
        self._fresh: deque[Command] = deque()
        self._ticked = 0
        """So many of the first of them have seen a tick."""
        self._late: list[Command] = []
        """Have waited for a whole one."""

    def __len__(self) -> int:
        return len(self._fresh) + len(self._late)

    def join(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if name(command) not in self.names:
                self.names[name(command)] = None
                self._fresh.append(command)

    def take(self, most: int) -> tuple[Command, ...]:
        """At most so many, which are under way now; of the late ones the newest first."""
        size = min(len(self._fresh), most)
        batch = [self._fresh.popleft() for _ in range(size)]
        self._ticked = max(0, self._ticked - size)
        while self._late and len(batch) < most:
            batch.append(self._late.pop())
        return tuple(batch)

    def under_way(self, batch: Iterable[Command]) -> None:
        """They were proposed before a restart."""
        for command in batch:
            self.names[name(command)] = None

    def over(self, batch: Iterable[Command]) -> None:
        """They were executed, or lost: who still waits for one may join again."""
        for command in batch:
            self.names.pop(name(command), None)

    def tick(self, wanted: Sequence[Command]) -> None:
        """Those grow older that clients still wait for; the others leave."""
        if not len(self):
            return
        self._late += [self._fresh.popleft() for _ in range(self._ticked)]
        names = dict.fromkeys(map(name, wanted))
        self.over([c for c in (*self._late, *self._fresh) if name(c) not in names])
        self._late = [c for c in self._late if name(c) in names]
        self._fresh = deque(c for c in self._fresh if name(c) in names)
        self._ticked = len(self._fresh)
