"""What multi-Paxos replicas tell each other: the messages of both phases, and of catching up."""

from __future__ import annotations

from typing import TypeAlias

from protocols.appending import Forward, Nay
from protocols.ballots import Ballot
from protocols.kernel import Command, Json, RequestId, record
from protocols.log import Vote
from protocols.rejoining import Known, Rejoin
from protocols.transfer import Missing, Snapshot
from protocols.verifying import Digest, Restore


@record
class Prepare:
    """1a: the owner of ``ballot`` asks for a promise for ``slot``, its first not known to be
    chosen, and all after it.
    """

    ballot: Ballot
    slot: int
    handed: bool = False
    """Whether the leader wished it: one that is heard is no reason to abstain."""


@record
class Yield:
    """The leader of ``ballot`` leads no more, and the receiver is to ask for promises at once."""

    ballot: Ballot


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
class Chosen:
    """Some of what was ``Missing``, consecutive; slots up to ``chosen`` are chosen."""

    votes: tuple[Vote, ...]
    chosen: int


@record
class Lend:
    """The leader of ``ballot`` asks, for the ``number``-th time, for a lease."""

    ballot: Ballot
    number: int


@record
class Granted:
    """The answer: the sender takes part in no other node's phase 1 for a while."""

    ballot: Ballot
    number: int


@record
class Inquire:
    """A read of the sender's client, for the leader to answer from its own state."""

    request: RequestId
    command: Command


@record
class Answered:
    """The answer to an Inquire. It repeats the command, whose waiting client it is for."""

    request: RequestId
    command: Command
    value: Json
    ok: bool


@record
class Ask:
    """A quorum read: up to which slot have you voted?"""

    request: RequestId


@record
class Told:
    """The answer to an Ask: no vote of the sender is beyond ``slot``."""

    request: RequestId
    slot: int


@record
class Sworn:
    """A Promise, with the lives of all nodes as the sender knows them; of its own it is certain."""

    promise: Promise
    lives: tuple[int, ...]


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
    | Nay
    | Yield
    | Ask
    | Told
    | Lend
    | Granted
    | Inquire
    | Answered
    | Rejoin
    | Known
    | Sworn
    | Digest
    | Restore
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
    Nay,
    Yield,
    Ask,
    Told,
    Lend,
    Granted,
    Inquire,
    Answered,
    Rejoin,
    Known,
    Sworn,
    Digest,
    Restore,
)
