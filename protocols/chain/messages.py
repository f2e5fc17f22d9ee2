"""What the nodes of a chain tell each other. All but clients' commands and answers are of an epoch."""

from __future__ import annotations

from typing import TypeAlias

from protocols.kernel import Command, Json, NodeId, record
from protocols.transfer import Missing, Snapshot

Round: TypeAlias = tuple[int, int]
"""Incarnation and number: never used twice by a node."""


@record
class Entry:
    """One of the history: a command, and the node whose client asked for it."""

    origin: NodeId
    command: Command


@record
class Ask:
    """Commands of the sender's clients: updates for the head, reads for the tail."""

    commands: tuple[Command, ...]


@record
class Answered:
    """The tail's answer to the command of this session and serial."""

    session: str
    serial: int
    value: Json
    ok: bool


@record
class Update:
    """From a predecessor to its successor: the history from ``first`` on; the sender has it up to
    ``upto``. Without entries it asks what has arrived. From the tail also to a node that copies.
    """

    epoch: int
    first: int
    entries: tuple[Entry, ...]
    upto: int


@record
class Ack:
    """From a successor to its predecessor: it has the history up to ``received``, and the tail has
    it up to ``committed``. ``lacks``: it was asked, and something sent before has not come.
    """

    epoch: int
    received: int
    committed: int
    lacks: bool


@record
class Confirm:
    """Is ``epoch`` the last that you know of?"""

    epoch: int
    round: Round


@record
class Confirmed:
    """Yes. And from when the sender knows of a later one, it will not say so again."""

    epoch: int
    round: Round


@record
class Heartbeat:
    """A sign of life for whoever leads the master. A member is ``complete`` if it has all that was
    ever committed; another node, if it has copied as far as the tail. ``suspect`` is a successor
    that does not answer.
    """

    epoch: int
    complete: bool
    suspect: NodeId | None


@record
class Lack:
    """From a node that copies, to the tail, or to its predecessor if it is in the chain already."""

    epoch: int
    missing: Missing


@record
class Copy:
    """A part of the state, where the history no longer reaches back so far."""

    epoch: int
    part: Snapshot


Message: TypeAlias = (
    Ask | Answered | Update | Ack | Confirm | Confirmed | Heartbeat | Lack | Copy
)  # fmt: skip
MESSAGES: tuple[type, ...] = (
    Ask, Answered, Update, Ack, Confirm, Confirmed, Heartbeat, Lack, Copy
)  # fmt: skip
