"""Where an object should be led from, judged by who asks for it: policies of ownership.

Ailijiang, Charapko, Demirbas, Kosar, "WPaxos: Wide Area Network Flexible Consensus", IEEE TPDS
31(1), 2020, section 4 (*locality adaptive object stealing*), and its framework Paxi, which has
these four. The leader of an object shows its policy every request, a *hit*, by the place that it
came from, a zone or a node; the policy says where the object had better be.

    none          where it is
    consecutive   at the place of the last ``threshold`` hits in a row
    majority      at the place of more than half of the last ``threshold`` hits, looked at when
                  there are so many
    ema           at the place whose share of the hits is above 55 per cent, by an exponential
                  moving average over about ``threshold`` hits

A policy is advice: it is nobody's duty to follow it, and safety never hangs on it. It is a few ints
for an object that is led here, and forgotten with the leadership.

**Departures** from Paxi. Its majority looks every so many seconds, and breaks ties by the order of
a hash map; here hits are the clock, and a tie is no majority. Its average is of the zones'
*numbers*, by which an object used in zones 1 and 3 belongs in zone 2; here each zone has its share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from protocols.kernel import NodeId

Place: TypeAlias = int

ONE = 1_000_000
"""The share of all, in millionths."""

CLEARLY = 550_000
"""The share from which on a place is where an object belongs: half, and something for doubt."""


class Policy(Protocol):
    """Pure and deterministic. ``hit`` says where the object had better be, or None: no change."""

    def hit(self, place: Place) -> Place | None: ...


class Stay:
    """Objects stay where they are."""

    def hit(self, place: Place) -> Place | None:  # noqa: ARG002  the seam's signature
        return None


@dataclass(slots=True)
class Consecutive:
    """
    >>> policy = Consecutive(2)
    >>> [policy.hit(place) for place in (1, 2, 1, 1, 1)]
    [None, None, None, 1, 1]
    """

    threshold: int
    last: Place = -1
    run: int = 0

    def hit(self, place: Place) -> Place | None:
        self.run = min(self.run + 1, self.threshold) if place == self.last else 1
        self.last = place
        return place if self.run >= self.threshold else None


@dataclass(slots=True)
class Majority:
    """
    >>> policy = Majority(4)
    >>> [policy.hit(place) for place in (1, 2, 1, 1, 1, 2, 1, 2)]
    [None, None, None, 1, None, None, None, None]
    """

    threshold: int
    total: int = 0
    hits: dict[Place, int] = field(default_factory=dict)

    def hit(self, place: Place) -> Place | None:
        self.total += 1
        self.hits[place] = self.hits.get(place, 0) + 1
        if self.total < self.threshold:
            return None
        most = [p for p, hits in self.hits.items() if 2 * hits > self.total]
        self.total, self.hits = 0, {}
        return most[0] if most else None


@dataclass(slots=True)
class Ema:
    """
    >>> policy = Ema(3)
    >>> [policy.hit(place) for place in (1, 1, 2, 2)]
    [None, 1, None, 2]
    """

    threshold: int
    shares: dict[Place, int] = field(default_factory=dict)

    def hit(self, place: Place) -> Place | None:
        self.shares.setdefault(place, 0)
        for known, share in self.shares.items():
            target = ONE if known == place else 0
            self.shares[known] = share + (target - share) * 2 // (self.threshold + 1)
        self.shares = {known: share for known, share in self.shares.items() if share}
        return place if self.shares.get(place, 0) > CLEARLY else None


POLICIES = ("consecutive", "majority", "ema", "none")


def make(name: str, threshold: int) -> Policy:
    """A fresh policy. Raises ValueError for one that there is not, and a threshold below 1."""
    if threshold < 1:
        raise ValueError(f"threshold={threshold}: it is a number of hits, 1 or more")
    match name:
        case "consecutive":
            return Consecutive(threshold)
        case "majority":
            return Majority(threshold)
        case "ema":
            return Ema(threshold)
        case "none":
            return Stay()
    raise ValueError(f"policy={name}: it is one of {', '.join(POLICIES)}")


class Demand:
    """Who asks for one object: its policy, and the node of each place that asked last.

    >>> demand = Demand(Majority(3))
    >>> [demand.hit(place, node) for place, node in [(1, 10), (1, 11), (2, 20)]]
    [None, None, 11]
    """

    __slots__ = ("_askers", "_policy")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._askers: dict[Place, NodeId] = {}

    def hit(self, place: Place, node: NodeId) -> NodeId | None:
        """Count a request of ``node``, which is at ``place``; say which node should lead, if any."""
        self._askers[place] = node
        better = self._policy.hit(place)
        return None if better is None else self._askers[better]
