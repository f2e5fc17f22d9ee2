"""What the replicas tell each other about C-instances. For O-instances they talk multi-Paxos."""

from __future__ import annotations

from typing import TypeAlias

from protocols.ballots import Ballot
from protocols.kernel import Command, NodeId, record
from protocols.multipaxos.messages import MESSAGES as ORDERING
from protocols.multipaxos.messages import Promise
from protocols.rejoining import Known

Batch: TypeAlias = tuple[Command, ...]
"""What is proposed in a C-instance. The empty one is a no-op."""


@record
class CAccept:
    """Vote for this batch in the C-instance ``index`` of the row of ``owner``."""

    ballot: Ballot
    owner: NodeId
    index: int
    batch: Batch


@record
class CAccepted:
    """Voted for; ``promised`` is the ballot that the voter has promised in O-instances by then.

    ``lives``, here and below: of all nodes as the sender knows them, where they may have more than one.
    """

    ballot: Ballot
    owner: NodeId
    index: int
    promised: Ballot
    lives: tuple[int, ...] = ()


@record
class CCommit:
    """What the sender proposed in its own row and own ballot is chosen."""

    ballot: Ballot
    index: int


@record
class CPrepare:
    """The sender would finish this C-instance, whose owner seems to be down."""

    ballot: Ballot
    owner: NodeId
    index: int


@record
class CPromise:
    """No vote below ``ballot`` any more. ``voted`` is the ballot of the last (ZERO: none)."""

    ballot: Ballot
    owner: NodeId
    index: int
    voted: Ballot
    batch: Batch
    lives: tuple[int, ...] = ()


@record
class CPreempted:
    """The refusal of a CPrepare or CAccept: this higher ballot was promised."""

    ballot: Ballot
    owner: NodeId
    index: int


@record
class Content:
    """What was chosen in a C-instance."""

    owner: NodeId
    index: int
    batch: Batch


@record
class CChosen:
    contents: tuple[Content, ...]


@record
class HeldPromise(Promise):
    """A promise in O-instances, with how far each row of C-instances, in the order of the nodes, is
    known to the sender as it promises.
    """

    held: tuple[int, ...]
    lives: tuple[int, ...] = ()


@record
class HeldKnown(Known):
    """The same, for one that comes back without its disk."""

    held: tuple[int, ...] = ()


@record
class Heard:
    """Somebody has heard of each row of C-instances, in the order of the nodes, up to here."""

    rows: tuple[int, ...]


CMessage: TypeAlias = (
    CAccept | CAccepted | CCommit | CPrepare | CPromise | CPreempted | CChosen | Heard
)
MESSAGES: tuple[type, ...] = (
    *ORDERING,
    HeldPromise,
    HeldKnown,
    Heard,
    CAccept,
    CAccepted,
    CCommit,
    CPrepare,
    CPromise,
    CPreempted,
    CChosen,
)
