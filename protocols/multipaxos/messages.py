"""What multi-Paxos replicas tell each other: the messages of both phases, and of catching up."""

from __future__ import annotations

from typing import TypeAlias

from protocols.ballots import Ballot
from protocols.kernel import Command, record
from protocols.log import Vote


@record
class Prepare:
    """1a: the owner of ``ballot`` asks for a promise for ``slot``, its first not known to be
    chosen, and all after it.
    """

    ballot: Ballot
    slot: int


@record
class Promise:
    """1b: no vote below ``ballot`` will be cast any more. Slots up to ``chosen`` are chosen.

    ``votes`` are all those after ``chosen``; before it, those from the Prepare's slot on, or none
    if they are too many for a message or forgotten, and then must be asked for (Missing).
    """

    ballot: Ballot
    chosen: int
    votes: tuple[Vote, ...]


@record
class Accept:
    """2a: vote for these commands in the slots from ``first`` on. Slots up to ``chosen`` are
    chosen. Without commands it is a sign of life, and asks for one.
    """

    ballot: Ballot
    first: int
    commands: tuple[Command, ...]
    chosen: int


@record
class Accepted:
    """2b: voted in ``ballot`` in the ``count`` slots from ``first`` on."""

    ballot: Ballot
    first: int
    count: int


@record
class Preempted:
    """The refusal of a Prepare or an Accept: this higher ballot was promised, or is campaigned for."""

    ballot: Ballot


@record
class Commit:
    """The leader of ``ballot`` knows that the slots up to ``chosen`` are chosen."""

    ballot: Ballot
    chosen: int


@record
class Missing:
    """Send me what was chosen in ``slot`` and after it. If only a snapshot has that: I already
    have ``offset`` characters of the one at slot ``snapshot``.
    """

    slot: int
    snapshot: int = 0
    offset: int = 0


@record
class Chosen:
    """Some of what was ``Missing``, consecutive; slots up to ``chosen`` are chosen."""

    votes: tuple[Vote, ...]
    chosen: int


@record
class Snapshot:
    """A part of the state after slot ``slot``, as text: ``size`` characters in all, these from
    ``offset`` on. Each part is asked for, so that one at a time is under way.
    """

    slot: int
    offset: int
    size: int
    text: str


@record
class Forward:
    """Commands of the sender's clients, for the leader to propose."""

    commands: tuple[Command, ...]


Message: TypeAlias = (
    Prepare
    | Promise
    | Accept
    | Accepted
    | Preempted
    | Commit
    | Missing
    | Chosen
    | Snapshot
    | Forward
)
MESSAGES: tuple[type, ...] = (
    Prepare,
    Promise,
    Accept,
    Accepted,
    Preempted,
    Commit,
    Missing,
    Chosen,
    Snapshot,
    Forward,
)
