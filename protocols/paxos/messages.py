"""What the replicas say to each other: each message is about one slot."""

from __future__ import annotations

from typing import TypeAlias

from protocols.ballots import Ballot
from protocols.kernel import Command, record
from protocols.rejoining import Known, Rejoin
from protocols.transfer import Missing, Snapshot

Batch: TypeAlias = tuple[Command, ...]
"""What is proposed for a slot. The empty one is a no-op."""


@record
class Prepare:
    slot: int
    ballot: Ballot


@record
class Promise:
    """No proposal below ``ballot`` will be accepted for ``slot``. ``voted`` is the ballot of the one
    that was accepted last (ZERO: none was), ``batch`` what it proposed.
    """

    slot: int
    ballot: Ballot
    voted: Ballot
    batch: Batch


@record
class Accept:
    slot: int
    ballot: Ballot
    batch: Batch


@record
class Accepted:
    slot: int
    ballot: Ballot


@record
class Rejected:
    """``ballot`` came too late for ``slot``: ``promised`` was promised."""

    slot: int
    ballot: Ballot
    promised: Ballot


@record
class Chosen:
    """What was chosen in consecutive slots, from ``first`` on."""

    first: int
    batches: tuple[Batch, ...]


@record
class Sworn:
    """A promise of a node that may have lost its disk before: ``lives`` of all, as it knows them."""

    promise: Promise
    lives: tuple[int, ...]


Message: TypeAlias = (
    Prepare
    | Promise
    | Accept
    | Accepted
    | Rejected
    | Chosen
    | Missing
    | Snapshot
    | Rejoin
    | Known
    | Sworn
)
MESSAGES = (
    Prepare,
    Promise,
    Accept,
    Accepted,
    Rejected,
    Chosen,
    Missing,
    Snapshot,
    Rejoin,
    Known,
    Sworn,
)
