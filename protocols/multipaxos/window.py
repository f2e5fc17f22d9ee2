"""How much a leader has under way at a time (paxakos' *concurrency*): options ``window`` and ``reserve``.

Batches, of which ``pipeline`` at most are proposed and not chosen yet. With ``window=adaptive`` it begins with
one, grows by one with each batch that is chosen while commands wait, and is halved at a tick that finds a
proposal unanswered since the last (additive increase, multiplicative decrease: Chiu and Jain, "Analysis of the
Increase and Decrease Algorithms", Computer Networks 17, 1989). ``reserve`` of it are for entries of the leader's
own, that end clients' leases or change the members: they do not wait behind clients who come faster than
they are served.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.kernel import Cluster

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
