"""Ballots: who may propose, and who outranks whom.

A ballot is a pair (number, node), ordered as pairs are. The node in it makes two proposers' ballots
differ; that one proposer never uses a number twice is for the proposer to keep, on disk, across
restarts (Lamport, "Paxos Made Simple", 2001, section 2.4).
"""

from __future__ import annotations

from typing import TypeAlias

from protocols.kernel import NodeId

Ballot: TypeAlias = tuple[int, NodeId]

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
    """The only node that may propose in ``ballot``."""
    return ballot[1]
