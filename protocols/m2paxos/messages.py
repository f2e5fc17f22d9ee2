"""What the replicas say to each other."""

from __future__ import annotations

from typing import TypeAlias

from protocols.ballots import Ballot
from protocols.kernel import Command, record
from protocols.recalling import Recall, Recalled
from protocols.rejoining import Known, Rejoin
from protocols.transactions import keys_of
from protocols.transfer import Missing, Snapshot

Cell: TypeAlias = tuple[str, int]
"""An object and a position in its log; positions count from 1."""

Round: TypeAlias = tuple[str, int, Ballot]
"""Names an attempt: its first object, the position there (0: an acquisition), its epoch there."""


def objects_of(command: Command) -> tuple[str, ...]:
    """The objects of a command, ascending; one that concerns no key has the object "".

    >>> objects_of(Command("balances", "", ["b", "a"]))
    ('a', 'b')
    """
    return keys_of(command) or ("",)


@record
class Place:
    """Where a proposal stands in the log of one of its objects, and in which epoch of it."""

    key: str
    position: int
    epoch: Ballot


@record
class Proposal:
    """Commands, and their places: one in each of their objects, ascending by key."""

    commands: tuple[Command, ...]
    places: tuple[Place, ...]

    @property
    def round(self) -> Round:
        first = self.places[0]
        return (first.key, first.position, first.epoch)

    def cells(self) -> list[Cell]:
        return [(place.key, place.position) for place in self.places]

    def same(self, other: Proposal) -> bool:
        """Whether both are the same commands in the same positions, whatever the epochs."""
        return self.commands == other.commands and self.cells() == other.cells()

    def epoch(self, key: str) -> Ballot:
        return next(place.epoch for place in self.places if place.key == key)


@record
class Wanted:
    """An object to be acquired in ``epoch`` by one who has executed all positions below ``next``."""

    key: str
    epoch: Ballot
    next: int


@record
class Prepare:
    objects: tuple[Wanted, ...]


@record
class Promise:
    """Nothing below these epochs will be accepted. ``next``: the first position, of each object, that
    is not executed here. ``votes`` for these objects; of those up to ``next``, some as ``chosen``.
    """

    round: Round
    next: tuple[int, ...]
    votes: tuple[Proposal, ...]
    chosen: tuple[Proposal, ...]


@record
class Accept:
    proposal: Proposal


@record
class Accepted:
    round: Round


@record
class Rejected:
    """Of a Prepare or Accept: these objects have been promised in higher epochs."""

    round: Round
    promised: tuple[tuple[str, Ballot], ...]


@record
class Commit:
    """The proposal of this round is chosen; those who have accepted it know which one that is."""

    round: Round


@record
class Forward:
    """A command for the owner of its objects. ``hops``: how often it was passed on."""

    command: Command
    hops: int


@record
class Ask:
    """What was chosen for these cells, and after them? None: how far have you come?"""

    cells: tuple[Cell, ...]


@record
class Learned:
    proposals: tuple[Proposal, ...]


@record
class Heads:
    """Of the objects that were executed last: all below these positions is chosen."""

    cells: tuple[Cell, ...]


@record
class Frontier:
    """A sum over all that is executed: equal where the same is, and hardly ever elsewhere."""

    mark: int


@record
class Sworn:
    """A Promise, with the lives of all nodes as the sender knows them; of its own it is certain."""

    promise: Promise
    lives: tuple[int, ...]


@record
class SwornVote:
    """The same, of an Accepted."""

    accepted: Accepted
    lives: tuple[int, ...]


Message: TypeAlias = (
    Prepare
    | Promise
    | Accept
    | Accepted
    | Rejected
    | Commit
    | Forward
    | Ask
    | Learned
    | Heads
    | Frontier
    | Missing
    | Snapshot
    | Sworn
    | SwornVote
    | Rejoin
    | Known
    | Recall
    | Recalled
)
MESSAGES = (
    Prepare,
    Promise,
    Accept,
    Accepted,
    Rejected,
    Commit,
    Forward,
    Ask,
    Learned,
    Heads,
    Frontier,
    Missing,
    Snapshot,
    Sworn,
    SwornVote,
    Rejoin,
    Known,
    Recall,
    Recalled,
)
