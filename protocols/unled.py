"""The way back of a node that has lost its disk where nobody leads, and each slot has its own proposer.

``protocols.rejoining`` ends passive mode by the word of a leader: which slot it used last. Here it is not the proposers
who say how far what the node forgot may reach, since some are dead, but those who promised or voted with it: each
of the *enough* others who keep its new life says which is the highest slot that it has heard of. The node is passive
until it has executed all up to the highest of these, the *end*, and then takes part as if it were new. Why
that is enough, each protocol says (``paxos.rejoining``).

0. *What enough others keep of a life is not lost* with their disks. Let X be the first of them that lost its own and is
   active again without knowing. Any two such sets meet, in W, who kept X's new life: if W kept the other before it
   answered X, it said so; if after, it told that node that X's former life was over, so X's answer did not count.

Some slot up to the end may be open, for its proposer is dead. So the passive node asks for what it lacks, one of the
others after the other; whoever is asked for more than it knows sees to it that something is chosen.
"""

from __future__ import annotations

from abc import abstractmethod

from protocols.ballots import ZERO
from protocols.kernel import Cluster, NodeId
from protocols.rejoining import Known, Lives, Return


class Unled(Lives):
    """Passive until it has executed all that the others have heard of; see the module."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.end: int | None = None
        """Up to where this node must have executed all, once that is known, on its way back."""
        self.turn = 0
        self.had = (0, 0)
        """Which of the others is asked, and what this node had when it was."""

    # --- of who comes back ------------------------------------------------------------------------

    def begin_life(self, back: Return, life: int) -> None:
        self.end = None
        super().begin_life(back, life)

    def hear_out(self, back: Return, src: NodeId, msg: Known) -> None:  # noqa: ARG002
        """Of enough. What later ones have heard of is of no matter."""
        if self.end is None:
            self.end = self.end_of(back)

    def end_of(self, back: Return) -> int:
        return max(known.last for known in back.known.values())

    def settle_in(self, back: Return) -> None:
        if self.end is not None and self.chosen() >= self.end:
            self.live_on(back)
            self.be_active()

    def lacks_some(self) -> bool:
        """Whether it is on its way back, and has not executed all that it must."""
        return self.back is not None and self.end is not None and self.chosen() < self.end

    def look_around(self, back: Return) -> None:
        """At each tick of the way back. Who is asked stays the same while that brings something."""
        self.ask_back(back)
        if self.lacks_some():
            have = (self.chosen(), self.received())
            self.turn += have == self.had
            self.had = have
            self.ask_more(self.peers[self.turn % len(self.peers)])

    # --- of the others ----------------------------------------------------------------------------

    def known_to(self, src: NodeId, nonce: int) -> Known:
        return Known(nonce, self.lives[src], ZERO, ZERO, self.heard_of(), tuple(self.lives))

    # --- what the protocol has to say ---------------------------------------------------------------

    @abstractmethod
    def heard_of(self) -> int:
        """The highest slot that this node has promised or voted in, or knows to be chosen. It is on disk."""

    @abstractmethod
    def ask_more(self, node: NodeId) -> None:
        """Ask for what comes after what is executed."""

    @abstractmethod
    def received(self) -> int:
        """How much it has of a snapshot that comes in parts."""
