"""What the replicas tell each other."""

from __future__ import annotations

from typing import TypeAlias

from protocols.ballots import Ballot
from protocols.kernel import Command, NodeId, record
from protocols.rejoining import Known, Rejoin
from protocols.transfer import Missing, Snapshot

Batch: TypeAlias = tuple[Command, ...]
"""What is proposed for a slot. The empty one is a no-op."""


@record
class Suggest:
    """The owner of ``slot`` proposes this batch there, and skips its slots between ``before`` (the one
    that it suggested in before this) and it.
    """

    slot: int
    before: int
    batch: Batch


@record
class Accepted:
    """Voted for the suggestion in ``slot``. The sender's own slots after ``last``, in which it
    suggested, and below ``index`` are skipped.
    """

    slot: int
    last: int
    index: int


@record
class Overtaken:
    """No vote for the suggestion in ``slot``: that slot is revoked, or promised to who would, and the
    owner's slots up to ``last_promised``. The rest as in Accepted.
    """

    slot: int
    last_promised: int
    last: int
    index: int


@record
class Learn:
    """The sender's suggestion in ``slot`` is chosen."""

    slot: int


@record
class Status:
    """A sign of life. ``last`` and ``index`` as in Accepted; slots up to ``chosen`` are executed."""

    last: int
    index: int
    chosen: int


@record
class Range:
    """The slots of ``owner`` from ``first`` to ``last``, both of them its own."""

    owner: NodeId
    first: int
    last: int


@record
class Found:
    """A vote for a suggestion, or for what a revocation found: never for a no-op."""

    slot: int
    ballot: Ballot
    batch: Batch


@record
class Prepare:
    ballot: Ballot
    range: Range


@record
class Promise:
    """No vote below ``ballot`` in these slots any more. ``found`` are the votes for other than no-ops,
    ``empty`` the ballots of those for no-ops, as (slot, ballot).
    """

    ballot: Ballot
    range: Range
    found: tuple[Found, ...]
    empty: tuple[tuple[int, Ballot], ...]


@record
class Propose:
    """Vote for these batches, and for no-ops in the other slots of the range."""

    ballot: Ballot
    range: Range
    found: tuple[Found, ...]


@record
class Voted:
    ballot: Ballot
    range: Range


@record
class Refused:
    """``promised`` was promised for some of these slots; or it is ``ballot`` itself, and another batch
    than it proposes is chosen in one of them.
    """

    ballot: Ballot
    range: Range
    promised: Ballot


@record
class Revoked:
    """This is chosen in the range: these batches, and no-ops otherwise."""

    range: Range
    found: tuple[Found, ...]


@record
class Chosen:
    """What was chosen in consecutive slots, from ``first`` on."""

    first: int
    batches: tuple[Batch, ...]


@record
class Heard:
    """The sender is on its way back without its disk, and must know what is chosen up to ``slot``."""

    slot: int


Message: TypeAlias = (
    Suggest
    | Accepted
    | Overtaken
    | Learn
    | Status
    | Prepare
    | Promise
    | Propose
    | Voted
    | Refused
    | Revoked
    | Chosen
    | Missing
    | Snapshot
    | Rejoin
    | Known
    | Heard
)
MESSAGES: tuple[type, ...] = (
    Suggest,
    Accepted,
    Overtaken,
    Learn,
    Status,
    Prepare,
    Promise,
    Propose,
    Voted,
    Refused,
    Revoked,
    Chosen,
    Missing,
    Snapshot,
    Rejoin,
    Known,
    Heard,
)
