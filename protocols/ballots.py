"""Ballots: who may propose, and who outranks whom.

A ballot is a pair (number, node), ordered as pairs are. The node in it makes two proposers' ballots
differ; that one proposer never uses a number twice is for the proposer to keep, on disk, across
restarts (Lamport, "Paxos Made Simple", 2001, section 2.4). One that has lost that disk may sign its ballots by
another name in its new life, so that they differ from those that it has forgotten.
"""

from __future__ import annotations

from typing import TypeAlias

from protocols.kernel import NodeId

Ballot: TypeAlias = tuple[int, NodeId]

NAMES = 1 << 20
"""More than nodes in any cluster."""

ZERO: Ballot = (0, -1)
"""Below every ballot of any node: nothing was promised, nothing voted for."""


def above(ballot: Ballot, node: NodeId) -> Ballot:
    """The ballot of ``node`` with the next number: higher than ``ballot``, whoever owns that.

    >>> above((3, 2), 0)
    (4, 0)
    >>> above(ZERO, 0) > ZERO
    True
    """
    return (ballot[0] + 1, node)


def owner(ballot: Ballot) -> NodeId:
    """The only node that may propose in ``ballot``; -1: none may.

    >>> owner(ZERO)
    -1
    """
    return ballot[1] % NAMES if ballot[1] >= NAMES else ballot[1]


def life(ballot: Ballot) -> int:
    """In which life its owner has made it.

    >>> life((3, renamed(2, 5))), life((3, 2)), life(ZERO)
    (5, 0, 0)
    """
    return ballot[1] // NAMES if ballot[1] >= NAMES else 0


def renamed(node: NodeId, life: int) -> int:
    """What a node writes in ballots in this life: itself, in the first.

    >>> owner((3, renamed(2, 5))), (3, renamed(2, 5)) > (3, renamed(2, 4)) > (3, 2)
    (2, True)
    """
    return node + NAMES * life
