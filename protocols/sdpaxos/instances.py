"""The C-instances that one replica knows of, and the rounds that it runs in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from protocols.ballots import ZERO, Ballot, renamed
from protocols.kernel import Json, NodeId, record
from protocols.sdpaxos.messages import Batch
from protocols.wire import read_as

PREFIX = "c/"

Place: TypeAlias = tuple[NodeId, int]
"""A C-instance: whose row, and its index there, from 1."""


def first_ballot(owner: NodeId, life: int = 0) -> Ballot:
    """The ballot in which only the owner of a row proposes, without asking: below all that others use there.
    In another life (``sdpaxos.rejoining``) it has another.
    """
    return (0, renamed(owner, life))


def is_first(ballot: Ballot) -> bool:
    """Whether it is one of those, of whichever row and life."""
    return ballot[0] == 0 and ballot != ZERO


def key_of(place: Place) -> str:
    return f"{PREFIX}{place[0]}/{place[1]}"


@record
class Durable:
    """A C-instance as it is on disk."""

    promised: Ballot
    voted: Ballot
    batch: Batch
    chosen: bool


@dataclass(slots=True)
class Instance:
    """What one acceptor has promised and voted for. A chosen batch never changes any more."""

    promised: Ballot
    voted: Ballot = ZERO
    batch: Batch = ()
    chosen: bool = False

    def durable(self) -> Durable:
        return Durable(self.promised, self.voted, self.batch, self.chosen)


@dataclass(slots=True)
class Round:
    """One ballot of this replica in one C-instance: phase 1 while ``batch`` is None.

    ``voters`` has the O-ballot that each had promised when it voted. ``waited`` becomes true at the
    first tick that it sees, so that what was only just sent is not sent again.
    """

    ballot: Ballot
    batch: Batch | None = None
    promises: dict[NodeId, tuple[Ballot, Batch]] = field(default_factory=dict)
    voters: dict[NodeId, Ballot] = field(default_factory=dict)
    waited: bool = False

    def voters_under(self, ballot: Ballot) -> int:
        """How many voted before they promised an O-ballot above this one."""
        return sum(promised <= ballot for promised in self.voters.values())


class Instances:
    """By place. A row begins after ``bases``: what is before that was executed and forgotten."""

    def __init__(self, nodes: Sequence[NodeId]) -> None:
        self.bases = dict.fromkeys(nodes, 0)
        self.last = dict.fromkeys(nodes, 0)
        """The highest index of each row that anything was heard of."""
        self._known: dict[Place, Instance] = {}

    @classmethod
    def load(cls, nodes: Sequence[NodeId], durable: Mapping[str, Json]) -> Instances:
        instances = cls(nodes)
        for key, value in durable.items():
            if key.startswith(PREFIX):
                owner, index = map(int, key[len(PREFIX) :].split("/"))
                saved = read_as(Durable, value)
                instances._put(
                    (owner, index),
                    Instance(saved.promised, saved.voted, saved.batch, saved.chosen),
                )
        return instances

    def _put(self, place: Place, instance: Instance) -> None:
        self._known[place] = instance
        self.last[place[0]] = max(self.last[place[0]], place[1])

    def get(self, place: Place) -> Instance | None:
        return self._known.get(place)

    def __getitem__(self, place: Place) -> Instance:
        return self._known[place]

    def make(self, place: Place) -> Instance | None:
        """The instance, a new one if nothing was known of it; None if it was forgotten."""
        instance = self._known.get(place)
        if instance is None and place[1] > self.bases[place[0]]:
            instance = Instance(first_ballot(place[0]))
            self._put(place, instance)
        return instance

    def places(self) -> Iterator[Place]:
        return iter(self._known)

    def forget(self, owner: NodeId, base: int) -> list[Place]:
        """Drop the row's instances up to ``base``; say which there were."""
        gone = [
            (owner, index)
            for index in range(self.bases[owner] + 1, base + 1)
            if self._known.pop((owner, index), None)
        ]
        self.bases[owner] = max(self.bases[owner], base)
        self.last[owner] = max(self.last[owner], base)
        return gone
