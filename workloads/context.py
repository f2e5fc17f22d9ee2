"""What a leaf knows when it makes an op: a number nobody else has, who will run it, what was seen."""

from __future__ import annotations

from checker.history import INFO, INVOKE, OK, Row
from workloads.kernel import next_process


class Context:
    """Shared by all leaves of one generator, so that ``serial`` is unique among all their ops.

    - ``serial``: 1, 2, 3 ...: a value that no other op of this generator writes;
    - ``thread``, ``process``: who will run the op;
    - ``seen``: what the last ok read, write or cas of each key found or left there.

    >>> context = Context(threads=2)
    >>> context.hear(1, Row(5, 1, INVOKE, "write", "x", 7))
    >>> context.hear(1, Row(9, 1, OK, "write", "x"))
    >>> context.turn(1)
    >>> context.serial, context.process, context.seen, context.seen_by(0)
    (1, 1, {'x': 7}, {})
    """

    def __init__(self, *, threads: int) -> None:
        self.serial = 0
        self.thread = 0
        self.seen: dict[str, object] = {}
        self._threads = threads
        self._process = list(range(threads))
        self._asked: list[object] = [None] * threads
        self._seen_by: list[dict[str, object]] = [{} for _ in range(threads)]

    @property
    def process(self) -> int:
        return self._process[self.thread]

    def seen_by(self, thread: int) -> dict[str, object]:
        """As ``seen``, by the ops of one thread alone: what *its* clients know."""
        return self._seen_by[thread]

    def turn(self, thread: int) -> None:
        """The next op is for this thread. Leaves call it before they make one."""
        self.serial += 1
        self.thread = thread

    def hear(self, thread: int, row: Row) -> None:
        """Learn from a row. The argument of a write is its invocation's: clients may answer less."""
        if row.type == INVOKE:
            self._process[thread] = row.process
            self._asked[thread] = row.value
        elif row.type == OK:
            value = row.value
            if row.f == "write":
                value = self._asked[thread]
            elif row.f == "cas":
                match self._asked[thread]:
                    case [_, value]:
                        pass
            key = str(row.key)
            self.seen[key] = self._seen_by[thread][key] = value
        elif row.type == INFO:
            self._process[thread] = next_process(row.process, self._threads)
