"""How much a leader has under way at a time (paxakos' *concurrency*): options ``window`` and ``reserve``.

Batches, of which ``pipeline`` at most are proposed and not chosen yet. With ``window=adaptive`` it begins with
one, grows by one with each batch that is chosen while commands wait, and is halved at a tick that finds a
proposal unanswered since the last (additive increase, multiplicative decrease: Chiu and Jain, "Analysis of the
Increase and Decrease Algorithms", Computer Networks 17, 1989). Entries of the leader's own, that
end clients' leases, change the members, or move what clients wait for, do not wait behind clients who come faster
than they are served: they go first, there is always room for them in the line, and ``reserve`` of the window are for
them alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from protocols.clients import Name, name
from protocols.kernel import Cluster, Command

KINDS = ("fixed", "adaptive")


@dataclass(slots=True)
class Window:
    """At most ``size`` batches, ``reserve`` of them for entries of the leader's own."""

    most: int
    reserve: int
    adaptive: bool
    size: int

    def admits(self, flying: int, *, own: bool) -> bool:
        """Whether one more batch may be under way beside these.

        >>> window = Window(4, 1, adaptive=False, size=4)
        >>> window.admits(3, own=True), window.admits(3, own=False)
        (True, False)
        """
        return flying < self.size - (0 if own else self.reserve)

    def passed(self) -> None:
        """A batch was chosen, and commands wait."""
        if self.adaptive and self.size < self.most:
            self.size += 1

    def late(self) -> None:
        """A proposal was not answered from one tick to the next."""
        if self.adaptive:
            self.size = max(self.size // 2, self.least)

    @property
    def least(self) -> int:
        return self.reserve + 1


def window_of(cluster: Cluster, pipeline: int) -> Window:
    """Raises ValueError for options that cannot be meant."""
    kind = str(cluster.options.get("window", "fixed"))
    if kind not in KINDS:
        raise ValueError(f"window={kind}: it is one of {', '.join(KINDS)}")
    reserve = cluster.number("reserve", 0, least=0)
    if reserve >= pipeline:
        raise ValueError(
            f"reserve={reserve}: it is less than pipeline={pipeline}, or clients wait for ever"
        )
    adaptive = kind == "adaptive"
    return Window(pipeline, reserve, adaptive, reserve + 1 if adaptive else pipeline)


class Line:
    """The commands that wait for their leader to propose them, and how many are under way.

    At most a ``window`` of batches of at most ``batch`` commands is under way; what comes meanwhile waits and
    makes up the next batch, so that batches grow with the load and only then. At most ``capacity`` commands
    wait, and the leader's own, which go before them. ``first`` are first in line.
    """

    def __init__(
        self, window: Window, *, batch: int, capacity: int, first: Iterable[Command] = ()
    ) -> None:
        self.window = window
        self.queue = deque(first)
        self.own: deque[Command] = deque()
        """Entries of the leader's own that wait."""
        self._names: dict[Name, None] = dict.fromkeys(map(name, self.queue))
        """The commands that wait or are under way."""
        self._batches: deque[int] = deque()
        """The last slot of each batch under way."""
        self._batch, self._capacity = batch, capacity

    def enqueue(self, command: Command, *, own: bool = False) -> bool:
        """Let a command wait, unless it waits already or is under way. False: too many do."""
        if name(command) in self._names:
            return True
        if own:
            self.own.append(command)
        elif len(self.queue) < self._capacity:
            self.queue.append(command)
        else:
            return False
        self._names[name(command)] = None
        return True

    def take(self, done: int, room: int) -> tuple[Command, ...]:
        """The next batch, of at most ``room`` commands, where all up to slot ``done`` are decided; none
        when enough are under way.
        """
        while self._batches and self._batches[0] <= done:
            self._batches.popleft()
            if self.queue:
                self.window.passed()
        flying, most = len(self._batches), min(self._batch, room)
        batch: list[Command] = []
        if self.own and self.may_precede() and self.window.admits(flying, own=True):
            batch = [self.own.popleft() for _ in range(min(len(self.own), most))]
        if self.queue and (batch or self.window.admits(flying, own=False)):
            batch += [self.queue.popleft() for _ in range(min(len(self.queue), most - len(batch)))]
        return tuple(batch)

    def may_precede(self) -> bool:
        """Whether entries of the leader's own may go before what waits longer."""
        return True

    def put_under_way(self, last: int) -> None:
        """A batch was proposed, up to slot ``last``."""
        self._batches.append(last)

    def passed(self, command: Command) -> None:
        """It waits no more, and is not under way."""
        self._names.pop(name(command), None)
