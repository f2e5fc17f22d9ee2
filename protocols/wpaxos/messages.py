"""What the replicas tell each other: multi-Paxos' messages, each of one object; and of ownership."""

from __future__ import annotations

from typing import TypeAlias

from protocols.appending import Forward
from protocols.ballots import Ballot
from protocols.kernel import record
from protocols.multipaxos.messages import (
    Accept,
    Accepted,
    Chosen,
    Commit,
    Preempted,
    Prepare,
    Promise,
    Sworn,
)
from protocols.nested import Wrapped, carried, wrapping
from protocols.recalling import Recall, Recalled
from protocols.rejoining import Known, Rejoin
from protocols.transfer import Missing, Snapshot


@record
class LeaderChange:
    """The owner by ``ballot`` finds that the receiver had better steal the object."""

    ballot: Ballot


@record
class Digest:
    """Up to which slot the sender knows what was chosen, of some objects: (key, slot)."""

    chosen: tuple[tuple[str, int], ...]


@record
class SwornVote:
    """An Accepted, with the lives of all nodes as the sender knows them; of its own it is certain."""

    accepted: Accepted
    lives: tuple[int, ...]


OfObject: TypeAlias = (
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
    | LeaderChange
    | Sworn
    | SwornVote
)
OBJECT = wrapping(
    "Object",
    (
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
        LeaderChange,
        Sworn,
        SwornVote,
    ),
)
"""A message of one object, whose key is the wrapper's ``part``."""

Message: TypeAlias = Wrapped | Digest | Rejoin | Known | Recall | Recalled
MESSAGES: tuple[type, ...] = (*carried(OBJECT), Digest, Rejoin, Known, Recall, Recalled)
