"""Quorums: how many nodes must answer, and counting each of them once.

Any two majorities meet, which is all that Paxos asks of them (Lamport, "The Part-Time Parliament",
TOCS 1998, section 2.1). A fast quorum also meets the fast quorum of any other proposer within every
majority (Moraru, Andersen, Kaminsky, "There Is More Consensus in Egalitarian Parliaments", SOSP
2013, section 4.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from protocols.kernel import NodeId

T = TypeVar("T")


def majority(n: int) -> int:
    """The size of a majority of ``n`` nodes.

    >>> [majority(n) for n in (1, 2, 3, 4, 5)]
    [1, 2, 2, 3, 3]
    """
    return n // 2 + 1


def fast(n: int) -> int:
    """The size of EPaxos' fast quorum among ``n`` = 2F+1 nodes, the leader included: F + ⌊(F+1)/2⌋.

    >>> [fast(n) for n in (3, 5, 7, 9)]
    [2, 3, 5, 6]
    """
    f = (n - 1) // 2
    return f + (f + 1) // 2


@dataclass(slots=True)
class Tally(Generic[T]):
    """The answers of distinct nodes to one question, of which ``needed`` make a quorum.

    >>> votes = Tally[str](2)
    >>> votes.add(0, "yes"), votes.add(0, "yes again"), votes.add(2, "yes"), votes.add(1, "late")
    (False, False, True, False)
    """

    needed: int
    answers: dict[NodeId, T] = field(default_factory=dict)

    def add(self, src: NodeId, answer: T) -> bool:
        """Count the first answer of ``src``. True just once: when it completes the quorum."""
        if src in self.answers:
            return False
        self.answers[src] = answer
        return len(self.answers) == self.needed

    def drop(self, src: NodeId) -> None:
        """What it answered counts no more. Of use only before there is a quorum, which is told once."""
        self.answers.pop(src, None)

    @property
    def reached(self) -> bool:
        return len(self.answers) >= self.needed
