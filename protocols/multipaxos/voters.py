"""Voters: whether an acceptor lets a candidate have its promise, where Paxos would allow it.

paxakos' *voter* with its *abstention*: to Paxos an abstention is a lost message, so any voter is safe; what
differs is who can disturb whom. ``--option voter=NAME``; another one is a function and a line in ``VOTERS``,
or ``MultiPaxos.voters`` of a class of one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from protocols.kernel import Cluster, NodeId

if TYPE_CHECKING:
    from protocols.multipaxos.candidate import Candidate

Voter: TypeAlias = "Callable[[Candidate, NodeId], bool]"
"""Given an acceptor and a candidate: whether it may be answered with a promise."""


def steady(acceptor: Candidate, candidate: NodeId) -> bool:
    """Abstain while a leader is heard: who comes back from a partition does not depose one that works
    (Ongaro's dissertation, 2014, section 9.6, has the problem).
    """
    return candidate == acceptor.following or not acceptor.has_leader()


def lax(acceptor: Candidate, candidate: NodeId) -> bool:  # noqa: ARG001  the seam's signature
    """Whoever asks with a higher ballot is answered (Lamport 2001): leaders follow each other sooner."""
    return True


VOTERS: Mapping[str, Voter] = {"steady": steady, "lax": lax}


def voter_of(cluster: Cluster, voters: Mapping[str, Voter] = VOTERS) -> Voter:
    """Option ``voter``. Raises ValueError for one that there is not."""
    name = str(cluster.options.get("voter", "steady"))
    if name not in voters:
        raise ValueError(f"voter={name}: it is one of {', '.join(voters)}")
    return voters[name]
