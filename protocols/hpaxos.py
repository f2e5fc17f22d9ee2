"""HPaxos, of Paxi: whoever wants to leads at once, and every node must vote for every command.

Paxi (github.com/ailidani/paxi, 2017-2023) has an ``hpaxos`` that no paper describes; it is the far
end of Flexible Paxos (Howard, Malkhi, Spiegelman, OPODIS 2016, section 5): quorums of one node in
phase 1, of all in phase 2. Here it is ``fpaxos`` with ``count:1,n``, and nothing else. (The
Heterogeneous Paxos of Sheff, Wang, van Renesse and Myers, OPODIS 2020, is something else.)

- A node becomes leader without asking anybody, as soon as it has missed the last one for a while:
  its own votes are a quorum of phase 1. It has voted for all that was ever chosen, so it knows what
  may have been, slot by slot, and proposes it again in its own ballot.
- Of two leaders the one with the lower ballot is refused by some node, and so decides nothing more.
  Its command stays with the node whose client asked, which sends it to the winner: into a later slot.
  In Paxi each slot has a ballot and the loser retries in the next; here one ballot stands for all
  slots, which loses no commands and needs no phase 1 for each.

**One crash stops it**, and a cut of one link does: nothing is decided without every vote. Nothing is
lost by that. The way back is the node's own disk: it comes back with its promise and its votes,
leaders send at every tick what it has not voted for, and the slots that waited for it close. A node
that does not come back with its disk ends the cluster: there is no quorum without it. What is bought
is a change of leader for no message at all.

Departures: from Paxi, one ballot for all slots, sessions, durability and retransmission; its replicas
lose everything by a crash. Those of ``multipaxos``.

Assumes: what ``multipaxos`` does, and that every node is up and connected, now and then, at the same
time.
"""

from __future__ import annotations

from protocols.fpaxos import FPaxos
from protocols.kernel import Cluster
from protocols.multipaxos.candidate import CAUGHT_UP
from protocols.quorum_systems import QuorumSystem, parse


class HPaxos(FPaxos):
    """See the module. Options: those of ``multipaxos``, but for ``rejoin`` and ``voter``."""

    @classmethod
    def check(cls, cluster: Cluster) -> None:
        super().check(cluster)
        if "voter" in cluster.options:
            raise ValueError("voter: whoever wants to leads, and asks nobody for a promise")

    sometimes = (  # type: ignore[assignment]  # fewer than its base has: who asks nobody cannot be told
        *(name for name in FPaxos.sometimes if name != CAUGHT_UP),
    )

    @classmethod
    def quorums_of(cls, cluster: Cluster) -> QuorumSystem:
        return parse("all", cluster)
